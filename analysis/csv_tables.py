"""The tables of a report as CSV, for spreadsheets and papers: all digits, one header line."""

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv

from analysis.ablation.tables import list_tables
from analysis.contenders import Comparison
from analysis.details import Details
from analysis.forecast_scores import StepProfile
from analysis.formatting import format_exactly
from analysis.importance import Importance
from analysis.intervals import Interval
from analysis.pareto import Front
from analysis.records import Records
from analysis.sampled_test_part import SampledPart
from analysis.summary import Summary
from analysis.validity import ObjectiveCheck


def write_tables(records: Records, summary: Summary, details: Details | None) -> dict[str, str]:
    """Write every table that the study has data for, by name."""
    tables = {"trials": _write_trials(records.table)}
    if (comparison := summary.comparison) is not None:
        tables |= {
            "configurations": _to_csv(_list_rows(comparison)),
            "metrics": _to_csv(_list_metrics(comparison)),
            "parameters": _to_csv(_list_parameters(summary)),
        }
        if series := list(_list_series(comparison)):
            tables["series"] = _to_csv(series)
    if summary.ablation is not None:
        tables |= {name: _to_csv(rows) for name, rows in list_tables(summary.ablation).items()}
    if details is not None and details.profile is not None:
        tables["by_step"] = _to_csv(_list_steps(details.profile))
    if details is not None and details.test_sampling is not None:
        tables["test_sampling"] = _to_csv(_list_sampled(details.test_sampling))
    if details is not None and details.importance is not None and details.importance.influences:
        tables["importance"] = _to_csv(_list_influences(details.importance))
    if details is not None and details.fronts:
        tables["pareto"] = _to_csv(_list_points(details.fronts))
    if summary.search.anytime:
        tables["anytime"] = _to_csv(
            {
                "trial_id": point.trial_id,
                "value": point.value,
                "best": point.best,
                "train_s": point.train_s,
                "wall_s": point.wall_s,
            }
            for point in summary.search.anytime
        )
    if summary.check is not None:
        tables["objective_check"] = _to_csv(_list_rankings(summary.check))
    if summary.errors:
        tables["errors"] = _to_csv(
            {"n_trials": len(group.trials), "error": group.error, "trials": " ".join(group.trials)}
            for group in summary.errors
        )
    return tables


def _write_trials(table: pa.Table) -> str:
    """Write the trial table, with the columns in which any trial has a value; Python itself would take minutes."""
    table = table.select([name for name in table.column_names if table[name].null_count < len(table)])
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(include_header=False))
    return ",".join(table.column_names) + "\n" + buffer.getvalue().decode()


def _list_rows(comparison: Comparison) -> Iterable[Mapping[str, Any]]:
    for row in comparison.rows:
        yield {
            "row": row.label,
            "kind": row.kind,
            "is_best": row.is_best,
            "is_published": row.is_published,
            "is_variant": row.is_variant,
            "judgement": "" if row.is_best else row.judgement,
            "n_seeds": row.n_seeds,
            "n_failed": row.n_failed,
            "search_score": row.search_score,
            **_columns("objective", row.objective),
            **_columns(comparison.yardstick.name, row.score),
            **_columns("difference_to_best", row.difference_to_best),
            **_columns("difference_to_published", row.difference_to_published),
            "n_params": row.cost.n_params,
            "train_s": row.cost.train_s,
            "latency_p50_ms": row.cost.latency_p50_ms,
            "latency_p95_ms": row.cost.latency_p95_ms,
            "windows_per_s": row.cost.windows_per_s,
            "peak_memory_mb": row.cost.peak_memory_mb,
        }


def _list_metrics(comparison: Comparison) -> Iterable[Mapping[str, Any]]:
    for row in comparison.rows:
        for part, metrics in (("test", row.test), ("full", row.full)):
            for name, interval in metrics.items():
                yield {"row": row.label, "part": part, "metric": name, **_interval(interval)}


def _list_series(comparison: Comparison) -> Iterable[Mapping[str, Any]]:
    for row in comparison.rows:
        for series, metrics in row.by_series.items():
            for name, interval in metrics.items():
                yield {"row": row.label, "series": series, "metric": name, **_interval(interval)}


def _list_steps(profile: StepProfile) -> Iterable[Mapping[str, Any]]:
    for row in profile.rows:
        for step, interval in row.by_step.items():
            yield {"row": row.label, "step": step, "metric": profile.metric, **_interval(interval)}


def _list_influences(importance: Importance) -> Iterable[Mapping[str, Any]]:
    for influence in importance.influences:
        for measure, level in influence.levels.items():
            yield {"parameter": influence.parameter, "measure": measure, **dataclasses.asdict(level)}


def _list_points(fronts: Iterable[Front]) -> Iterable[Mapping[str, Any]]:
    for front in fronts:
        for point in front.points:
            yield {
                "row": point.label,
                "score_name": front.score,
                "is_test_score": front.on_test,
                **_columns("score", point.score),
                "cost_name": front.cost,
                "cost": point.cost,
                "standing": point.standing,
                "dominated_by": " ".join(point.dominated_by),
            }


def _list_sampled(sampling: SampledPart) -> Iterable[Mapping[str, Any]]:
    for row in sampling.rows:
        named = {"row": row.label, "metric": sampling.metric, "units": sampling.units, "n_units": sampling.n_units}
        numbers = dataclasses.asdict(row)
        del numbers["label"]
        yield {**named, **numbers}


def _list_parameters(summary: Summary) -> Iterable[Mapping[str, Any]]:
    for row in summary.parameters:
        yield {
            "parameter": row.name,
            "value": format_exactly(row.value),
            "published": format_exactly(row.published),
            "changed": row.changed,
            "used": row.used,
            "searched": row.searched,
        }


def _list_rankings(check: ObjectiveCheck) -> Iterable[Mapping[str, Any]]:
    for ranking in check.rankings:
        for series, found in ({"": ranking.correlation} | dict(ranking.by_series)).items():
            yield {
                "objective": ranking.objective,
                "is_searched": ranking.is_searched,
                "metric": check.metric,
                "series": series,  # empty: the means over all of them
                "n_configurations": None if found is None else found.n,
                "rank_correlation": None if found is None else found.value,
                "low": None if found is None else found.low,
                "high": None if found is None else found.high,
                "chosen": None if series else ranking.chosen,
            }


def _columns(name: str, interval: Interval | None) -> dict[str, float | None]:
    mean, low, high = (None, None, None) if interval is None else (interval.mean, interval.low, interval.high)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "n_blocks": interval.n_blocks,
        "n_series": interval.n_series,
        "note": interval.note,
    }


def _to_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
