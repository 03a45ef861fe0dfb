"""The tables of a paper: configurations, and the parts of an ablation, as LaTeX with the numbers of the CSV files."""

from analysis.ablation.effects import ArmEffect
from analysis.ablation.result import Ablation
from analysis.ablation.wording import format_p
from analysis.contenders import Comparison, Contender
from analysis.formatting import format_score, format_signed
from analysis.intervals import Interval
from analysis.latex import escape_latex, format_bounds, make_table
from analysis.summary import Summary

_DAGGER = r"\textsuperscript{$\dagger$}"


def write_latex_tables(summary: Summary) -> dict[str, str]:
    """Write every table that the study has data for, by name."""
    tables = {}
    if summary.comparison is not None:
        tables["configurations"] = _write_configurations(summary, summary.comparison)
    if summary.ablation is not None:
        tables["ablation"] = _write_ablation(summary, summary.ablation)
    return tables


def _write_configurations(summary: Summary, comparison: Comparison) -> str:
    origin, yardstick = summary.provenance, comparison.yardstick
    is_confirmed, on_test = comparison.basis == "confirmed", yardstick.on_test
    # Where nothing was tested, the score is the objective's.
    objective = [origin.objective] if is_confirmed and on_test else []
    head = ["Row", *objective, yardstick.label, "difference to the best", "seeds"]
    groups = [
        [_list_cells(row, comparison, with_objective=bool(objective)) for row in rows]
        for rows in (comparison.configurations, comparison.baselines)
    ]
    return make_table(
        columns="l" + "r" * (len(head) - 1),
        head=[escape_latex(one) for one in head],
        groups=groups,
        caption=_describe_configurations(summary, comparison),
        label=f"{origin.study}-configurations",
        made=_say_how(summary, "configurations"),
    )


def _list_cells(row: Contender, comparison: Comparison, *, with_objective: bool) -> list[str]:
    name = escape_latex(row.label)
    if row.is_best and _stands_alone(comparison):
        name = rf"\textbf{{{name}}}"
    elif row in comparison.tied:
        name += _DAGGER
    return [
        name,
        *([_write_score(row.objective)] if with_objective else []),
        _write_score(row.score),
        "" if row.is_best else _write_difference(row.difference_to_best),
        str(row.n_seeds) if row.has_seeds else "--",
    ]


def _stands_alone(comparison: Comparison) -> bool:
    """Tell whether every other row was found to be worse: no winner is bold within a tie, or unjudged."""
    return all(row.is_best or row.judgement == "worse" for row in comparison.rows)


def _describe_configurations(summary: Summary, comparison: Comparison) -> str:
    origin = summary.provenance
    what = f"{comparison.yardstick.label}{f' on the {origin.test_part}' if comparison.yardstick.on_test else ''}"
    text = f"{origin.family or origin.study} on {origin.data or 'data not recorded'}. {what}"
    if comparison.basis == "confirmed":
        text += ", mean over series and fresh seeds [95 % interval over seeds, stratified by series]"
    else:
        text += ", one seed each, not confirmed"
    text += "." if comparison.yardstick.higher_is_better else ", lower is better."
    tied = f" {_DAGGER}Not distinguishable from the best." if comparison.tied else ""
    return escape_latex(text) + tied


def _write_ablation(summary: Summary, ablation: Ablation) -> str:
    # What was predicted is mostly another metric than the one that parts are judged by.
    predicted = next((arm.expectation.label for arm in ablation.arms if arm.expectation is not None), None)
    further = [] if predicted is None else [f"{predicted}, expected", f"{predicted}, measured"]
    head = ["Arm", ablation.yardstick.label, "arm minus base", "Holm p", "the part", *further]
    base = escape_latex(f"base ({ablation.base.label})")
    parts = [arm for arm in ablation.arms if arm.kind == "component"]
    return make_table(
        columns="lrrrl" + "r" * len(further),
        head=[escape_latex(one) for one in head],
        groups=[
            [[base, _write_score(ablation.base.score), "", "", "", *([""] * len(further))]],
            [_list_arm_cells(arm, with_expected=bool(further)) for arm in parts],
            [_list_arm_cells(arm, with_expected=bool(further)) for arm in ablation.curves],
        ],
        caption=_describe_ablation(summary, ablation),
        label=f"{summary.provenance.study}-ablation",
        made=_say_how(summary, "ablation"),
    )


def _list_arm_cells(arm: ArmEffect, *, with_expected: bool) -> list[str]:
    p_value = None if arm.verdict is None else arm.verdict.adjusted_p
    expectation = arm.expectation
    expected, measured = "", ""
    if expectation is not None:
        expected, measured = f"${format_signed(expectation.expected)}$", _write_difference(expectation.measured)
    return [
        escape_latex(arm.name),
        _write_score(arm.score),
        _write_difference(arm.difference),
        "" if p_value is None else f"${format_p(p_value)}$",
        escape_latex(arm.word),
        *([expected, measured] if with_expected else []),
    ]


def _describe_ablation(summary: Summary, ablation: Ablation) -> str:
    origin, region = summary.provenance, ablation.rules.region
    text = (
        f"What each part of {origin.family or origin.study} contributes on {origin.data or 'data not recorded'}: "
        f"{ablation.yardstick.label} of the base with one part changed, and the paired difference over "
        f"{len(ablation.series)} series × {ablation.base.n_seeds} seeds [95 % interval]."
    )
    if region is not None:
        text += f" Equivalent: within ±{region:g} of the base beyond doubt."
    if ablation.curves:
        text += " Exploratory levels have no verdict."
    return escape_latex(text)


def _say_how(summary: Summary, name: str) -> str:
    origin = summary.provenance
    source = f"commit {origin.git_commit}" if origin.git_commit else f"sources {origin.code_hash or 'not recorded'}"
    return f"Study {origin.study} ({source}); by python -m analysis report, all digits in {name}.csv"


def _write_score(interval: Interval | None) -> str:
    return "--" if interval is None else _write(interval, signed=False)


def _write_difference(interval: Interval | None) -> str:
    return "--" if interval is None else _write(interval, signed=True)


def _write(interval: Interval, *, signed: bool) -> str:
    write = format_signed if signed else format_score
    bounds = (None if bound is None else write(bound) for bound in (interval.low, interval.high))
    return format_bounds(write(interval.mean), *bounds)
