"""What an ablation does next: arms in blocks, searches of re-tuned arms, and the path from the published configuration.

None of it waits for another part of it, except that a re-tuned arm's runs wait for its search, and a path for the order
of its steps; so whatever can begin begins, and idle workers are rare.
"""

from collections.abc import Iterator, Mapping
from statistics import fmean

from cluster.actions import Action, Create, Record, Tune, Wait
from cluster.handing_out import hand_out
from cluster.plan import AblationPlan, Config, FrozenArm, RetunedArm
from cluster.state import Group, StudyState, Trial
from trainables.seeding import stage_seed

PATH = "path"
"""Factor of the configurations on the way from the published one to the base."""


def ablate(state: StudyState) -> Action | None:
    """Begin or continue a run of any arm."""
    unfinished = [trial for name in state.unfinished if (trial := state.trials[name]).stage != "baseline"]
    if (run := hand_out(unfinished, "train")) is not None:
        return run
    for begin in (_frozen, _path, _tune, _retuned):
        if (action := begin(state)) is not None:
            return action
    return Wait() if unfinished else None


def look(state: StudyState) -> Record | None:
    """Put on record that every block was tested, so that somebody may look at the result."""
    if state.looked_at and state.looked_at[-1] == state.n_seeds:
        return None
    return Record(kind="looked", fields={"look": len(state.looked_at) + 1, "seeds": state.n_seeds})


def path_configs(plan: AblationPlan, published: Config, order: tuple[str, ...]) -> list[tuple[str, Config]]:
    """List the configurations that the published one becomes as its parameters take the base's values one by one."""
    config: Config = published
    steps: list[tuple[str, Config]] = []
    for parameter in order:
        config = plan.path_settle({**config, parameter: plan.base[parameter]})
        steps.append((parameter, config))
    return steps


def search_group(arm: str, search: int) -> Group:
    """Name one search of a re-tuned arm."""
    return arm, f"search-{search}"


def _frozen(state: StudyState) -> Create | None:
    plan = _plan(state)
    singles = [
        FrozenArm(name=f"{PATH} {name}", factor=PATH, level=name, config=config)
        for name, config in plan.path_singles.items()
    ]
    published = [FrozenArm(name="published", factor=PATH, level=None, config=state.plan.published)] if plan.path else []
    return _next_run(state, [*plan.frozen, *published, *singles])


def _path(state: StudyState) -> Create | Record | None:
    """Order the single changes by what each gains on validation, then add them up in that order."""
    plan = _plan(state)
    if not plan.path:
        return None
    if not state.path_order:
        return _order_path(state, plan)
    steps = [
        FrozenArm(name=f"{PATH} {number} {parameter}", factor=PATH, level=parameter, config=config)
        for number, (parameter, config) in enumerate(path_configs(plan, state.plan.published, state.path_order), 1)
    ]
    return _next_run(state, steps)


def _order_path(state: StudyState, plan: AblationPlan) -> Record | None:
    scores: dict[str, list[float]] = {}
    for trial in state.of_stage("ablate_frozen"):
        if trial.status == "RUNNING":
            return None
        if trial.status == "COMPLETED" and trial.value is not None:
            scores.setdefault(trial.config_hash, []).append(state.score(trial.value))
    gains = {
        name: fmean(scores.get(state.plan.hash_config(config), [float("-inf")]))
        for name, config in plan.path_singles.items()
    }
    order = tuple(sorted(plan.path, key=lambda name: (-gains[name], plan.path.index(name))))
    steps = [
        {"parameter": parameter, "config": dict(config), "config_hash": state.plan.hash_config(config)}
        for parameter, config in path_configs(plan, state.plan.published, order)
    ]
    return Record(kind="ordered", fields={"path": steps})


def _next_run(state: StudyState, arms: list[FrozenArm]) -> Create | None:
    """Begin with the first run that is missing, block by block, so that an interrupted study has whole blocks."""
    existing = {(trial.config_hash, trial.seed) for trial in state.of_stage("ablate_frozen")}
    for block in range(state.n_seeds):
        seed = stage_seed(state.plan.seed, "ablate", block)
        for arm in arms:
            if (state.plan.hash_config(arm.config), seed) not in existing:
                return Create(
                    trial_id=f"frozen-{sum(1 for _ in state.of_stage('ablate_frozen')):04d}",
                    stage="ablate_frozen",
                    arm=arm.name,
                    factor=arm.factor,
                    level=arm.level,
                    number=len(existing),
                    config=arm.config,
                    seed=seed,
                    block=f"seed-{block}",
                    series=state.plan.all_series,
                )
    return None


def _tune(state: StudyState) -> Tune | None:
    """Begin the next trial of a search: search by search, so that every arm has as many as the others."""
    plan = _plan(state)
    trials = _by_group(state)
    for search, place, arm in _searches(plan):
        group = search_group(arm.name, search)
        number = len(trials.get(group, []))
        if number < plan.retune_trials and group not in state.groups_exhausted:
            return Tune(
                trial_id=f"tune-{search}-{place:02d}-{number:04d}",
                group=group,
                factor=arm.factor or "",
                level=arm.level or "",
                number=number,
                # The same for every arm: what luck a seed brings, it brings to all.
                seed=stage_seed(state.plan.seed, "tune", search * plan.retune_trials + number),
                config=arm.config if number == 0 else None,
            )
    return None


def _retuned(state: StudyState) -> Create | None:
    """Run the best configuration of each search that is over, under the seeds of the blocks."""
    plan = _plan(state)
    trials = _by_group(state)
    existing = {(trial.arm, trial.block) for trial in state.of_stage("ablate_retuned")}
    for block in range(state.n_seeds):
        for search, _, arm in _searches(plan):
            name = f"search-{search}/seed-{block}"
            config = _found(state, plan, trials.get(search_group(arm.name, search), []), search, arm)
            if config is not None and (arm.name, name) not in existing:
                return Create(
                    trial_id=f"retuned-{len(existing):04d}",
                    stage="ablate_retuned",
                    arm=arm.name,
                    factor=arm.factor,
                    level=arm.level,
                    number=len(existing),
                    config=config,
                    seed=stage_seed(state.plan.seed, "ablate", block),
                    block=name,
                    series=state.plan.all_series,
                )
    return None


def _found(
    state: StudyState, plan: AblationPlan, trials: list[Trial], search: int, arm: RetunedArm
) -> Mapping[str, object] | None:
    """Return what a search found; ``None`` while it goes on, or where nothing reached full fidelity."""
    exhausted = search_group(arm.name, search) in state.groups_exhausted
    if any(trial.status == "RUNNING" for trial in trials) or (len(trials) < plan.retune_trials and not exhausted):
        return None
    completed = [trial for trial in trials if trial.status == "COMPLETED" and trial.value is not None]
    best = max(completed, key=lambda trial: (state.score(trial.value or 0.0), -trial.number), default=None)
    return None if best is None else best.config


def _searches(plan: AblationPlan) -> Iterator[tuple[int, int, RetunedArm]]:
    for search in range(plan.searches):
        for place, arm in enumerate(plan.retuned):
            yield search, place, arm


def _by_group(state: StudyState) -> dict[Group, list[Trial]]:
    groups: dict[Group, list[Trial]] = {}
    for trial in state.of_stage("search"):
        groups.setdefault(trial.group, []).append(trial)
    return groups


def _plan(state: StudyState) -> AblationPlan:
    assert state.plan.ablation is not None
    return state.plan.ablation
