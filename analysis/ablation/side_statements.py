"""Sentences on what stands beside an ablation's verdicts: expectations, re-tuned arms, joint changes, the path."""

from collections.abc import Iterable, Sequence

from analysis.ablation.effects import ArmEffect
from analysis.ablation.expectations import POINTS, Outcome
from analysis.ablation.interactions import Interaction
from analysis.ablation.path import Step
from analysis.ablation.result import Ablation
from analysis.ablation.retuned import FEWEST_SEARCHES
from analysis.formatting import count, format_difference, format_signed
from analysis.intervals import Interval
from analysis.statements import Statement, Tone

MOST_NAMED = 4
"""Arms of one kind that a sentence names."""


def speak_of_expectations(ablation: Ablation) -> Iterable[Statement]:
    """Say which predictions of the specification hold."""
    found = [arm for arm in ablation.arms if arm.expectation is not None and arm.same_as is None]
    if not found:
        return
    groups: dict[Outcome, list[str]] = {"confirmed": [], "weaker": [], "refuted": [], "undecided": []}
    for arm in found:
        assert arm.expectation is not None
        groups[arm.expectation.outcome].append(_describe_expectation(arm))
    texts = [f"{outcome}: {', '.join(names)}" for outcome, names in groups.items() if names]
    assert found[0].expectation is not None
    label = found[0].expectation.label
    tone: Tone = "bad" if groups["refuted"] else "open" if groups["weaker"] or groups["undecided"] else "good"
    about = ablation.yardstick
    note = "" if about.name == found[0].expectation.metric else f" The verdicts are about {about.label} instead."
    yield Statement(
        topic="What the specification expected",
        tone=tone,
        text=f"Changes of {label} in points of 100, expected and measured; {'; '.join(texts)}.{note}",
    )


def format_points(interval: Interval | None) -> str:
    """Write a difference in points of 100."""
    if interval is None:
        return "-"
    texts = [f"{POINTS * value:+.1f}" for value in (interval.mean, interval.low, interval.high) if value is not None]
    return texts[0] if len(texts) < 3 else f"{texts[0]} [{texts[1]}, {texts[2]}]"


def speak_of_retuning(ablation: Ablation) -> Iterable[Statement]:
    """Say what remains of the differences when the rest is tuned anew."""
    if ablation.retuning is None:
        return
    found = [arm for arm in ablation.components if arm.retuned is not None and arm.retuned.effect is not None]
    if not found:
        yield Statement(topic="Re-tuned", tone="open", text="No arm has the result of a search yet.")
        return
    searches, trials = ablation.retuning.searches, count(ablation.retuning.trials, "trial")
    what = f"{count(searches, 'search', 'searches')} of {trials} for each arm and the base"
    if searches < FEWEST_SEARCHES:
        text = f"{what}: the variance that tuning adds is not estimated, so nothing is judged. "
        text += _list_retuned(found, with_words=False)
        yield Statement(topic="Re-tuned", tone="open", text=text)
    else:
        text = f"{what}. {_list_retuned(found, with_words=True)}"
        yield Statement(topic="Re-tuned", tone="plain", text=text)


def speak_of_interactions(ablation: Ablation) -> Iterable[Statement]:
    """Name the pair that adds up worst, if its interval excludes zero."""
    measured = [pair for pair in ablation.interactions if pair.interaction is not None]
    if not measured:
        return
    beyond = [pair for pair in measured if excludes_zero(pair.interaction)]
    topic = "Do parts add up"
    if not beyond:
        text = f"No interaction among {count(len(measured), 'pair')} of levels is told from zero at 95 % (exploratory)."
        yield Statement(topic=topic, tone="plain", text=text)
        return
    strongest = max(beyond, key=_strength)
    text = (
        f"Not all: {strongest.first} and {strongest.second} together change the score by "
        f"{format_difference(strongest.joint_effect)}, where the sum of both alone is "
        f"{format_signed(strongest.sum_of_singles or 0.0)}; the interaction is "
        f"{format_difference(strongest.interaction)}. {len(beyond)} of {count(len(measured), 'pair')} of levels "
        "interact at 95 %, without a correction for their number (exploratory)."
    )
    yield Statement(topic=topic, tone="open", text=text)


def speak_of_path(ablation: Ablation) -> Iterable[Statement]:
    """Say which steps carry the way from the published configuration to the base."""
    path = ablation.path
    if path is None or path.total is None:
        return
    sign = 1 if ablation.yardstick.higher_is_better else -1
    gaining = [step for step in path.steps if excludes_zero(step.gain) and _gain(step) * sign > 0]
    gaining.sort(key=lambda step: -_gain(step) * sign)
    names = "; ".join(f"{step.parameter} {format_difference(step.gain)}" for step in gaining[:MOST_NAMED])
    carried = (
        f" Steps that improve it beyond the noise of the seeds: {names}."
        if names
        else " No single step improves it beyond the noise of the seeds."
    )
    yield Statement(
        topic="From published to base",
        tone="plain",
        text=f"{count(len(path.steps), 'parameter')} changed, {format_difference(path.total)} in all.{carried}",
    )


def excludes_zero(interval: Interval | None) -> bool:
    """Tell whether an interval has bounds, and zero is outside them."""
    if interval is None or interval.low is None or interval.high is None:
        return False
    return interval.low > 0 or interval.high < 0


def _describe_expectation(arm: ArmEffect) -> str:
    assert arm.expectation is not None
    expected = f"{arm.name} ({POINTS * arm.expectation.expected:+g}"
    if arm.expectation.measured is None:
        return f"{expected}, not measured)"
    return f"{expected}, {format_points(arm.expectation.measured)})"


def _list_retuned(arms: Sequence[ArmEffect], *, with_words: bool) -> str:
    texts = []
    for arm in arms:
        assert arm.retuned is not None
        assert arm.retuned.effect is not None
        word = f", {arm.retuned.word}" if with_words else ""
        frozen = f" (frozen {format_signed(arm.difference.mean)}{word})" if arm.difference is not None else word
        texts.append(f"{arm.name} {format_difference(arm.retuned.effect.interval)}{frozen}")
    return (
        f"{'; '.join(texts[:MOST_NAMED])}{f'; and {len(texts) - MOST_NAMED} more' if len(texts) > MOST_NAMED else ''}."
    )


def _strength(pair: Interaction) -> float:
    return 0.0 if pair.interaction is None else abs(pair.interaction.mean)


def _gain(step: Step) -> float:
    return 0.0 if step.gain is None else step.gain.mean
