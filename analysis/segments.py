"""Segments, the Parquet files of a study's tables: read without what is empty or not wanted, joined without repeats."""

import bisect
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def read_segment(parquet: pq.ParquetFile, schema: pa.Schema, wanted: Sequence[str] | None) -> pa.Table:
    """Read one segment; of a search's, nine columns in ten are those of tests, and empty, so they are made instead.

    Args:
        parquet: The segment.
        schema: The columns to read.
        wanted: Trials, in order; only groups of rows that may hold one of them are read. ``None`` for all.

    Raises:
        ValueError: If a column is missing.
        pa.ArrowException: If it cannot be read, or has another type.
    """
    groups = [place for place in range(parquet.num_row_groups) if _may_hold(parquet, place, wanted)]
    names, found = parquet.schema_arrow.names, [parquet.metadata.row_group(group) for group in groups]
    places = {name: names.index(name) for name in schema.names}
    filled = [name for name, place in places.items() if not all(_is_empty(group.column(place)) for group in found)]
    # One thread: segments are small, and handing them to a pool costs more than reading them.
    table = parquet.read_row_groups(groups, columns=filled, use_threads=False)
    read, n_rows = dict(zip(table.column_names, table.columns, strict=True)), sum(group.num_rows for group in found)
    columns = [
        read[field.name].cast(field.type) if field.name in read else pa.nulls(n_rows, field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)


def select_trials(table: pa.Table, trial_ids: Collection[str] | None, *, but: bool = False) -> pa.Table:
    """Keep the rows of some trials, ``None`` for all; or of all but these."""
    if trial_ids is None:
        return table
    found = pc.is_in(table["trial_id"], value_set=pa.array(list(trial_ids), pa.string()))
    return table.filter(pc.invert(found) if but else found)


def drop_repeated(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Drop from each table, in order of time, the rows of events that a later one has too."""
    kept: list[pa.Table] = []
    oldest: int | None = None
    for table in reversed(tables):
        if len(table) == 0:
            continue
        first, last = pc.min_max(table["event_seq"]).as_py().values()
        if oldest is not None and last >= oldest:
            known = pa.chunked_array([chunk for later in kept for chunk in later["event_seq"].chunks], type=pa.int64())
            kept.append(table.filter(pc.invert(pc.is_in(table["event_seq"], value_set=known))))
        else:
            kept.append(table)
        oldest = first if oldest is None else min(first, oldest)
    return kept[::-1]


def _may_hold(parquet: pq.ParquetFile, group: int, wanted: Sequence[str] | None) -> bool:
    """Tell by its bounds whether a group of rows can have one of the wanted trials."""
    if wanted is None:
        return True
    found = parquet.metadata.row_group(group).column(parquet.schema_arrow.get_field_index("trial_id")).statistics
    if found is None or not found.has_min_max:
        return True
    place = bisect.bisect_left(wanted, found.min)
    return place < len(wanted) and wanted[place] <= found.max


def _is_empty(column: pq.ColumnChunkMetaData) -> bool:
    found = column.statistics
    return found is not None and found.has_null_count and found.num_values == 0
