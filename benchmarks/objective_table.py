"""The table of recorded runs: a row for each, with every candidate objective and the test metrics.

It is small, lies with the benchmarks, and is all that the statistics need. Objectives come as ``o_<name>``, turned so
that higher is better; those on the labels of the first ``k`` events as ``k_<k>_<name>``; test metrics on the untouched
part as ``t_<name>``; hyperparameters as JSON in ``config``.
"""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from candidate_objectives import (
    divide_test,
    first_events,
    judge_by_labels,
    judge_untouched,
    judge_without_labels,
)
from recorded_runs import SERIES, Recorded, all_runs, prepare
from scipy.stats import rankdata

from trainables.tasks.objectives import add_log_gap

TABLE = Path(__file__).resolve().parent / "objective_runs.parquet"
BY_EVENTS = ("labelled_event_f1", "labelled_auprc")
"""Labelled objectives that are also computed on the first ``k`` events alone."""


def tabulate(folder: Path, *, n_workers: int) -> pd.DataFrame:
    """Judge every run that is recorded in a folder, and write the table.

    Args:
        folder: As given to :func:`recorded_runs.record`.
        n_workers: Processes.
    """
    made = [run for run in all_runs() if run.path(folder).exists()]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, mp_context=context) as pool:
        rows = list(pool.map(_judge, made, [folder] * len(made), chunksize=20))
    table = pd.DataFrame(rows)
    for series in SERIES:
        for seed in sorted(set(table["seed"])):
            _add_agreement(table, folder, series, seed)
    numbers = [name for name in table.columns if name[:2] in ("o_", "k_", "t_")]
    table[numbers] = table[numbers].astype(np.float32)
    table.to_parquet(TABLE, index=False, compression="zstd")
    return table


def _judge(run: Recorded, folder: Path) -> dict[str, Any]:
    arrays = dict(np.load(run.path(folder)))
    row: dict[str, Any] = {
        "name": run.name,
        "seed": run.seed,
        "dataset": SERIES[run.series],
        "series": run.series,
        "config": str(arrays.pop("config")),
        "error": str(arrays.get("error", "")),
    }
    if row["error"]:
        return row
    labelled, _ = divide_test(run.series)
    row |= _prefixed("t_", judge_untouched(arrays, run.series))
    row |= _prefixed("o_", judge_without_labels(arrays, run.series))
    row |= _prefixed("o_", _judge_knobs(json.loads(row["config"]), run.series))
    by_labels = judge_by_labels(arrays, run.series, labelled) if len(labelled) > 0 else {}
    event_f1, gap = by_labels.get("labelled_event_f1"), row["o_log_gap"]
    events = first_events(run.series)
    row["o_labelled_event_f1_and_log_gap"] = add_log_gap(event_f1, gap, n_events=len(events))
    if event_f1 is not None:
        row |= _prefixed("o_", by_labels)
        # So little that it breaks ties and hardly ever overrules a difference.
        row["o_labelled_event_f1_then_log_gap"] = event_f1 + 1e-4 * gap
        row["o_labelled_event_f1_then_auprc"] = event_f1 + 1e-4 * by_labels["labelled_auprc"]
        for count, steps in enumerate(events, start=1):
            found = judge_by_labels(arrays, run.series, steps)
            row |= {f"k_{count}_{name}": found[name] for name in BY_EVENTS}
    return row


def _judge_knobs(config: dict[str, Any], series: str) -> dict[str, float]:
    """Two rules of thumb that look at no score, for scale."""
    clip = prepare(series).resolve_clip(config["clip"])
    return {"larger_clip": float("inf") if clip is None else clip} | (
        {"larger_learning_rate": config["learning_rate"]} if "learning_rate" in config else {}
    )


def _add_agreement(table: pd.DataFrame, folder: Path, series: str, seed: int) -> None:
    """Add how far each trained configuration agrees with the mean rank of the random ones, on unlabelled scores."""
    trained = ~table["name"].str.startswith("squares") & (table["error"] == "")
    rows = table.index[trained & (table["series"] == series) & (table["seed"] == seed)]
    drawn = table.loc[rows, "name"].str.startswith("random").to_numpy()[:, None]
    if drawn.sum() < 2:
        return
    for part in ("test", "validation"):
        runs = [Recorded(name=str(table.loc[row, "name"]), config={}, seed=seed, series=series) for row in rows]
        ranks = np.stack([rankdata(np.load(run.path(folder))[part]) for run in runs])
        others = (ranks[drawn[:, 0]].sum(axis=0) - ranks * drawn) / (drawn.sum() - drawn)
        own_top, their_top = (values > np.quantile(values, 0.98, axis=1, keepdims=True) for values in (ranks, others))
        table.loc[rows, f"o_agreement_{part}"] = [
            np.corrcoef(one, other)[0, 1] for one, other in zip(ranks, others, strict=True)
        ]
        table.loc[rows, f"o_agreement_top_{part}"] = (own_top & their_top).sum(axis=1) / their_top.sum(axis=1)


def _prefixed(prefix: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}{name}": value for name, value in values.items()}
