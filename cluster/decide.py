"""What happens next, as a function of what the log says: no cluster, no clock, no disk, no randomness.

A study is a list of phases. Each looks at the state and names the next thing to do, or says that it has nothing left;
then the following phase is asked. Whoever carries the actions out (:mod:`cluster.tuner`, or a loop in a test) records
them as events, and the next look sees them done.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from cluster.actions import Action, Ask, Create, Done, Draw, Record, Run, Wait
from cluster.decide_ablation import ablate, look
from cluster.handing_out import hand_out, of_stage
from cluster.plan import Config, PhaseName
from cluster.state import StudyState, Trial
from trainables.seeding import stage_seed

VARIANT_ARM = "published_variant"
"""Arm of the published configuration with another preparation of the data."""
CHECK_ARM = "random_configuration"
"""Arm of the trials that check the objective."""


def next_action(state: StudyState) -> Action:
    """Name the next thing to do."""
    if (trial := state.first_due()) is not None:
        return decision(trial)
    for name in state.plan.phases:
        action = _PHASES[name](state)
        if action is not None:
            return action
    return Done()


def decision(trial: Trial) -> Record:
    """Put the verdict on a trial's last report on record."""
    assert trial.due is not None
    return Record(kind="decided", fields={"trial": trial.trial_id, "epoch": trial.epoch, "verdict": trial.due})


def ranked_search(state: StudyState) -> list[Trial]:
    """List the completed search trials, best first; earlier ones first among equals. Stopped ones never count."""
    completed = [trial for trial in state.of_stage("search") if trial.status == "COMPLETED"]
    return sorted(completed, key=lambda trial: (-_final_score(state, trial), trial.number))


def confirmed_trials(state: StudyState) -> dict[str, list[Trial]]:
    """Group the confirmation trials of the current candidates by configuration, in the order of the candidates."""
    groups: dict[str, list[Trial]] = {plan_hash: [] for plan_hash in _candidates(state)}
    for trial in state.of_stage("confirm"):
        if trial.config_hash in groups:
            groups[trial.config_hash].append(trial)
    return groups


def _search(state: StudyState) -> Action | None:
    unfinished = of_stage(state, state.unfinished, "search")
    if (action := hand_out(unfinished, "train")) is not None:
        return action
    if state.n_asked < state.n_trials and not state.exhausted:
        listed = state.plan.listed
        return Ask(number=state.n_asked, config=listed[state.n_asked] if state.n_asked < len(listed) else None)
    if not unfinished:
        return None
    # Whatever the last trials will show, the published configuration is confirmed: idle workers may begin with it.
    return _confirm_these(state, {_published_hash(state): state.plan.published}) or Wait()


def _confirm(state: StudyState) -> Action | None:
    action = _confirm_these(state, _candidates(state))
    if action is None and of_stage(state, state.unfinished, "confirm"):
        return Wait()
    return action


def _confirm_these(state: StudyState, candidates: Mapping[str, Config]) -> Run | Create | None:
    """Begin or continue confirmations, as far as configurations are given and wanted."""
    if state.plan.confirm_top == 0:
        return None
    if (action := hand_out(of_stage(state, state.unfinished, "confirm"), "train")) is not None:
        return action
    # Seed by seed, so that every candidate has as many as the others when a study is interrupted.
    existing = {(trial.config_hash, trial.seed) for trial in state.of_stage("confirm")}
    number = sum(1 for _ in state.of_stage("confirm"))
    for block in range(state.plan.confirm_seeds):
        seed = stage_seed(state.plan.seed, "confirm", block)
        for config_hash, config in candidates.items():
            if (config_hash, seed) not in existing:
                return Create(
                    trial_id=f"confirm-{number:04d}",
                    stage="confirm",
                    arm=_confirmed_arm(state, config_hash),
                    number=number,
                    config=config,
                    seed=seed,
                    block=f"seed-{block}",
                    series=state.plan.all_series,
                )
    return None


def _select(state: StudyState) -> Action | None:
    winner = _winner(state)
    if winner is None:
        return Done(failure="no trial reached full fidelity, so there is no best configuration")
    if winner != state.selected:
        return Record(kind="selected", fields={"config_hash": winner})
    return None


def _test(state: StudyState) -> Action | None:
    """Open the test split for the confirmed trials and for the untrained baselines."""
    if not state.test_opened:
        return Record(kind="test_opened")
    # Baselines take seconds, and no row can be judged without them.
    baselines = of_stage(state, state.unfinished, "baseline")
    if (action := hand_out(baselines, "baseline")) is not None:
        return action
    if (create := _next_baseline(state)) is not None:
        return create
    untested = [trial for trial in _to_be_tested(state) if not trial.tested]
    if (action := hand_out(untested, "test")) is not None:
        return action
    return Wait() if untested or baselines else None


def _check(state: StudyState) -> Action | None:
    """Measure how well the objective ranks test scores, on random configurations at full fidelity."""
    trials = list(state.of_stage("validity"))
    training = of_stage(state, state.unfinished, "validity")
    untested = [trial for trial in trials if trial.status == "COMPLETED" and not trial.tested]
    if (action := hand_out(untested, "test") or hand_out(training, "train")) is not None:
        return action
    if (begin := _next_check(state, trials)) is not None:
        return begin
    return Wait() if training or untested else None


def _next_check(state: StudyState, trials: list[Trial]) -> Draw | Create | None:
    """Begin with the next configuration, or with a further seed of the last one."""
    number, n_seeds = len(trials), state.plan.check_seeds
    index, further = divmod(number, n_seeds)
    if further:
        seed = stage_seed(state.plan.seed, "validity", number)
        return Create(
            trial_id=check_name(number),
            stage="validity",
            arm=CHECK_ARM,
            number=number,
            config=trials[-1].config,
            seed=seed,
            block=f"seed-{further}",
            series=state.plan.all_series,
        )
    return Draw(number=number, index=index) if index < state.n_checks and not state.checks_exhausted else None


def check_name(number: int) -> str:
    """Name a trial that checks the objective."""
    return f"validity-{number:04d}"


def _next_baseline(state: StudyState) -> Create | None:
    existing = {(trial.arm, trial.block) for trial in state.of_stage("baseline")}
    for name in state.plan.baselines:
        # What draws nothing at random needs no second seed.
        for seed in range(_n_baseline_seeds(state) if name == "random" else 1):
            if (name, f"seed-{seed}") not in existing:
                return Create(
                    trial_id=f"baseline-{len(existing):04d}",
                    stage="baseline",
                    arm=name,
                    number=len(existing),
                    config={},
                    seed=stage_seed(state.plan.seed, "baseline", seed),
                    block=f"seed-{seed}",
                    series=state.plan.all_series,
                )
    return None


def _n_baseline_seeds(state: StudyState) -> int:
    return state.n_seeds if state.plan.ablation is not None else max(1, state.plan.confirm_seeds)


def _candidates(state: StudyState) -> dict[str, Config]:
    """The best k configurations of the search and the published one, by hash."""
    best: dict[str, Config] = {}
    for trial in ranked_search(state):
        if len(best) == state.plan.confirm_top:
            break
        best.setdefault(trial.config_hash, trial.config)
    if best:
        best.setdefault(_published_hash(state), state.plan.published)
        if (variant := _best_variant(state)) is not None:
            best.setdefault(state.plan.hash_config(variant), variant)
    return best


def _best_variant(state: StudyState) -> Config | None:
    """The published configuration with the preparation of the data that the search liked best; ``None`` if its own.

    What went on for longer was better when it mattered, so the epochs count first.
    """
    hashes = {state.plan.hash_config(config) for config in (state.plan.published, *state.plan.variants)}
    found = [
        trial
        for trial in state.of_stage("search")
        if trial.config_hash in hashes and trial.status in ("COMPLETED", "STOPPED")
    ]
    if not state.plan.variants or not found:
        return None
    best = max(found, key=lambda trial: (trial.epoch, _final_score(state, trial), -trial.number))
    return None if best.config_hash == _published_hash(state) else best.config


def _confirmed_arm(state: StudyState, config_hash: str) -> str:
    if config_hash == _published_hash(state):
        return "published"
    variants = {state.plan.hash_config(config) for config in state.plan.variants}
    return VARIANT_ARM if config_hash in variants else "candidate"


def _winner(state: StudyState) -> str | None:
    """The configuration with the best confirmed objective; without confirmation the best of the search.

    A candidate that failed under some seed cannot win against one that did not.
    """
    if state.plan.confirm_top == 0:
        ranked = ranked_search(state)
        return ranked[0].config_hash if ranked else None
    groups = confirmed_trials(state)
    completed = {
        config_hash: [trial for trial in trials if trial.status == "COMPLETED"]
        for config_hash, trials in groups.items()
    }
    most = max((len(trials) for trials in completed.values()), default=0)
    if most == 0:
        return None
    means = {
        config_hash: sum(_final_score(state, trial) for trial in trials) / most
        for config_hash, trials in completed.items()
        if len(trials) == most
    }
    return max(means, key=lambda config_hash: means[config_hash])


def _to_be_tested(state: StudyState) -> Iterable[Trial]:
    if state.plan.ablation is not None:
        ablated = (*state.of_stage("ablate_frozen"), *state.of_stage("ablate_retuned"))
        return [trial for trial in ablated if trial.status == "COMPLETED"]
    if state.plan.confirm_top > 0:
        groups = confirmed_trials(state)
        # What the answer is about comes first: a study that is interrupted here has it already.
        standing = {"published": 1, VARIANT_ARM: 2}
        order = sorted(groups, key=lambda one: 0 if one == state.selected else standing.get(_arm_of(groups[one]), 3))
        return [trial for one in order for trial in groups[one] if trial.status == "COMPLETED"]
    hashes = {state.selected, _published_hash(state)}
    first_of_each = {trial.config_hash: trial for trial in reversed(ranked_search(state))}
    return [trial for config_hash, trial in first_of_each.items() if config_hash in hashes]


def _arm_of(trials: Sequence[Trial]) -> str:
    return trials[0].arm if trials else ""


def _published_hash(state: StudyState) -> str:
    return state.plan.hash_config(state.plan.published)


def _final_score(state: StudyState, trial: Trial) -> float:
    assert trial.value is not None
    return state.score(trial.value)


_PHASES: dict[PhaseName, Callable[[StudyState], Action | None]] = {
    "search": _search,
    "confirm": _confirm,
    "select": _select,
    "ablate": ablate,
    "test": _test,
    "check": _check,
    "look": look,
}
