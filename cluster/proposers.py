"""The samplers of a study: one for its search, or one for each search of each re-tuned arm of an ablation."""

from collections.abc import Callable, Mapping

from cluster.events import Event
from cluster.proposer import Proposer
from cluster.state import Group

MAIN_SEARCH: Group = ("search", None)


class Proposers:
    """Tells every sampler what concerns it, and no more."""

    def __init__(self, main: Proposer, *, groups: Mapping[Group, Callable[[], Proposer]] | None = None) -> None:
        """Begin with nothing told.

        Args:
            main: Of the study's own search, and of the check of its objective.
            groups: Makes the sampler of each search of an arm, when it is first needed.
        """
        self.main = main
        self._make = dict(groups or {})
        self._made: dict[Group, Proposer] = {MAIN_SEARCH: main}
        self._home: dict[str, Proposer] = {}

    def of(self, group: Group) -> Proposer:
        """Return the sampler of a search."""
        if group not in self._made:
            self._made[group] = self._make[group]()
        return self._made[group]

    def apply(self, event: Event) -> None:
        """Pass an event on to the sampler whose trial it is about."""
        fields = event.fields
        if event.kind == "asked" and fields["stage"] == "search":
            self._home[fields["trial"]] = self.of((fields["arm"], fields["block"]))
        if (proposer := self._home.get(fields.get("trial", ""))) is not None:
            proposer.apply(event)
