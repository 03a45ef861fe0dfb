"""What a search space's function talks to: Optuna's ``suggest`` methods, answered by whoever listens.

The same function serves a sampler (an Optuna trial answers), the encoding of a known configuration (the configuration
answers) and probing (every branch is tried), because it only ever asks :class:`Asker`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import BaseTrial


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One thing that is asked: a value of a parameter, or whether the parameter has one at all."""

    name: str
    """What the sampler knows it by."""
    distribution: BaseDistribution
    parameter: str
    """The parameter of the configuration."""
    is_switch: bool = False
    absent: object = None
    """For a switch: the value that stands for "without"."""


Answer = Callable[[Question], Any]


class Asker:
    """Passes a space's questions on, after the study's own values and ranges have been put in their place."""

    def __init__(self, answer: Answer, *, fixed: Mapping[str, object], ranges: Mapping[str, BaseDistribution]) -> None:
        self._answer, self._fixed, self._ranges = answer, fixed, ranges
        self.questions: dict[str, Question] = {}
        """Every question passed on, by the sampler's name, in order."""
        self.parameters: dict[str, None] = {}
        """Every parameter that came up, fixed ones included, in order."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Ask for a float in [low, high]."""
        return cast(float, self._ask(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Ask for a whole number in [low, high], both included."""
        return cast(int, self._ask(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Ask for one of the choices."""
        return self._ask(name, CategoricalDistribution(tuple(choices)))

    def suggest_float_or(self, name: str, absent: float, low: float, high: float, *, log: bool = False) -> float:
        """Ask for ``absent`` or a float in [low, high], each half of the time: a part that can be left out."""
        self.parameters[name] = None
        if name not in self._fixed and name not in self._ranges:
            switch = Question(
                name=switch_name(name),
                distribution=CategoricalDistribution((False, True)),
                parameter=name,
                is_switch=True,
                absent=absent,
            )
            if not self._pass_on(switch):
                return absent
        return self.suggest_float(name, low, high, log=log)

    def _ask(self, name: str, distribution: BaseDistribution) -> object:
        self.parameters[name] = None
        if name in self._fixed:
            return self._fixed[name]
        return self._pass_on(Question(name=name, distribution=self._ranges.get(name, distribution), parameter=name))

    def _pass_on(self, question: Question) -> object:
        self.questions[question.name] = question
        return self._answer(question)


def switch_name(parameter: str) -> str:
    """Return what a sampler calls the question whether a parameter has a value at all."""
    return f"{parameter} is used"


def answer_from_trial(trial: BaseTrial) -> Answer:
    """Let an Optuna trial answer."""

    def answer(question: Question) -> Any:
        distribution = question.distribution
        if isinstance(distribution, FloatDistribution):
            low, high, step, log = distribution.low, distribution.high, distribution.step, distribution.log
            return trial.suggest_float(question.name, low, high, step=step, log=log)
        if isinstance(distribution, IntDistribution):
            whole = distribution
            return trial.suggest_int(question.name, whole.low, whole.high, step=whole.step, log=whole.log)
        assert isinstance(distribution, CategoricalDistribution)
        return trial.suggest_categorical(question.name, distribution.choices)

    return answer


def answer_from_config(config: Mapping[str, object]) -> Answer:
    """Let a configuration answer with its own values, whether or not they lie in the space."""

    def answer(question: Question) -> Any:
        value = config[question.parameter]
        return value != question.absent if question.is_switch else value

    return answer
