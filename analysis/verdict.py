"""A study's result in plain sentences, the answer first.

A difference whose interval holds zero is "not distinguishable", never "no effect": few seeds cannot show that two
configurations are equal.
"""

from collections.abc import Iterable

from analysis.ablation.wording import conclude_ablation
from analysis.contenders import Comparison, Contender, Yardstick, judge
from analysis.formatting import count, format_correlation, format_difference, format_interval, format_score, join_names
from analysis.intervals import Interval
from analysis.metric_catalogue import RANDOM, label_baseline
from analysis.statements import Statement, Tone, Verdict
from analysis.summary import Summary


def conclude(summary: Summary) -> Verdict:
    """Put a study's result into words."""
    if summary.ablation is not None:
        return conclude_ablation(summary, summary.ablation)
    if summary.comparison is None:
        return _conclude_without_result(summary)
    comparison = summary.comparison
    statements = [
        *_state_of_study(summary),
        _basis(comparison, summary),
        *_against_published(comparison),
        *_against_variant(comparison),
        *_against_baselines(comparison),
        *_disagreement(comparison),
        *_worth_of_search(comparison),
        *_shrinkage(comparison, summary),
        *_ties(comparison),
        *_objective_check(summary),
    ]
    headline, tone = _headline(comparison, summary)
    return Verdict(headline=headline, tone=tone, statements=tuple(statements))


def _conclude_without_result(summary: Summary) -> Verdict:
    counts = summary.trials.get("search", {})
    failed = counts.get("FAILED", 0) + counts.get("LOST", 0)
    total = sum(counts.values())
    if summary.phase == "failed" and failed == total:
        headline = f"Nothing completed: {'the only trial' if total == 1 else f'all {total:,} trials'} failed."
    elif summary.phase == "failed":
        headline = f"Nothing completed: none of {total:,} trials reached full fidelity, {failed:,} failed."
    else:
        headline = f"No result yet: none of {count(total, 'trial')} has reached full fidelity so far."
    errors = [
        Statement(topic=count(len(group.trials), "trial"), tone="bad", text=group.error) for group in summary.errors
    ]
    return Verdict(headline=headline, tone="bad", statements=(*_state_of_study(summary), *errors))


def _state_of_study(summary: Summary) -> Iterable[Statement]:
    missing = {
        "search": "The search is not over, so the best so far may change and nothing is confirmed",
        "confirmation": "The confirmation on fresh seeds is not over, so the best so far may change",
        "test": "Not everything was tested yet, so rows may be missing",
        "check": "The answer stands, but the check of the objective is not over",
    }
    if summary.phase in missing:
        yield Statement(
            topic="Not finished",
            tone="open",
            text=f"{missing[summary.phase]}; go on with launch.py --resume and the study's folder.",
        )
    elif summary.phase == "failed" and summary.comparison is not None:
        errors = "; ".join(f"{count(len(group.trials), 'trial')}: {group.error}" for group in summary.errors)
        yield Statement(
            topic="The confirmation failed", tone="bad", text=f"No candidate ran to its end on a fresh seed ({errors})."
        )


def _headline(comparison: Comparison, summary: Summary) -> tuple[str, Tone]:
    best, yardstick = comparison.best, comparison.yardstick
    rival = _strongest_baseline(comparison)
    score = f"{yardstick.label} {format_interval(best.score)}"
    where = f"on the {summary.provenance.test_part}" if yardstick.on_test else "on the objective"
    if rival is not None and rival.judgement == "better":
        return (
            f"The untrained baseline wins: {rival.label} reaches {yardstick.label} {_score(rival)} {where}, the best "
            f"configuration ({best.label}) {format_interval(best.score)}.",
            "bad",
        )
    if comparison.basis == "searched":
        is_over = summary.is_decided
        what = "Best of the search, not confirmed" if is_over else "Best so far, not confirmed yet"
        return f"{what}: {best.label}, {score} {where}.", "open"
    provisional = "" if comparison.is_fixed else " so far"
    return f"Best configuration{provisional}: {best.label}, {score} {where}.", "good"


def _basis(comparison: Comparison, summary: Summary) -> Statement:
    """Say what the best configuration's score rests on."""
    text = f"{_blocks_of(comparison.best.score)}."
    if not comparison.yardstick.on_test:
        text += f" {_why_no_test(summary)}"
    if comparison.basis == "searched":
        is_over = summary.is_decided
        text += " Nothing was confirmed:" if is_over else " Nothing is confirmed yet:"
        text += " the score is that of a single seed and was chosen because it was the best, so it is optimistic"
        text += "; --confirm-top 3 runs the best again on fresh seeds." if summary.phase != "failed" else "."
    elif comparison.is_fixed and comparison.yardstick.on_test:
        text += " The best was fixed by its objective on fresh seeds, before the test part was opened."
    return Statement(topic="What this rests on", tone="plain", text=text)


def _blocks_of(interval: Interval | None) -> str:
    """Say what a mean and its bounds are taken over."""
    if interval is None:
        return "No score was recorded"
    if interval.n_blocks == interval.n_series:
        return f"One seed on {count(interval.n_series, 'series', 'series')}, so there is no interval"
    seeds = interval.n_blocks / interval.n_series
    each = f"{seeds:g} seeds" if seeds == int(seeds) else f"seeds, {interval.n_blocks} blocks in all"
    note = f" ({interval.note})" if interval.note else ""
    return f"Mean and 95 % interval over {count(interval.n_series, 'series', 'series')} × {each}{note}"


def _why_no_test(summary: Summary) -> str:
    if summary.phase in ("search", "confirmation", "test"):
        return "The test part has not been opened yet."
    if summary.phase == "failed":
        return "The test part was never opened."
    why = ": no untouched part has a labelled event" if summary.provenance.task in (None, "anomaly") else ""
    return f"There is no test metric{why}. Rows are compared by the objective, which is what the search optimised."


def _against_published(comparison: Comparison) -> Iterable[Statement]:
    best, published = comparison.best, comparison.published
    topic = "Against the published configuration"
    if best.is_published:
        others = len(comparison.configurations) > 1
        text = "no other one beat it" if others else "no other one reached full fidelity"
        yield Statement(topic=topic, tone="open", text=f"The published configuration is itself the best; {text}.")
    elif published is None:
        yield Statement(topic=topic, tone="open", text="It did not run to full fidelity, so there is no comparison.")
    else:
        yield _compared(topic, comparison, published)


def _against_variant(comparison: Comparison) -> Iterable[Statement]:
    """Tell a gain of the model from one of how its data are prepared."""
    best, variant = comparison.best, comparison.variant
    if best.is_variant:
        text = f"The best configuration is the published one, prepared otherwise: {best.label}."
        yield Statement(topic="What the search changed", tone="open", text=text)
    elif variant is not None:
        yield _compared(f"Against {variant.label}, its best preparation", comparison, variant)


def _against_baselines(comparison: Comparison) -> Iterable[Statement]:
    rival = _strongest_baseline(comparison)
    if rival is None:
        return
    yield _compared(f"Against {rival.label}, untrained", comparison, rival)
    random = next((row for row in comparison.baselines if row.label == label_baseline(RANDOM)), None)
    if random is not None and random is not rival and random.score is not None:
        yield Statement(
            topic="For scale",
            tone="plain",
            text=f"Random scores reach {comparison.yardstick.label} {format_interval(random.score)}.",
        )


def _worth_of_search(comparison: Comparison) -> Iterable[Statement]:
    """Say whether the search found anything better than what was published, on fresh seeds."""
    published = comparison.published
    found = [row for row in comparison.configurations if not row.is_published and not row.is_variant]
    if comparison.basis != "confirmed" or published is None or not found:
        return
    topic = "What the search found"
    higher = comparison.yardstick.higher_is_better
    better = [row for row in found if judge(row.difference_to_published, higher_is_better=higher) == "better"]
    what = f"{comparison.yardstick.label} {'on the test part' if comparison.yardstick.on_test else 'on fresh seeds'}"
    candidates = count(len(found), "confirmed candidate")
    if better:
        names = join_names([row.label for row in better])
        yield Statement(
            topic=topic,
            tone="good",
            text=f"{len(better)} of {candidates} {'is' if len(better) == 1 else 'are'} better than the published "
            f"configuration in {what}: {names}.",
        )
    elif all(row.difference_to_published is None or row.difference_to_published.low is None for row in found):
        yield Statement(
            topic=topic, tone="open", text="Too few seeds to tell whether anything beats what is published."
        )
    else:
        yield Statement(
            topic=topic,
            tone="open",
            text=f"No candidate (of {len(found)} confirmed) is better than the published configuration in {what} "
            "beyond the noise of the seeds.",
        )


def _shrinkage(comparison: Comparison, summary: Summary) -> Iterable[Statement]:
    best = comparison.best
    if comparison.basis != "confirmed" or best.search_score is None or best.objective is None:
        return
    objective = summary.provenance.objective
    why = "high" if summary.provenance.direction == "maximize" else "low"
    text = (
        f"{objective} {format_score(best.search_score)} in the search (one seed, chosen because it was {why}), "
        f"{format_interval(best.objective)} on fresh seeds"
    )
    if comparison.yardstick.on_test:
        text += f"; {comparison.yardstick.label} {format_interval(best.score)} on the test part"
        if not best.is_published and best.objective_difference_to_published is not None:
            difference = format_difference(best.objective_difference_to_published)
            text += f". On fresh seeds {objective} differs from the published configuration's by {difference}"
    topic = f"From search to {'test' if comparison.yardstick.on_test else 'fresh seeds'}"
    yield Statement(topic=topic, tone="plain", text=f"{text}.")


def _ties(comparison: Comparison) -> Iterable[Statement]:
    if not comparison.tied:
        return
    names = join_names([row.label for row in comparison.tied])
    text = f"The seeds cannot tell {names} from the best."
    if (cheapest := comparison.cheapest_tied) is not None:
        size = "which needs no training" if cheapest.kind == "baseline" else f"{cheapest.cost.n_params:,} parameters"
        text += f" The cheapest of them is {cheapest.label} ({size})."
    elif comparison.best.cost.n_params is not None:
        text += " No smaller one is among them."
    yield Statement(topic="Tied with the best", tone="open", text=text)


def _objective_check(summary: Summary) -> Iterable[Statement]:
    """Say whether what the search optimised ranks what the report is about."""
    check = summary.check
    if check is None or (ranking := check.searched) is None:
        return
    topic = f"Does {ranking.objective} rank"
    over = f"over {count(check.n, 'random configuration')}"
    if (found := ranking.correlation) is None:
        text = f"It cannot be told: {over} the objective or the test score has no spread."
        yield Statement(topic=topic, tone="open", text=text)
        return
    tone: Tone = "open"
    answer = "Cannot be told yet"
    if found.low is not None and found.high is not None and not found.low <= 0 <= found.high:
        tone, answer = ("good", "Yes") if found.low > 0 else ("bad", "Backwards")
    text = (
        f"{answer}: {over} its rank correlation with {check.label} is {format_correlation(found)}. Choosing by it "
        f"among them gives {format_score(ranking.chosen)}; their mean is {format_score(check.mean)}, the best of them "
        f"{format_score(check.best)}."
    )
    if ranking.prepared_alike is not None:
        alike = join_names(check.preparation)
        text += f" Among configurations with the same {alike} it is {format_correlation(ranking.prepared_alike)}."
    yield Statement(topic=topic, tone=tone, text=text)


def _compared(topic: str, comparison: Comparison, other: Contender) -> Statement:
    """State the difference of the best to another row on the yardstick."""
    yardstick, best = comparison.yardstick, comparison.best
    difference = None if other.difference_to_best is None else other.difference_to_best.negated()
    judgement = judge(difference, higher_is_better=yardstick.higher_is_better)
    scores = f"{yardstick.label} {_score(best)} against {_score(other)}"
    amount = f"{scores}, a difference of {format_difference(difference)}{_caveats(difference, yardstick)}"
    texts: dict[str, tuple[Tone, str]] = {
        "better": ("good", f"Better: {amount}."),
        "worse": ("bad", f"Worse: {amount}."),
        "undecided": ("open", f"Not distinguishable: {amount}. This does not show that they are equal."),
        "unjudged": ("open", f"Too few seeds to judge: {amount}."),
    }
    tone, text = texts[judgement]
    return Statement(topic=topic, tone=tone, text=text)


def _caveats(difference: Interval | None, yardstick: Yardstick) -> str:
    parts = [] if yardstick.higher_is_better else ["lower is better"]
    if difference is not None and difference.n_dropped:
        parts.append(f"without {count(difference.n_dropped, 'block')} that only one of the two has")
    if difference is not None and difference.note and difference.low is not None:
        parts.append(difference.note)
    return f" ({'; '.join(parts)})" if parts else ""


def _disagreement(comparison: Comparison) -> Iterable[Statement]:
    """Say where series contradict each other, which a mean over them hides."""
    rivals = [row for row in (comparison.published, _strongest_baseline(comparison)) if row is not None]
    for row in rivals:
        found: dict[str, list[str]] = {"better": [], "worse": []}
        for series, difference in row.differences_to_best.items():
            judgement = judge(difference.negated(), higher_is_better=comparison.yardstick.higher_is_better)
            found.setdefault(judgement, []).append(series)
        if found["better"] and found["worse"]:
            yield Statement(
                topic="Series disagree",
                tone="open",
                text=f"Against {_named(row)} the best configuration is better on {join_names(found['better'])} and "
                f"worse on {join_names(found['worse'])}; the mean hides this.",
            )


def _named(row: Contender) -> str:
    return "the published configuration" if row.is_published else row.label


def _strongest_baseline(comparison: Comparison) -> Contender | None:
    return next((row for row in comparison.baselines if row.score is not None), None)


def _score(row: Contender) -> str:
    return format_score(None if row.score is None else row.score.mean)
