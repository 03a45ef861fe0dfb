"""The tables of a study: their columns, and how events become rows.

A study's events are the truth; ``trials/`` and ``metrics/`` hold what they add up to. :class:`TrialRows` is the one
place where that adding up happens: the driver uses it to write segments, a reader to add what is not in a segment yet.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

LAKE_FORMAT = "1"

_TYPES = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
}

TRIAL_COLUMNS: dict[str, str] = {
    "trial_id": "string",
    "study": "string",
    "space": "string",
    "stage": "string",
    "arm": "string",
    "factor": "string",
    "level": "string",
    "block": "string",
    "status": "string",
    "source": "string",
    "config_json": "string",
    "config_hash": "string",
    "series": "string",
    "seed": "int",
    "objective_name": "string",
    "objective_direction": "string",
    "objective": "float",
    "epochs_run": "int",
    "max_epochs": "int",
    "rung": "int",
    "created_at": "time",
    "finished_at": "time",
    "duration_s": "float",
    "train_s": "float",
    "gpu_s": "float",
    "node": "string",
    "device": "string",
    "kernel": "string",
    "n_params": "int",
    "peak_memory_mb": "float",
    "latency_p50_ms": "float",
    "latency_p95_ms": "float",
    "windows_per_s": "float",
    "threshold_source": "string",
    "error": "string",
    "attempt": "int",
    "event_seq": "int",
}
"""Columns of every study; ``p_<parameter>`` and ``m_<part>_<metric>`` follow."""

KEPT = "kept_"
"""Prefix of a validation metric's value at the best epoch so far, where that is the epoch that counts."""

MEASURING = ("reported", "tested")
"""Kinds of events that add rows to the metrics; those of one event are always written together."""

METRIC_SCHEMA = pa.schema(
    [
        ("trial_id", pa.string()),
        ("attempt", pa.int64()),
        ("series", pa.string()),  # null: the mean over the trial's series
        ("step", pa.int64()),  # epochs trained
        ("name", pa.string()),
        ("value", pa.float64()),
        ("wall_s", pa.float64()),  # since the study's first event
        ("rung", pa.int64()),  # the rung that the step is, null where it is none
        ("event_seq", pa.int64()),
    ]
)


def trial_columns(
    parameters: Mapping[str, str], validation_metrics: Iterable[str], test_metrics: Iterable[str]
) -> dict[str, str]:
    """List a study's columns with their types, fixed when the study is made.

    Args:
        parameters: Hyperparameters of the family, each with one of the types ``string``, ``int``, ``float``, ``bool``.
        validation_metrics: Keys of what a trial's validation gives.
        test_metrics: Keys of what its test gives.
    """
    test_metrics = tuple(test_metrics)
    return {
        **TRIAL_COLUMNS,
        **{f"p_{name}": kind for name, kind in parameters.items()},
        **{f"m_val_{name.removeprefix('val_')}": "float" for name in validation_metrics},
        **{f"m_{part}_{name}": "float" for part in ("test", "full") for name in test_metrics},
    }


def trial_schema(columns: Mapping[str, str]) -> pa.Schema:
    """Make the Parquet schema of a study's columns: flat, without nulls, structs or dictionaries as types."""
    return pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])


class TrialRows:
    """Folds events into one row per trial and a list of metric rows."""

    def __init__(self, study: Mapping[str, Any]) -> None:
        """Begin without rows.

        Args:
            study: The content of ``study.json``.
        """
        self._study = study
        self.schema = trial_schema(study["columns"])
        self._columns: Mapping[str, str] = study["columns"]
        self._rungs = frozenset(study["rungs"])
        self._began = datetime.fromisoformat(study["created_at"]).timestamp()
        self.rows: dict[str, dict[str, Any]] = {}
        self.changed: dict[str, None] = {}
        """Trials whose row has changed since the caller last cleared this."""
        self.metric_rows: list[tuple[Any, ...]] = []

    def apply(self, seq: int, time: float, kind: str, fields: Mapping[str, Any]) -> None:
        """Take an event in; kinds that concern no trial are passed over."""
        if kind == "asked":
            self.rows[fields["trial"]] = self._new_row(time, fields)
        elif kind not in _HANDLERS or fields["trial"] not in self.rows:
            return
        else:
            _HANDLERS[kind](self, self.rows[fields["trial"]], time, fields)
        row = self.rows[fields["trial"]]
        if kind in MEASURING:
            self._add_metrics(seq, time, row, fields)
        row["event_seq"] = seq
        self.changed[fields["trial"]] = None

    def _new_row(self, time: float, fields: Mapping[str, Any]) -> dict[str, Any]:
        study = self._study
        row: dict[str, Any] = dict.fromkeys(self._columns)
        row |= {
            "trial_id": fields["trial"],
            "study": study["name"],
            "space": study["space"],
            "stage": fields["stage"],
            "arm": fields["arm"],
            "factor": fields.get("factor"),
            "level": fields.get("level"),
            "block": fields["block"],
            "status": "RUNNING",
            "source": fields["source"],
            "config_hash": fields["config_hash"],
            "series": ",".join(fields["series"]),
            "seed": fields["seed"],
            "objective_name": study["objective"]["name"],
            "objective_direction": study["objective"]["direction"],
            "epochs_run": 0,
            "max_epochs": fields["max_epochs"],
            "created_at": _to_datetime(time),
            "duration_s": 0.0,
            "train_s": 0.0,
            "gpu_s": 0.0,
            "error": "",
            "attempt": 0,
        }
        self._set_config(row, fields["config"], fields["active"])
        return row

    def _set_config(self, row: dict[str, Any], config: Mapping[str, Any], active: Iterable[str]) -> None:
        row["config_json"] = json.dumps(config, sort_keys=True)
        for name in active:
            column = f"p_{name}"
            if column in self._columns:
                row[column] = as_text(config[name]) if self._columns[column] == "string" else config[name]

    def _started(self, row: dict[str, Any], time: float, fields: Mapping[str, Any]) -> None:  # noqa: ARG002
        row["attempt"] = fields["attempt"]

    def _reported(self, row: dict[str, Any], time: float, fields: Mapping[str, Any]) -> None:  # noqa: ARG002
        row["objective"] = fields["value"]
        row["epochs_run"] = fields["epoch"]
        row["train_s"] += fields["train_s"]
        if fields["epoch"] in self._rungs and row["stage"] == "search":
            row["rung"] = fields["epoch"]
        self._add_cost(row, fields)
        # The row states the epoch that counts; the others are in the curves.
        self._set_metrics(row, fields.get("kept", fields["metrics"]))

    def _decided(self, row: dict[str, Any], time: float, fields: Mapping[str, Any]) -> None:
        if fields["verdict"] != "continue":
            row["status"] = "COMPLETED" if fields["verdict"] == "complete" else "STOPPED"
            row["finished_at"] = _to_datetime(time)

    def _failed(self, row: dict[str, Any], time: float, fields: Mapping[str, Any]) -> None:
        row["error"] = fields["error"]
        if fields["work"] != "test":
            row["status"] = "FAILED"
            row["objective"] = None
            row["finished_at"] = _to_datetime(time)

    def _lost(self, row: dict[str, Any], time: float, fields: Mapping[str, Any]) -> None:
        if fields["final"]:
            row["error"] = fields["reason"]
            if row["status"] == "RUNNING":
                row["status"] = "LOST"
                row["finished_at"] = _to_datetime(time)

    def _tested(self, row: dict[str, Any], time: float, fields: Mapping[str, Any]) -> None:
        row["threshold_source"] = fields["threshold_source"]
        self._add_cost(row, fields)
        self._set_metrics(row, fields["metrics"])
        if row["stage"] == "baseline":
            row["status"] = "COMPLETED"
            row["objective"] = fields["value"]
            row["finished_at"] = _to_datetime(time)
            self._set_config(row, fields["config"], fields["config"])

    def _add_cost(self, row: dict[str, Any], fields: Mapping[str, Any]) -> None:
        row["duration_s"] += fields["step_s"]
        row["gpu_s"] += fields["step_s"] * fields["gpus"]
        row |= {name: value for name, value in fields["facts"].items() if name in TRIAL_COLUMNS}

    def _set_metrics(self, row: dict[str, Any], by_series: Mapping[str, Mapping[str, float | None]]) -> None:
        for name, value in _means(by_series).items():
            column = f"m_{name}" if name.startswith(("val_", "test_", "full_")) else f"m_val_{name}"
            if column in self._columns:
                row[column] = value

    def _add_metrics(self, seq: int, time: float, row: dict[str, Any], fields: Mapping[str, Any]) -> None:
        step = row["epochs_run"]
        rung = step if step in self._rungs and row["stage"] == "search" else None
        head, tail = (row["trial_id"], fields["attempt"]), (time - self._began, rung, seq)
        named = [(series, name, value) for series, found in fields["metrics"].items() for name, value in found.items()]
        means: list[tuple[str | None, str, float | None]] = [
            (None, name, value) for name, value in _means(fields["metrics"]).items()
        ]
        if self._study["objective"].get("epoch") == "best":
            named += [
                (series, f"{KEPT}{name}", value)
                for series, found in fields.get("kept", {}).items()
                for name, value in found.items()
                if name.startswith("val_")
            ]
        objective = [(None, "objective", fields["value"])] if fields.get("value") is not None else []
        self.metric_rows += [
            (*head, series, step, name, value, *tail) for series, name, value in [*named, *means, *objective]
        ]


_HANDLERS = {
    "started": TrialRows._started,
    "reported": TrialRows._reported,
    "decided": TrialRows._decided,
    "failed": TrialRows._failed,
    "lost": TrialRows._lost,
    "tested": TrialRows._tested,
}


def to_trial_table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Make a table of rows, with the study's name and format in its metadata."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema).replace_schema_metadata(
        {"lake_format": LAKE_FORMAT}
    )


def to_metric_table(rows: list[tuple[Any, ...]]) -> pa.Table:
    """Make a table of metric rows."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(METRIC_SCHEMA)
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, METRIC_SCHEMA, strict=True)]
    return pa.table(arrays, schema=METRIC_SCHEMA).replace_schema_metadata({"lake_format": LAKE_FORMAT})


def _means(by_series: Mapping[str, Mapping[str, float | None]]) -> dict[str, float | None]:
    """Average every metric over the series that have it; one undefined value leaves the mean undefined."""
    values: dict[str, list[float | None]] = {}
    for found in by_series.values():
        for name, value in found.items():
            values.setdefault(name, []).append(value)
    means: dict[str, float | None] = {}
    for name, some in values.items():
        defined = [value for value in some if value is not None]
        means[name] = sum(defined) / len(defined) if len(defined) == len(some) else None
    return means


def as_text(value: object) -> str:
    """Write a parameter's value as tables show it where "none" is a choice, so that the column is text."""
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _to_datetime(time: float) -> datetime:
    return datetime.fromtimestamp(time, tz=UTC)
