"""Scores of confirmed runs and baselines on disk: one Parquet file per trial, from which figures and audits work."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trainables.data.windows import CONTEXT
from trainables.tasks.anomaly import Outcome, PreparedSeries
from trainables.whole_files import replace_file

SCHEMA = pa.schema(
    [
        ("series", pa.string()),
        ("step", pa.int64()),  # of the test part, from 0
        ("score", pa.float32()),
        ("label", pa.bool_()),  # null where nobody labelled the series
        ("untouched", pa.bool_()),  # whether results are stated on this step
        ("threshold", pa.float64()),  # fixed before the test part was opened
    ]
)


def write_predictions(path: Path, outcomes: Mapping[str, Outcome], prepared: Mapping[str, PreparedSeries]) -> None:
    """Write the scores of every series of a trial, whole or not at all."""
    tables = [_table(name, outcome, prepared[name]) for name, outcome in outcomes.items()]
    if not tables:
        return
    buffer = io.BytesIO()
    pq.write_table(pa.concat_tables(tables), buffer, compression="zstd")
    replace_file(path, buffer.getvalue())


def _table(name: str, outcome: Outcome, series: PreparedSeries) -> pa.Table:
    steps = np.arange(CONTEXT, len(series.test))
    untouched = (steps >= series.part.untouched.start) & (steps < series.part.untouched.stop)
    labels = pa.nulls(len(steps), pa.bool_()) if series.labels is None else pa.array(series.labels[CONTEXT:])
    columns = [
        pa.array([name] * len(steps)),
        pa.array(steps),
        pa.array(outcome.scores),
        labels,
        pa.array(untouched),
        pa.array(np.full(len(steps), outcome.threshold)),
    ]
    return pa.table(columns, schema=SCHEMA)
