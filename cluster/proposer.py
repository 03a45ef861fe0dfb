"""Optuna behind one method: which configuration next, given the study's seed, the trial and what was told so far.

The Optuna study lives in memory and is rebuilt by replaying the log; nothing of it is stored. A fresh sampler, seeded
from (study seed, trial number, attempt), answers every question, so that no hidden state decides.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from cluster.events import Event
from search_spaces.space import Restricted
from trainables.seeding import derive_seed

SamplerName = Literal["tpe", "random"]

_MOST_ATTEMPTS = 100
_GUIDED_ATTEMPTS = 30

Canonical = Callable[[Mapping[str, object]], dict[str, Any]]


class ExhaustedError(Exception):
    """The sampler found no configuration that the study has not tried."""


class Proposer:
    """Proposes configurations and is told how they fared."""

    def __init__(
        self,
        restricted: Restricted,
        *,
        seed: int,
        sampler: SamplerName,
        maximize: bool,
        canonical: Canonical,
        hash_config: Callable[[Mapping[str, Any]], str],
    ) -> None:
        """Begin with nothing told.

        Args:
            restricted: The space.
            seed: The study's seed.
            sampler: Which sampler proposes.
            maximize: Whether a higher objective is better.
            canonical: Brings a configuration into the form in which it is compared and stored.
            hash_config: Identifies a canonical configuration.
        """
        self._restricted, self._seed, self._sampler = restricted, seed, sampler
        self._canonical, self._hash = canonical, hash_config
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize")
        self._trials: dict[str, optuna.Trial] = {}

    def propose(self, number: int, tried: set[str]) -> tuple[dict[str, Any], frozenset[str]]:
        """Propose a configuration that was not tried before.

        Args:
            number: Number of the search trial.
            tried: Hashes of the configurations that the study has asked for.

        Returns:
            The configuration and the parameters that count in it. The proposal is not remembered; the event that
            records it is what :meth:`apply` learns from.

        Raises:
            ExhaustedError: If 100 attempts, the last 70 of them at random, gave nothing new.
        """
        return self._find_new(tried, lambda attempt: self._make_sampler(number, attempt))

    def draw(self, number: int, tried: set[str]) -> tuple[dict[str, Any], frozenset[str]]:
        """Draw a configuration at random, whatever was told: the same for the same study seed and number.

        Args:
            number: Number of the configuration among those that check the objective.
            tried: Hashes of the configurations that were drawn before.

        Returns:
            As :meth:`propose`.

        Raises:
            ExhaustedError: If 100 attempts gave nothing new.
        """
        return self._find_new(tried, lambda attempt: RandomSampler(seed=self._sampler_seed("draw", number, attempt)))

    def _find_new(
        self, tried: set[str], make_sampler: Callable[[int], BaseSampler]
    ) -> tuple[dict[str, Any], frozenset[str]]:
        for attempt in range(_MOST_ATTEMPTS):
            self._study.sampler = make_sampler(attempt)
            trial = self._study.ask()
            config, active = self._restricted.configure(trial)
            # Failed trials are all that samplers pass over, so asking leaves no trace.
            self._study.tell(trial, state=TrialState.FAIL)
            config = self._canonical(config)
            if self._hash(config) not in tried:
                return config, active
        raise ExhaustedError

    def apply(self, event: Event) -> None:
        """Learn from an event, whether it happens or is replayed."""
        fields = event.fields
        if event.kind == "asked" and fields["stage"] == "search":
            self._ask(fields["trial"], fields["config"])
        elif fields.get("trial") not in self._trials:
            return
        elif event.kind == "reported":
            self._trials[fields["trial"]].report(fields["value"], step=fields["epoch"])
        elif event.kind == "decided" and fields["verdict"] != "continue":
            # A stopped trial has no final value: told as complete, it would compete with what was trained to the end.
            complete = fields["verdict"] == "complete"
            self._tell(fields["trial"], TrialState.COMPLETE if complete else TrialState.PRUNED)
        elif fields.get("work") == "train" and (event.kind == "failed" or (event.kind == "lost" and fields["final"])):
            self._tell(fields["trial"], TrialState.FAIL)

    def _make_sampler(self, number: int, attempt: int) -> BaseSampler:
        seed = self._sampler_seed("sampler", number, attempt)
        if self._sampler == "random" or attempt >= _GUIDED_ATTEMPTS:
            return RandomSampler(seed=seed)
        with warnings.catch_warnings():
            # "group" lets a conditional space be sampled jointly; Optuna marks it experimental.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)

    def _sampler_seed(self, stream: str, number: int, attempt: int) -> int:
        return derive_seed(self._seed, stream, number, attempt) % (1 << 32)

    def _ask(self, trial_id: str, config: Mapping[str, Any]) -> None:
        """Put a recorded configuration into the Optuna study, as a running trial."""
        self._study.sampler = RandomSampler(seed=0)  # everything is enqueued, so nothing is sampled
        self._study.enqueue_trial(self._restricted.encode(config))
        trial = self._study.ask()
        asked, _ = self._restricted.configure(trial)
        if self._hash(self._canonical(asked)) != self._hash(config):
            raise ValueError(f"the search space does not give back the recorded configuration of {trial_id}")
        self._trials[trial_id] = trial

    def _tell(self, trial_id: str, state: TrialState) -> None:
        trial = self._trials.pop(trial_id)
        values = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        value = values[max(values)] if state == TrialState.COMPLETE else None
        self._study.tell(trial, value, state=state)
