"""What a reader must hold against an ablation, found in its own data. What does not apply is not said."""

from collections.abc import Iterable

from analysis.ablation.effects import ArmEffect
from analysis.ablation.paired import PairedEffect
from analysis.ablation.result import Ablation
from analysis.ablation.retuned import FEWEST_SEARCHES
from analysis.formatting import count, join_names
from analysis.statements import Threat

ALIKE_IN_SIZE = 0.05
"""Share by which an arm's model may be larger or smaller than the base's before size explains a difference as well."""
CONTRADICTION = "the interval by bootstrap-t holds zero and the one by t does not, or the other way round"


def object_to(ablation: Ablation) -> Iterable[Threat]:
    """List what limits an ablation's verdicts, the gravest first."""
    yield from _looks(ablation)
    yield from _failed_arms(ablation)
    yield from _dropped_blocks(ablation)
    yield from _blind_series(ablation)
    yield from _few_blocks(ablation)
    yield from _capacity(ablation)
    yield from _base_on_same_data(ablation)
    yield from _searches(ablation)
    yield from _skew(ablation)
    yield from _one_at_a_time(ablation)
    yield from _path_order(ablation)


def _looks(ablation: Ablation) -> Iterable[Threat]:
    look = ablation.rules.look
    if look.is_beyond:
        yield Threat(
            title="More looks than declared",
            text=f"This is look {look.number}, {look.looks} were declared: seeds were added after every declared look "
            "had been taken, so nothing is judged. A new study with fresh seeds can be.",
        )
    elif look.number is not None and look.number > 1:
        yield Threat(
            title="Seeds were added after a look",
            text=f"This is look {look.number} of {look.looks} declared. Verdicts pay for it: this look may spend "
            f"{look.spendable:.3g} of alpha {look.alpha:g}. The 95 % intervals do not: over all looks together they "
            "cover less.",
        )


def _failed_arms(ablation: Ablation) -> Iterable[Threat]:
    failed = [arm for arm in ablation.arms if arm.n_failed and arm.same_as is None]
    texts = [f"{arm.name}: {arm.n_failed} of {arm.n_failed + arm.n_seeds}" for arm in failed]
    if ablation.base.n_failed:
        texts.insert(0, f"the base: {ablation.base.n_failed} of {ablation.base.n_failed + ablation.base.n_seeds}")
    if texts:
        yield Threat(
            title="Seeds failed",
            text=f"{'; '.join(texts)}. An arm that fails is worse than the mean over its other blocks says.",
        )


def _dropped_blocks(ablation: Ablation) -> Iterable[Threat]:
    dropped = [(arm.name, arm.effect.n_dropped) for arm in ablation.arms if arm.effect and not arm.same_as]
    if texts := [f"{name}: {count(number, 'block')}" for name, number in dropped if number]:
        yield Threat(
            title="Blocks were left out",
            text=f"Only one of arm and base has them ({'; '.join(texts)}), so a difference is not that of the two "
            "means, and it is told over fewer blocks than the others.",
        )


def _blind_series(ablation: Ablation) -> Iterable[Threat]:
    """Name the series on which no arm differs from the base in any block: half a mean of zeros is no evidence."""
    effects = [arm.effect for arm in ablation.components if arm.effect is not None]
    blind = [
        name
        for place, name in enumerate(ablation.series)
        if len(effects) > 1 and all(_is_zero(effect, place) for effect in effects)
    ]
    if blind and len(blind) < len(ablation.series):
        share = f"{len(blind)} of {len(ablation.series)}"
        yield Threat(
            title="A series that tells nothing" if len(blind) == 1 else "Series that tell nothing",
            text=f"On {join_names(blind)} every part's arm scores exactly as the base does, in every block: "
            f"{ablation.yardstick.label} is saturated or too coarse there. Mean differences over all series, and their "
            f"intervals, are shrunk by these zeros ({share}); look at the differences within each series.",
        )


def _is_zero(effect: PairedEffect, place: int) -> bool:
    found = [block.difference for block in effect.blocks if block.series == place]
    return bool(found) and not any(found)


def _few_blocks(ablation: Ablation) -> Iterable[Threat]:
    effects = [arm.effect for arm in ablation.components if arm.effect is not None]
    if not effects:
        return
    fewest, n_family = min(effect.n_blocks for effect in effects), ablation.rules.n_family
    limit, alpha = max(effect.smallest_sign_flip_p for effect in effects), ablation.rules.alpha_of_one
    if alpha is not None and limit > alpha:
        yield Threat(
            title="Few blocks",
            text=f"{count(fewest, 'block')} and {count(n_family, 'test')}: a test without assumptions (sign flips) "
            f"could not go below p = {limit:.2g}, and the family asks for {alpha:.2g}. The verdicts lean on the t "
            "distribution, which so few values cannot confirm.",
        )


def _capacity(ablation: Ablation) -> Iterable[Threat]:
    arms = [arm for arm in ablation.components if arm.size_ratio is not None and _differs_in_size(arm)]
    if arms:
        texts = [f"{arm.name} × {arm.size_ratio:.3g}" for arm in arms]
        yield Threat(
            title="Arms differ in size",
            text=f"Parameters relative to the base: {join_names(texts)}. Their differences measure the part and the "
            "size together; a variant widened to the size of the base tells the two apart.",
        )


def _differs_in_size(arm: ArmEffect) -> bool:
    return arm.size_ratio is not None and abs(arm.size_ratio - 1) > ALIKE_IN_SIZE


def _base_on_same_data(ablation: Ablation) -> Iterable[Threat]:
    if ablation.base.study is not None and not ablation.base.is_published:
        yield Threat(
            title="The base was chosen on the same data",
            text=f"{ablation.base.label} won a search on it, with all its parts in place: its other hyperparameters "
            "are tuned to them, so a frozen difference flatters the parts. Re-tuned arms do not have that advantage"
            f"{'' if ablation.retuning else '; none were run (--retune)'}.",
        )
    elif ablation.base.is_published and not ablation.retuning:
        yield Threat(
            title="Nothing was tuned anew",
            text="Every arm keeps the base's other hyperparameters. What a part is worth when the rest may adapt is "
            "another question (--retune).",
        )


def _searches(ablation: Ablation) -> Iterable[Threat]:
    if ablation.retuning is None:
        return
    if ablation.retuning.searches < FEWEST_SEARCHES:
        yield Threat(
            title="Tuning variance not estimated",
            text=f"{count(ablation.retuning.searches, 'search', 'searches')} for each re-tuned arm: another search "
            f"might have found another configuration. From {FEWEST_SEARCHES} on the re-tuned differences are judged.",
        )
    else:
        yield Threat(
            title="Two families of tests",
            text="Frozen and re-tuned differences are corrected by Holm each among themselves, not together.",
        )
    if ablation.unequal:
        texts = [
            f"{name}: {count(spent.trials, 'trial')}, {spent.epochs:,} epochs"
            for name, spent in ablation.unequal.items()
        ]
        yield Threat(
            title="Searches had unequal budgets",
            text=f"Compared with those of the base: {'; '.join(texts)}. Early stopping, failures or a small space can "
            "do that.",
        )


def _skew(ablation: Ablation) -> Iterable[Threat]:
    """Name the parts for which the bootstrap, which allows for skew, disagrees with t."""
    names = []
    for arm in ablation.components:
        bootstrap, interval = (arm.effect.bootstrap, arm.effect.interval) if arm.effect else (None, None)
        bounds = (bootstrap.low, bootstrap.high) if bootstrap else (None, None)
        if interval is None or None in bounds or interval.low is None or interval.high is None:
            continue
        low, high = bounds
        assert low is not None
        assert high is not None
        if (interval.low <= 0 <= interval.high) != (low <= 0 <= high):
            names.append(arm.name)
    if names:
        yield Threat(title="Skewed differences", text=f"{join_names(names)}: {CONTRADICTION}.")


def _one_at_a_time(ablation: Ablation) -> Iterable[Threat]:
    if not ablation.interactions and len({arm.factor for arm in ablation.components}) > 1:
        yield Threat(
            title="One part at a time",
            text="Two parts that do nothing each may back each other up, and two that hurt may share one cause: single "
            "changes cannot tell. --factorial with two or three factors can.",
        )


def _path_order(ablation: Ablation) -> Iterable[Threat]:
    if ablation.path is not None and ablation.path.is_ordered and len(ablation.path.steps) > 1:
        yield Threat(
            title="The path has one of many orders",
            text="Its steps were ordered by what each change gains alone on validation. Where changes interact, "
            "another order would credit other steps; only the sum does not depend on it.",
        )
