"""The tables of an ablation, row by row, for CSV files: all digits."""

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.ablation.effects import ArmEffect
from analysis.ablation.paired import PairedEffect
from analysis.ablation.result import Ablation
from analysis.formatting import format_exactly
from analysis.intervals import Interval

Row = Mapping[str, Any]


def list_tables(ablation: Ablation) -> dict[str, list[Row]]:
    """List the rows of every table that the study has data for, by name."""
    tables = {
        "ablation": [_arm_row(arm) for arm in ablation.arms],
        "ablation_blocks": list(_block_rows(ablation)),
        "ablation_metrics": list(_metric_rows(ablation)),
        "interactions": list(_interaction_rows(ablation)),
        "path": list(_path_rows(ablation)),
    }
    return {name: rows for name, rows in tables.items() if rows}


def _arm_row(arm: ArmEffect) -> Row:
    verdict, expectation = arm.verdict, arm.expectation
    return {
        "arm": arm.name,
        "factor": arm.factor,
        "level": arm.level,
        "kind": arm.kind,
        "same_as": arm.same_as or "",
        "verdict": arm.word,
        "reason": verdict.reason if verdict else "",
        "n_seeds": arm.n_seeds,
        "n_failed": arm.n_failed,
        **_columns("score", arm.score),
        **_effect_columns("difference", arm.effect),
        "adjusted_p": verdict.adjusted_p if verdict else None,
        "equivalence_p": verdict.equivalence_p if verdict else None,
        "base_is_better": arm.base_is_better,
        "smallest_detectable": arm.smallest_detectable,
        "seeds_to_decide": arm.seeds_to_decide,
        **_columns("over_series", arm.over_series),
        "expected": expectation.expected if expectation else None,
        "expected_metric": expectation.metric if expectation else "",
        **_columns("measured_as_expected", expectation.measured if expectation else None),
        "outcome": expectation.outcome if expectation else "",
        "size_ratio": arm.size_ratio,
        "n_params": arm.cost.n_params,
        "train_s": arm.cost.train_s,
        "latency_p50_ms": arm.cost.latency_p50_ms,
        **_retuned_columns(arm),
    }


def _retuned_columns(arm: ArmEffect) -> Row:
    retuned = arm.retuned
    return {
        "retuned_verdict": retuned.word if retuned else "",
        "n_searches": retuned.n_searches if retuned else None,
        **_effect_columns("retuned_difference", retuned.effect if retuned else None),
        **_columns("bought_back", retuned.bought_back if retuned else None),
        "sd_search": retuned.sd_search if retuned else None,
        "sd_seed": retuned.sd_seed if retuned else None,
        "search_trials": retuned.spent.trials if retuned else None,
        "search_epochs": retuned.spent.epochs if retuned else None,
    }


def _effect_columns(name: str, effect: PairedEffect | None) -> Row:
    bootstrap = effect.bootstrap if effect else None
    return {
        **_columns(name, effect.interval if effect else None),
        f"{name}_bootstrap_low": bootstrap.low if bootstrap else None,
        f"{name}_bootstrap_high": bootstrap.high if bootstrap else None,
        f"{name}_p": effect.p_value if effect else None,
        f"{name}_d_z": effect.effect_size if effect else None,
        f"{name}_n_blocks": effect.n_blocks if effect else 0,
        f"{name}_n_dropped": effect.n_dropped if effect else None,
    }


def _block_rows(ablation: Ablation) -> Iterable[Row]:
    for arm in ablation.arms:
        for block in arm.effect.blocks if arm.effect else ():
            yield {
                "arm": arm.name,
                "protocol": "frozen",
                "series": ablation.series[block.series],
                "block": ablation.blocks[block.seed],
                "difference": block.difference,
            }
        for block in arm.retuned.effect.blocks if arm.retuned and arm.retuned.effect else ():
            yield {
                "arm": arm.name,
                "protocol": "re-tuned",
                "series": "",  # the mean over all of them
                "block": f"search-{block.seed}",
                "difference": block.difference,
            }


def _metric_rows(ablation: Ablation) -> Iterable[Row]:
    for arm in ablation.arms:
        for series, interval in arm.by_series.items():
            yield {"arm": arm.name, "series": series, "metric": ablation.yardstick.name, **_interval(interval)}
        for name, interval in arm.other_metrics.items():
            yield {"arm": arm.name, "series": "", "metric": name, **_interval(interval)}


def _interaction_rows(ablation: Ablation) -> Iterable[Row]:
    for pair in ablation.interactions:
        yield {
            "first": pair.first,
            "second": pair.second,
            **_columns("first_effect", pair.first_effect),
            **_columns("second_effect", pair.second_effect),
            "sum_of_singles": pair.sum_of_singles,
            **_columns("joint_effect", pair.joint_effect),
            **_columns("interaction", pair.interaction),
        }


def _path_rows(ablation: Ablation) -> Iterable[Row]:
    for number, step in enumerate(ablation.path.steps if ablation.path else (), start=1):
        yield {
            "step": number,
            "parameter": step.parameter,
            "before": format_exactly(step.before),
            "after": format_exactly(step.after),
            **_columns("score", step.score),
            **_columns("gain", step.gain),
            **_columns("alone", step.alone),
        }


def _columns(name: str, interval: Interval | None) -> Row:
    mean, low, high = (None, None, None) if interval is None else (interval.mean, interval.low, interval.high)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _interval(interval: Interval) -> Row:
    return {
        "difference": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "n_blocks": interval.n_blocks,
        "n_dropped": interval.n_dropped,
    }
