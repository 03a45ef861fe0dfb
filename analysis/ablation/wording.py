"""An ablation's result in plain sentences, the answer first.

Verdicts are about the part as the base has it: "helps" means that the base is better than the arm without it. The
headline speaks of the changes instead, as tables of ablations do. A difference that is not significant is never called
"no effect": it is inconclusive, or shown to be too small to matter.
"""

from collections.abc import Iterable

from analysis.ablation.effects import ArmEffect
from analysis.ablation.result import Ablation
from analysis.ablation.side_statements import (
    MOST_NAMED,
    excludes_zero,
    speak_of_expectations,
    speak_of_interactions,
    speak_of_path,
    speak_of_retuning,
)
from analysis.contenders import Comparison, judge
from analysis.formatting import count, format_difference, format_interval, format_score, join_names
from analysis.statements import Statement, Tone, Verdict
from analysis.summary import Summary


def conclude_ablation(summary: Summary, ablation: Ablation) -> Verdict:
    """Put an ablation's result into words."""
    rivals = tuple(_against_baselines(summary.comparison))
    is_beaten = any(rival.tone == "bad" for rival in rivals)
    statements = [
        *_state_of_study(summary, ablation),
        *_rests_on(ablation),
        *(rivals if is_beaten else ()),
        *_of_word(ablation, "helps", "Parts that help", "good"),
        *_of_word(ablation, "hurts", "Parts that hurt", "bad"),
        *_of_word(ablation, "equivalent", "Makes no relevant difference", "plain"),
        *_of_word(ablation, "inconclusive", "Inconclusive", "open"),
        *_of_word(ablation, "unjudged", "Not judged", "open"),
        *_series_disagree(ablation),
        *speak_of_expectations(ablation),
        *speak_of_retuning(ablation),
        *speak_of_interactions(ablation),
        *speak_of_path(ablation),
        *_on_failures(ablation),
        *(() if is_beaten else rivals),
    ]
    headline, tone = _headline(summary, ablation)
    return Verdict(headline=headline, tone="bad" if is_beaten else tone, statements=tuple(statements))


def _headline(summary: Summary, ablation: Ablation) -> tuple[str, Tone]:
    yardstick, parts = ablation.yardstick, ablation.components
    where = f"on the {summary.provenance.test_part}" if yardstick.on_test else "on the objective"
    if ablation.base.score is None:
        if summary.phase == "failed":
            return f"Nothing can be compared: the base ({ablation.base.label}) never ran to its end.", "bad"
        return f"No result yet: the base ({ablation.base.label}) has no score so far.", "open"
    base = f"The base ({ablation.base.label}) scores {yardstick.label} {format_interval(ablation.base.score)} {where}."
    if not parts:
        what = "Only levels of curves were compared, no part is judged." if ablation.arms else "No arm was compared."
        return f"{what} {base}", "plain"
    if all(arm.word == "unjudged" for arm in parts):
        return f"Nothing is judged yet of {count(len(parts), 'change')} to the base. {base}", "open"
    words = {
        "helps": "makes it worse, make it worse",
        "hurts": "makes it better, make it better",
        "equivalent": "makes no relevant difference, make no relevant difference",
        "inconclusive": "is inconclusive, are inconclusive",
        "unjudged": "cannot be judged, cannot be judged",
    }
    found = {word: len(ablation.judged(word)) for word in words}
    texts = [f"{n} {words[word].split(', ')[n > 1]}" for word, n in found.items() if n]
    first = texts[0].replace(" ", f" of {count(len(parts), 'change')} to the base ", 1)
    tone: Tone = "open" if found["inconclusive"] + found["unjudged"] == len(parts) else "good"
    return f"{', '.join([first, *texts[1:]])}. {base}", tone


def _state_of_study(summary: Summary, ablation: Ablation) -> Iterable[Statement]:
    resume = "go on with launch.py --resume and the study's folder"
    look = ablation.rules.look
    if summary.phase == "ablation":
        text = f"Not every run has ended; {resume}."
    elif summary.phase == "test":
        text = f"Not everything was tested yet; {resume}."
    elif summary.phase == "failed":
        errors = "; ".join(f"{count(len(group.trials), 'trial')}: {group.error}" for group in summary.errors)
        yield Statement(topic="The ablation failed", tone="bad", text=errors or "No run of the base completed.")
        return
    else:
        return
    if look.number is None:
        text += " Verdicts wait for the first look, when every block is there; what stands below may change."
    elif ablation.waiting:
        text += (
            f" Everything below is as of look {look.number}, with {count(look.seeds or 0, 'seed')}; "
            f"{count(ablation.waiting, 'run')} more {'waits' if ablation.waiting == 1 else 'wait'} for the next look."
        )
    yield Statement(topic="Not finished", tone="open", text=text)


def _rests_on(ablation: Ablation) -> Iterable[Statement]:
    """Say what the verdicts rest on: blocks, family, region, look."""
    score, rules = ablation.base.score, ablation.rules
    if score is None:
        return
    seeds = count(ablation.base.n_seeds, "seed")
    text = f"{count(score.n_series, 'series', 'series')} × {seeds}, shared by all arms: differences are taken within "
    text += "(series, seed) blocks."
    if rules.n_family:
        form = "form one family" if rules.n_family > 1 else "is a family of its own"
        text += f" {count(rules.n_family, 'component arm')} {form}, corrected by Holm."
    if rules.region is not None:
        text += f" Differences within ±{format_score(rules.region)} count as no difference in practice."
    look = rules.look
    if look.is_beyond:
        text += f" This is look {look.number}, but {look.looks} were declared: alpha is spent and nothing is judged."
    elif look.number is not None and look.spendable is not None:
        text += f" Look {look.number} of {look.looks} declared, which may spend {look.spendable:.3g} of alpha"
        text += f" {look.alpha:g}."
    yield Statement(topic="What this rests on", tone="plain", text=text)


def _of_word(ablation: Ablation, word: str, topic: str, tone: Tone) -> Iterable[Statement]:
    arms = ablation.judged(word)
    if not arms:
        return
    texts = [_describe(arm) for arm in arms[:MOST_NAMED]]
    more = f"; and {len(arms) - MOST_NAMED} more" if len(arms) > MOST_NAMED else ""
    yield Statement(topic=topic, tone=tone, text=f"{'; '.join(texts)}{more}.{_explain(ablation, word)}")


def _describe(arm: ArmEffect) -> str:
    """Name an arm with its difference, and with what its verdict rests on."""
    if arm.difference is None:
        return f"{arm.name} has no block in common with the base"
    text = f"{arm.name} {format_difference(arm.difference)}"
    if arm.word == "inconclusive":
        wanted = "more than a thousand" if arm.seeds_to_decide is None else f"{arm.seeds_to_decide:,}"
        return f"{text} ({wanted} seeds in all would decide it)"
    if arm.verdict is not None and arm.word in ("helps", "hurts") and arm.verdict.adjusted_p is not None:
        return f"{text} (Holm p {format_p(arm.verdict.adjusted_p)})"
    if arm.verdict is not None and arm.verdict.reason == "identical":
        return f"{text} (the same score in every block)"
    return text


def _explain(ablation: Ablation, word: str) -> str:
    lower = "" if ablation.yardstick.higher_is_better else ", lower is better"
    return {
        "helps": f" Differences are {ablation.yardstick.label}, arm minus base{lower}.",
        "hurts": " Without them, or with another variant, the model is better.",
        "inconclusive": " Neither a difference nor its absence is shown.",
    }.get(word, "")


def format_p(p: float) -> str:
    """Write a p value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _series_disagree(ablation: Ablation) -> Iterable[Statement]:
    """Name the parts that help on one series and hurt on another, which a mean over series hides."""
    sign = 1 if ablation.yardstick.higher_is_better else -1
    texts = []
    for arm in ablation.components:
        signed = {name: sign * interval.mean for name, interval in arm.by_series.items() if excludes_zero(interval)}
        helps, hurts = [name for name in signed if signed[name] < 0], [name for name in signed if signed[name] > 0]
        if helps and hurts:
            texts.append(f"{arm.name} is worse than the base on {join_names(helps)} and better on {join_names(hurts)}")
    if texts:
        yield Statement(topic="Series disagree", tone="open", text=f"{'; '.join(texts)}; the mean hides this.")


def _on_failures(ablation: Ablation) -> Iterable[Statement]:
    failed = [arm for arm in ablation.arms if arm.n_failed and arm.same_as is None]
    texts = [f"{arm.name} {arm.n_failed} of {arm.n_failed + arm.n_seeds}" for arm in failed]
    if ablation.base.n_failed:
        texts.insert(0, f"the base {ablation.base.n_failed} of {ablation.base.n_failed + ablation.base.n_seeds}")
    if texts:
        errors = list(dict.fromkeys([*ablation.base.errors, *(error for arm in failed for error in arm.errors)]))
        yield Statement(
            topic="Runs that failed",
            tone="bad",
            text=f"{join_names(texts)} ({join_names(errors, most=2)}). That an arm fails is a result too.",
        )


def _against_baselines(comparison: Comparison | None) -> Iterable[Statement]:
    """Say whether the base beats what needs no training: what is an ablation of it worth otherwise?"""
    rival = next((row for row in comparison.baselines if row.score is not None), None) if comparison else None
    if comparison is None or rival is None or rival.difference_to_best is None or rival.score is None:
        return
    yardstick, difference = comparison.yardstick, rival.difference_to_best.negated()
    judgement = judge(difference, higher_is_better=yardstick.higher_is_better)
    answers: dict[str, tuple[Tone, str]] = {
        "better": ("good", "The base is better"),
        "worse": ("bad", "The base is worse than what needs no training, which matters more than any of its parts"),
        "undecided": ("open", "Not distinguishable"),
        "unjudged": ("open", "Too few seeds to judge"),
    }
    tone, answer = answers[judgement]
    yield Statement(
        topic=f"Against {rival.label}, untrained",
        tone=tone,
        text=f"{answer}: {yardstick.label} {format_interval(comparison.best.score)} against "
        f"{format_score(rival.score.mean)}, a difference of {format_difference(difference)}.",
    )
