import optuna
import pytest

from cluster.events import Event
from cluster.proposer import ExhaustedError, Proposer
from search_spaces.asking import Asker
from search_spaces.space import Restricted, SearchSpace
from tests.cluster.simulation import SPACE, make_plan

PLAN = make_plan()


def _proposer(sampler: str = "tpe", space: SearchSpace = SPACE) -> Proposer:
    return Proposer(
        Restricted(space=space),
        seed=0,
        sampler=sampler,  # type: ignore[arg-type]
        maximize=True,
        canonical=dict,
        hash_config=PLAN.hash_config,
    )


def _event(kind: str, **fields: object) -> Event:
    return Event(seq=0, time=0.0, kind=kind, fields=fields)


def _feed(proposer: Proposer, n_trials: int) -> list[dict[str, object]]:
    """Ask, record and tell trials; every third is stopped, every fifth fails, every eighth loses its workers."""
    configs: list[dict[str, object]] = []
    for number in range(n_trials):
        config, _ = proposer.propose(number, {PLAN.hash_config(one) for one in configs})
        configs.append(config)
        trial = f"search-{number:04d}"
        proposer.apply(_event("asked", trial=trial, stage="search", config=config))
        proposer.apply(_event("reported", trial=trial, epoch=1, value=float(config["rate"])))
        if number % 5 == 4:
            proposer.apply(_event("failed", trial=trial, work="train", error="nan"))
        elif number % 8 == 7:
            proposer.apply(_event("lost", trial=trial, work="train", reason="", final=False))
            proposer.apply(_event("lost", trial=trial, work="train", reason="", final=True))
        else:
            verdict = "stop" if number % 3 == 2 else "complete"
            proposer.apply(_event("decided", trial=trial, epoch=1, verdict=verdict))
    return configs


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_history_gives_the_same_proposals(sampler: str) -> None:
    assert _feed(_proposer(sampler), 25) == _feed(_proposer(sampler), 25)


def test_a_proposal_that_is_not_recorded_leaves_no_trace() -> None:
    """A driver may die between proposing and recording: the next one proposes the same."""
    proposer, undisturbed = _proposer(), _proposer()
    for one in (proposer, undisturbed):
        _feed(one, 15)
    for _ in range(3):
        proposer.propose(15, set())
    assert proposer.propose(15, set()) == undisturbed.propose(15, set())


def test_stopped_and_failed_trials_are_told_as_what_they_are() -> None:
    proposer = _proposer()
    _feed(proposer, 10)
    told = [trial for trial in proposer._study.trials if trial.intermediate_values]
    states = [trial.state.name for trial in told]
    assert states == [
        "COMPLETE", "COMPLETE", "PRUNED", "COMPLETE", "FAIL", "PRUNED", "COMPLETE", "FAIL", "PRUNED", "FAIL"
    ]  # fmt: skip
    assert all(trial.values is not None for trial in told if trial.state == optuna.trial.TrialState.COMPLETE)


def test_inactive_parameters_are_reported() -> None:
    proposer = _proposer("random")
    for number in range(30):
        config, active = proposer.propose(number, set())
        assert ("depth" in active) == (config["kind"] != "c")


def test_no_configuration_is_proposed_twice_and_an_empty_space_says_so() -> None:
    def suggest(trial: Asker) -> dict[str, object]:
        return {"x": trial.suggest_int("x", 1, 6)}

    proposer = _proposer(space=SearchSpace(name="s", family="toy", description="", suggest=suggest, defaults={"x": 1}))
    tried: set[str] = set()
    for number in range(6):
        config, _ = proposer.propose(number, tried)
        tried.add(PLAN.hash_config(config))
    assert len(tried) == 6
    with pytest.raises(ExhaustedError):
        proposer.propose(6, tried)


def test_tpe_learns() -> None:
    """The value is the rate: after 30 told trials TPE proposes higher ones than the random sampler does."""

    def median_rate(sampler: str) -> float:
        rates = sorted(float(config["rate"]) for config in _feed(_proposer(sampler), 60)[30:])
        return rates[len(rates) // 2]

    assert median_rate("tpe") > 2 * median_rate("random")


def test_an_edited_space_is_noticed_at_replay() -> None:
    def suggest(trial: Asker) -> dict[str, object]:
        return {"rate": trial.suggest_float("rate", 1e-3, 0.05)}

    narrower = SearchSpace(name="s", family="toy", description="", suggest=suggest, defaults={"rate": 0.01})
    with pytest.raises(ValueError, match="`rate` is 0.9"):
        _proposer(space=narrower).apply(_event("asked", trial="t", stage="search", config={"rate": 0.9}))
