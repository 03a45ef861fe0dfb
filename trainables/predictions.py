"""Predictions of confirmed runs and baselines on disk: one Parquet file per trial, for figures and audits."""

import io
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.whole_files import replace_file


def write_predictions(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write the predictions on every series of a trial, whole or not at all."""
    parts = list(tables)
    if not parts:
        return
    buffer = io.BytesIO()
    pq.write_table(pa.concat_tables(parts), buffer, compression="zstd")
    replace_file(path, buffer.getvalue())
