"""Finding out what a define-by-run space holds, by running it down every branch."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces.asking import Answer, Asker, Question, answer_from_config, switch_name
from search_spaces.distributions import describe, format_value, nearest

_MOST_RUNS = 5000
_RANDOM_RUNS = 500

Run = Mapping[str, Question]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One searched parameter, as probing found it."""

    name: str
    distribution: BaseDistribution
    switch: Question | None
    """Where the parameter can be left out: the question that decides it."""
    condition: str
    """When it is searched, in words; empty means always."""

    def describe_range(self) -> str:
        """Return the range in words."""
        inside = describe(self.distribution)
        return inside if self.switch is None else f"{format_value(self.switch.absent)} or {inside}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """What probing found."""

    parameters: tuple[Parameter, ...]
    """The searched ones, in the order in which they come up."""
    conditional: frozenset[str]
    """Every parameter that the function ever asks for, fixed ones included: the others always hold."""


def probe(
    suggest: Any, *, defaults: Mapping[str, object], fixed: Mapping[str, object], ranges: Mapping[str, BaseDistribution]
) -> Probed:
    """Run a space's function down every branch.

    Every parameter is answered with its default; whenever a new one comes up, the function also runs with each of its
    choices, or with its lowest and highest value, on top of the answers that made it come up. Then it runs 500 times
    with answers drawn among those: a branch that needs two or three unusual answers at once is found as good as surely
    (one in 64 runs reaches it: missed with a chance below 0.0004), one that needs five may not be.

    Raises:
        ValueError: If the function asks for a parameter that has no default, or branches without end.
    """
    exploration = _Exploration(suggest, defaults, fixed, ranges)
    exploration.explore([{}])
    draw = random.Random(0)  # the same probes every time, whatever else draws
    for _ in range(_RANDOM_RUNS):
        drawn = {name: draw.choice(_probe_values(question)) for name, question in exploration.seen.items()}
        exploration.explore([drawn])
    if missing := [name for name in exploration.parameters if name not in defaults]:
        raise ValueError(f"the search space asks for {', '.join(missing)}, but its defaults give no value for it")
    return Probed(
        parameters=tuple(
            _parameter(question, exploration) for question in exploration.seen.values() if not question.is_switch
        ),
        conditional=frozenset(exploration.parameters),
    )


class _Exploration:
    """Runs a function under assignments and keeps what came up."""

    def __init__(
        self,
        suggest: Any,
        defaults: Mapping[str, object],
        fixed: Mapping[str, object],
        ranges: Mapping[str, BaseDistribution],
    ) -> None:
        self._suggest, self._defaults, self._fixed, self._ranges = suggest, defaults, fixed, ranges
        self.seen: dict[str, Question] = {}
        """Every question, by its name."""
        self.parameters: dict[str, None] = {}
        """Every parameter, fixed ones included."""
        self.single: list[tuple[tuple[str, object] | None, Run]] = []
        """The runs with no answer changed (first) or one."""

    def explore(self, assignments: list[dict[str, object]]) -> None:
        """Run under each assignment, and under every extension of it by a question that is new."""
        waiting = list(assignments)
        n_runs = 0
        while waiting:
            assignment = waiting.pop(0)
            questions = self._run(assignment)
            if len(assignment) <= 1:
                self.single.append((next(iter(assignment.items()), None), questions))
            for question in questions.values():
                if question.name not in self.seen:
                    self.seen[question.name] = question
                    usual = _answer({}, self._defaults)(question)
                    waiting.extend(
                        {**assignment, question.name: value}
                        for value in _probe_values(question)
                        if value != usual or type(value) is not type(usual)
                    )
            n_runs += 1
            if n_runs > _MOST_RUNS:
                raise ValueError(f"the search space branches more than {_MOST_RUNS} times; give it fewer conditions")

    def _run(self, assignment: Mapping[str, object]) -> Run:
        asker = Asker(_answer(assignment, self._defaults), fixed=self._fixed, ranges=self._ranges)
        self._suggest(asker)
        self.parameters.update(asker.parameters)
        return asker.questions


def _answer(assignment: Mapping[str, object], defaults: Mapping[str, object]) -> Answer:
    from_defaults = answer_from_config(defaults)

    def answer(question: Question) -> object:
        if question.name in assignment:
            return assignment[question.name]
        if question.parameter not in defaults:
            return _lowest(question.distribution)  # reported as an error once all of them are known
        return nearest(question.distribution, from_defaults(question))

    return answer


def _probe_values(question: Question) -> tuple[Any, ...]:
    distribution = question.distribution
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return (distribution.low, distribution.high)


def _parameter(question: Question, exploration: _Exploration) -> Parameter:
    return Parameter(
        name=question.name,
        distribution=question.distribution,
        switch=exploration.seen.get(switch_name(question.name)),
        condition=_describe_condition(question, exploration),
    )


def _describe_condition(question: Question, exploration: _Exploration) -> str:
    """Say which single change of the defaults removes the parameter, or which brings it up."""

    def comes_up(run: Run) -> bool:
        return question.name in run or switch_name(question.name) in run

    usual = comes_up(exploration.single[0][1])
    deciding = [change for change, run in exploration.single if change is not None and comes_up(run) != usual]
    if not deciding:
        return "" if usual else "under several conditions together"
    by_name: dict[str, list[str]] = {}
    for name, value in deciding:
        by_name.setdefault(name, []).append(format_value(value))
    clauses = [f"{name} = {' or '.join(values)}" for name, values in by_name.items()]
    return f"{'unless' if usual else 'only if'} {' or '.join(clauses)}"


def _lowest(distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low
