"""A search space: one define-by-run function, its published configuration, and the factors of its ablation.

The function asks for values in Optuna's dialect (``trial.suggest_float`` and so on) and may ask for some only where
others allow it. Ranges and conditions are never written down a second time: they are found by probing the function.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, distribution_to_json
from optuna.trial import BaseTrial

from search_spaces.ablation import Factor
from search_spaces.asking import Answer, Asker, Question, answer_from_config, answer_from_trial
from search_spaces.distributions import contains, describe, format_value, nearest
from search_spaces.probing import Parameter, Probed, probe

Suggest = Callable[[Asker], Mapping[str, object]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchSpace:
    """The search space of one model family."""

    name: str
    family: str
    """Name of the model family whose configurations it describes."""
    description: str
    suggest: Suggest
    """Returns values by parameter name: those it asked for, and any it wants to set itself."""
    defaults: Mapping[str, object]
    """The published configuration, complete: the first trial, the reference, and the value of what is not asked for."""
    data: str = "sample"
    """The built-in data set that a study takes if none is named."""
    trials: int = 40
    """Trials of a search, unless a study says otherwise: the bare command takes minutes."""
    max_epochs: int = 5
    """Epochs of a full trial, unless a study says otherwise."""
    factors: tuple[Factor, ...] = ()
    preparation: tuple[str, ...] = ()
    """Parameters that prepare the data and are no part of the model. The published configuration competes with its best
    choices of them too: what they give is not the model's merit."""


@dataclass(frozen=True, kw_only=True)
class Restricted:
    """A space as one study searches it: some parameters fixed, some ranges replaced.

    Raises:
        ValueError: If a range is given for a parameter that the space does not search.
    """

    space: SearchSpace
    fixed: Mapping[str, object] = field(default_factory=dict)
    ranges: Mapping[str, BaseDistribution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        searched = [parameter.name for parameter in self._probed.parameters]
        for name in self.ranges:
            if name not in searched:
                why = "is fixed by --set" if name in self.fixed else "is not searched"
                raise ValueError(f"--range {name}=... has no effect: it {why}; searched are {', '.join(searched)}")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that a study may search, in the order in which they come up."""
        return self._probed.parameters

    @property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that have a choice; one with a single value is asked for, so that a study may widen it."""
        return tuple(parameter for parameter in self.parameters if not parameter.distribution.single())

    def configure(self, trial: BaseTrial) -> tuple[dict[str, object], frozenset[str]]:
        """Ask an Optuna trial for a configuration.

        Returns:
            The complete configuration, and the names of the parameters whose conditions hold.
        """
        return self._complete(answer_from_trial(trial))

    def encode(self, config: Mapping[str, object]) -> dict[str, Any]:
        """Return the answers with which :meth:`configure` yields ``config``: what to enqueue in an Optuna study.

        Raises:
            ValueError: If a value lies outside the space.
        """
        from_config = answer_from_config(config)
        answers: dict[str, Any] = {}

        def answer(question: Question) -> Any:
            value = from_config(question)
            if not contains(question.distribution, value):
                raise ValueError(
                    f"`{question.name}` is {format_value(value)}, but this study searches "
                    f"{describe(question.distribution)}; widen it by --range or choose another value"
                )
            answers[question.name] = value
            return value

        self._complete(answer)
        return answers

    def active(self, config: Mapping[str, object]) -> frozenset[str]:
        """Return the parameters whose conditions hold in a configuration, which need not lie in the space."""
        return self._complete(answer_from_config(config))[1]

    def settle(self, config: Mapping[str, object]) -> dict[str, object]:
        """Give what a configuration does not use the value that the space sets then, or the published one."""
        asker = Asker(answer_from_config(config), fixed=self.fixed, ranges=self.ranges)
        answers = self.space.suggest(asker)
        unused = self._probed.conditional - frozenset(asker.parameters)
        return {
            name: answers[name] if name in answers else published if name in unused else config[name]
            for name, published in self.space.defaults.items()
        }

    def project(self, config: Mapping[str, object]) -> dict[str, object]:
        """Return the member of the space nearest to a configuration, parameter by parameter."""
        from_config = answer_from_config(config)
        return self._complete(lambda question: nearest(question.distribution, from_config(question)))[0]

    def prepare_otherwise(self, config: Mapping[str, object]) -> list[dict[str, object]]:
        """List what a configuration becomes by other choices of a parameter that prepares the data, within the space.

        Empty where the configuration lies outside in some other respect.
        """
        nearest_one = self.project(config)
        if any(nearest_one[name] != value for name, value in config.items() if name not in self.space.preparation):
            return []
        found = [nearest_one]
        for parameter in self.parameters:
            if parameter.name in self.space.preparation and isinstance(parameter.distribution, CategoricalDistribution):
                found += [{**nearest_one, parameter.name: choice} for choice in parameter.distribution.choices]
        unique = [one for place, one in enumerate(found) if one not in found[:place]]
        return [one for one in unique if one != config]

    def identity(self) -> str:
        """Hash what is searched: family, ranges, conditions, defaults and fixed values."""
        ranges = [
            [p.name, distribution_to_json(p.distribution), p.switch is not None, p.condition] for p in self.parameters
        ]
        content = [self.space.family, ranges, dict(self.space.defaults), dict(self.fixed)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def _complete(self, answer: Answer) -> tuple[dict[str, object], frozenset[str]]:
        asker = Asker(answer, fixed=self.fixed, ranges=self.ranges)
        config = {**self.space.defaults, **self.fixed, **self.space.suggest(asker)}
        return config, frozenset(config) - (self._probed.conditional - frozenset(asker.parameters))

    @cached_property
    def _probed(self) -> Probed:
        return probe(self.space.suggest, defaults=self.space.defaults, fixed=self.fixed, ranges=self.ranges)
