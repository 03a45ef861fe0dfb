"""Figures to hover over and to filter, as plain values in plotly's own terms; plotly itself is not needed for them.

A study may have any number of trials, so each figure has a limit: the best are all kept, of the others an even sample.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from analysis.ablation.effects import ArmEffect
from analysis.ablation.result import Ablation
from analysis.ablation.wording import format_p
from analysis.arms import rank_search
from analysis.convergence import Ending, thin_out
from analysis.drawing import ACCENT, BAD, FAINT, INK, SECOND
from analysis.formatting import count, format_difference, format_score, format_value
from analysis.records import Records, Trial
from analysis.summary import Summary

MOST_TRIALS = 3_000
MOST_BEST = 1_000
"""Of these, so many are the best ones."""
MOST_LINES = 200

_STATUSES = {
    "COMPLETED": ("full fidelity", ACCENT, "circle"),
    "STOPPED": ("stopped early", FAINT, "x"),
    "RUNNING": ("not over", SECOND, "triangle-right"),
}
_ENDINGS: Mapping[Ending, str] = {"completed": ACCENT, "stopped": FAINT, "failed": BAD, "running": SECOND}


@dataclass(frozen=True, kw_only=True, slots=True)
class InteractiveFigure:
    """One figure of the page."""

    name: str
    title: str
    caption: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]


def make_figures(records: Records, summary: Summary) -> list[InteractiveFigure]:
    """Make every figure that the study has data for."""
    searched = [trial for trial in records.of_stage("search") if trial.objective is not None]
    figures = [_draw_forest(summary.ablation)] if summary.ablation is not None else []
    figures += [_draw_trials(records, searched)] if searched else []
    best = rank_search(records)
    if len(best) > 1 and records.study["parameters"]:
        figures.append(_draw_parallel(records, best[: min(MOST_LINES, max(10, len(best) // 10))], len(best)))
    return [*figures, *([_draw_curves(summary)] if summary.search.curves else [])]


def choose_trials(records: Records, searched: Sequence[Trial]) -> list[Trial]:
    """Choose trials in the order in which they were asked: of too many, the best and an even sample of the others."""
    if len(searched) <= MOST_TRIALS:
        return list(searched)
    best = {trial.trial_id for trial in rank_search(records)[:MOST_BEST]}
    others = [trial for trial in searched if trial.trial_id not in best]
    room = MOST_TRIALS - len(best)
    best |= {others[turn * len(others) // room].trial_id for turn in range(room)}
    return [trial for trial in searched if trial.trial_id in best]


def _draw_trials(records: Records, searched: Sequence[Trial]) -> InteractiveFigure:
    shown, objective = choose_trials(records, searched), records.objective_name
    numbers = {trial.trial_id: number for number, trial in enumerate(searched, start=1)}
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label,
            "x": [numbers[trial.trial_id] for trial in found],
            "y": [_round(trial.objective) for trial in found],
            "text": [_describe_trial(trial) for trial in found],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": colour, "symbol": symbol, "size": 6},
        }
        for status, (label, colour, symbol) in _STATUSES.items()
        if (found := [trial for trial in shown if trial.status == status])
    ]
    few = f"{len(shown):,} of " if len(shown) < len(searched) else ""
    return InteractiveFigure(
        name="trials",
        title=f"{objective} by trial",
        caption=f"The last {objective} of {few}{count(len(searched), 'trial')} in the order of the search; a trial "
        "that was stopped early has that of a lower fidelity. Point at one for its configuration.",
        traces=traces,
        layout={"xaxis": {"title": {"text": "trial"}}, "yaxis": {"title": {"text": escape(objective)}}},
    )


def _describe_trial(trial: Trial) -> str:
    config = [f"{name} = {format_value(value)}" for name, value in trial.config.items() if name in trial.used]
    head = f"{trial.trial_id}: {format_score(trial.objective)} after {count(trial.epochs_run, 'epoch')}"
    return f"<b>{escape(head)}</b><br>{'<br>'.join(map(escape, config))}"


def _draw_parallel(records: Records, best: Sequence[Trial], n_completed: int) -> InteractiveFigure:
    objectives = [_round(trial.objective) for trial in best]
    dimensions = [_make_dimension(parameter, best) for parameter in records.study["parameters"]]
    dimensions.append({"label": escape(records.objective_name), "values": objectives})
    line = {"color": objectives, "colorscale": "Viridis", "reversescale": not records.maximize, "showscale": True}
    return InteractiveFigure(
        name="parallel",
        title="The best configurations across the space",
        caption=f"The {len(best)} best of {count(n_completed, 'trial')} at full fidelity. Drag along an axis to keep "
        "those that pass there. What the best have in common may be what the sampler liked: it is no effect.",
        traces=[{"type": "parcoords", "line": line, "dimensions": dimensions}],
        layout={"margin": {"l": 80, "r": 80, "t": 60, "b": 30}},
    )


def _make_dimension(parameter: Mapping[str, Any], trials: Sequence[Trial]) -> dict[str, Any]:
    """Make an axis of a parameter; where a condition does not hold, a trial lies below its values."""
    name = parameter["name"]
    found = [trial.config.get(name) if name in trial.used else _UNUSED for trial in trials]
    if "choices" in parameter:
        labels = [format_value(choice) for choice in parameter["choices"]]
        places = [float(labels.index(format_value(value))) if _is_among(value, labels) else -1.0 for value in found]
        ticks = [(float(place), label) for place, label in enumerate(labels)]
        bottom = -1.0
    else:
        measure = _take_logarithm if parameter["log"] else float
        low, high = measure(parameter["low"]), measure(parameter["high"])
        bottom = low - 0.1 * ((high - low) or 1.0)
        places = [
            measure(value) if isinstance(value, int | float) and low <= measure(value) <= high else bottom
            for value in found
        ]
        ends = (low, (low + high) / 2, high)
        ticks = [(end, f"{10**end if parameter['log'] else end:.3g}") for end in ends]
    ticks = [(bottom, "other"), *ticks] if bottom in places else ticks
    return {
        "label": escape(name),
        "values": [_round(place) for place in places],
        "range": [ticks[0][0], ticks[-1][0]] if len(ticks) > 1 else [-1.0, 1.0],
        "tickvals": [place for place, _ in ticks],
        "ticktext": [escape(label) for _, label in ticks],
    }


def _take_logarithm(value: float) -> float:
    """Take it to base 10; what has none lies below everything that has."""
    return math.log10(value) if value > 0 else -math.inf


_UNUSED = object()


def _is_among(value: object, labels: Sequence[str]) -> bool:
    return value is not _UNUSED and format_value(value) in labels


def _draw_curves(summary: Summary) -> InteractiveFigure:
    search, objective = summary.search, summary.provenance.objective
    curves = thin_out(search.curves, MOST_LINES, always=search.best_trial)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(curve.epochs) == 1 else "lines",
            "name": curve.trial_id,
            "x": list(curve.epochs),
            "y": [_round(value) for value in curve.values],
            "line": {
                "color": INK if curve.trial_id == search.best_trial else _ENDINGS[curve.ending],
                "width": 2.5 if curve.trial_id == search.best_trial else 1,
            },
            "opacity": 1.0 if curve.trial_id == search.best_trial else 0.5,
            "hovertemplate": f"{escape(curve.trial_id)}, {curve.ending}: %{{y:.4g}} after epoch %{{x}}<extra></extra>",
        }
        for curve in curves
    ]
    few = f"{len(curves):,} of " if len(curves) < len(search.curves) else ""
    return InteractiveFigure(
        name="curves",
        title=f"{objective} by epoch",
        caption=f"{few}{count(len(search.curves), 'trial')}; thick: the best of the search. Blue lines reached full "
        "fidelity, grey ones were stopped early, red ones failed.",
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "epoch"}},
            "yaxis": {"title": {"text": escape(objective)}},
            "showlegend": False,
        },
    )


def _draw_forest(ablation: Ablation) -> InteractiveFigure:
    arms = [arm for arm in reversed(ablation.arms) if arm.difference is not None]
    region = ablation.rules.region
    upright = {"yref": "paper", "y0": 0, "y1": 1}
    band = {"type": "rect", **upright, "fillcolor": FAINT, "opacity": 0.25, "line": {"width": 0}}
    zero = {"type": "line", **upright, "x0": 0, "x1": 0, "line": {"color": INK, "width": 1}}
    return InteractiveFigure(
        name="forest",
        title=f"What each part contributes: difference in {ablation.yardstick.label}",
        caption="Arm minus base with 95 % intervals over (series, seed) blocks"
        + ("" if region is None else f"; the band is the region of practical equivalence, ±{region:g}")
        + ". Point at one for its verdict.",
        traces=[_make_forest_trace(arms)],
        layout={
            "xaxis": {"title": {"text": escape(f"arm minus base, {ablation.yardstick.label}")}},
            "yaxis": {"automargin": True},
            "height": 140 + 26 * len(arms),
            "shapes": [*([] if region is None else [{**band, "x0": -region, "x1": region}]), zero],
        },
    )


def _make_forest_trace(arms: Sequence[ArmEffect]) -> dict[str, Any]:
    found = [(arm, arm.difference) for arm in arms if arm.difference is not None]
    above = [0.0 if one.high is None else one.high - one.mean for _, one in found]
    below = [0.0 if one.low is None else one.mean - one.low for _, one in found]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [_round(one.mean) for _, one in found],
        "y": [escape(arm.name) for arm, _ in found],
        "text": ["<br>".join(map(escape, _describe_arm(arm))) for arm, _ in found],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": ACCENT, "size": 8},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": list(map(_round, above)),
            "arrayminus": list(map(_round, below)),
        },
    }


def _describe_arm(arm: ArmEffect) -> Iterable[str]:
    yield f"{arm.name}: {arm.word}"
    yield f"difference {format_difference(arm.difference)}"
    if arm.effect is not None:
        yield f"{arm.effect.n_blocks} blocks, {arm.effect.n_dropped} dropped"
    if arm.verdict is not None and arm.verdict.adjusted_p is not None:
        yield f"p {format_p(arm.verdict.adjusted_p)} (Holm)"
    if arm.expectation is not None:
        yield f"expected {arm.expectation.expected:+.3f}: {arm.expectation.outcome}"


def to_json(value: object) -> str:
    """Write values so that they may stand in a script: nothing in them ends it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _round(value: float | None) -> float | None:
    """Keep six digits, which no screen resolves: three times shorter."""
    return None if value is None else float(f"{value:.6g}")
