"""What a study looks like to TensorBoard: events in, the bytes of event files out; nothing here touches a disk.

The bytes of a trial's file are a function of the trial's events and of nothing else (no clock, no host name). So a
file can be checked, or made again, by going through the events once more.

How a trial's status is said, in the words that TensorBoard has:

- COMPLETED is SUCCESS; FAILED and LOST are FAILURE.
- STOPPED is UNKNOWN: a trial that the scheduler stopped neither succeeded nor failed.
- RUNNING has no session end, which TensorBoard shows as UNKNOWN too. It has a word for running trials, but takes the
  first status it reads of a run for good, so whoever writes RUNNING can never write how the trial ended.

What tells the UNKNOWN ones apart: ``hp/epochs`` says how far a trial has come, and the objective's column is empty
until a trial has ended. It holds the value at the last epoch, for stopped trials too, where it was reached at a lower
fidelity; the filter on the status keeps the two apart. Failed and lost trials have none, since the averages that
TensorBoard forms over seeds include them.
"""

import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

from analysis.arms import VARIANT
from analysis.trial_table import KEPT, TrialRows, as_text

STAGES = ("search", "confirm", "ablate_frozen", "ablate_retuned", "baseline", "validity")

_STATUSES = {
    "COMPLETED": api_pb2.STATUS_SUCCESS,
    "STOPPED": api_pb2.STATUS_UNKNOWN,
    "FAILED": api_pb2.STATUS_FAILURE,
    "LOST": api_pb2.STATUS_FAILURE,
}

_DATA_TYPES: dict[str, int] = {
    "string": api_pb2.DATA_TYPE_STRING,
    "bool": api_pb2.DATA_TYPE_BOOL,
    "int": api_pb2.DATA_TYPE_FLOAT64,
    "float": api_pb2.DATA_TYPE_FLOAT64,
}

_MOST_TEST_METRICS = 12
"""A task with more of them shows the primary one and its parts; the trial table holds them all."""

Measured = Mapping[str, float]
"""Values by tag or by name."""

Found = list[tuple[str | None, str, float]]
"""Series, name and value of what was measured; a series of ``None`` is the mean over the series."""


def study_records(study: Mapping[str, Any]) -> bytes:
    """Return the content of the study's own file: every column of the HParams tab, whichever trials have it.

    TensorBoard takes the first such list that it finds for the whole study. One per trial, as other writers have it,
    loses the parameters that the first trial lacks.

    Args:
        study: The content of ``study.json``.
    """
    created = datetime.fromisoformat(study["created_at"]).timestamp()
    experiment = api_pb2.Experiment(
        name=study["name"],
        time_created_secs=created,
        hparam_infos=[
            _describe_choices("stage", STAGES),
            _describe_choices("arm", _list_arms(study)),
            *(_describe_parameter(parameter, study["columns"]) for parameter in study["parameters"]),
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), description=description)
            for tag, description in _describe_metrics(study).items()
        ],
    )
    return _file_start(created) + _record(created, 0, [_hparams_value(metadata.EXPERIMENT_TAG, experiment=experiment)])


def _list_arms(study: Mapping[str, Any]) -> tuple[str, ...]:
    """List what ``arm`` may be in a study."""
    ablation = study.get("ablation")
    if not ablation:
        return ("search", "candidate", "published", VARIANT, "random_configuration", *study["baselines"])
    cells = ablation["factorial"]["cells"] if ablation["factorial"] else ()
    combined = (" ".join(f"{factor}={level}" for factor, level in cell["levels"].items()) for cell in cells)
    names = ("base", *(arm["name"] for arm in ablation["arms"]), *combined, *study["baselines"])
    return tuple(dict.fromkeys(names))


class TrialRecords:
    """Folds events into what each adds to the file of its trial."""

    def __init__(self, study: Mapping[str, Any]) -> None:
        """Begin without trials.

        Args:
            study: The content of ``study.json``.
        """
        self._rows = TrialRows(study)
        self._types = {one["name"]: _data_type(one, study["columns"]) for one in study["parameters"]}
        self._objective: str = study["objective"]["name"]
        self._objectives: frozenset[str] = frozenset(study["objectives"])
        self._keeps_best: bool = study["objective"].get("epoch") == "best"
        self._primary: str = study["objective"]["primary_metric"]
        self._shown = _shown_test_metrics(self._primary, study["columns"])

    def apply(self, seq: int, time: float, kind: str, fields: Mapping[str, Any]) -> bytes:
        """Take an event in, and return what it adds to the file of the trial ``fields["trial"]``; mostly nothing."""
        rows, trial = self._rows, fields.get("trial", "")
        status = rows.rows[trial]["status"] if trial in rows.rows else None
        rows.apply(seq, time, kind, fields)
        found = [(series, name, value) for _, _, series, _, name, value, *_ in rows.metric_rows if value is not None]
        rows.metric_rows.clear()
        rows.changed.clear()
        if trial not in rows.rows:
            return b""
        row = rows.rows[trial]
        values = [*self._begin(time, kind, fields), *_scalars(self._measured(kind, row, found))]
        if status == "RUNNING" and row["status"] != "RUNNING":
            values += self._end(time, row)
        return (_file_start(time) if kind == "asked" else b"") + _record(time, row["epochs_run"], values)

    def _begin(self, time: float, kind: str, fields: Mapping[str, Any]) -> list[Summary.Value]:
        """Open the trial's session: its hyperparameters, and the group in which TensorBoard averages over seeds.

        A group shows the hyperparameters of any one of its trials, so trials of one group must agree in all of them:
        stage and arm are part of its name, and the seed is no hyperparameter. Search and confirmation of one
        configuration stay apart, or the average would mix the score that it was chosen for with the fresh ones.
        """
        if kind != "asked":
            return []
        start = SessionStartInfo(
            group_name=f"{fields['stage']}/{fields['arm']}/{fields['config_hash']}", start_time_secs=time
        )
        active = {name: fields["config"][name] for name in fields["active"] if name in self._types}
        values = {name: _to_hparam(value, self._types[name]) for name, value in active.items()}
        for name, value in {"stage": fields["stage"], "arm": fields["arm"], **values}.items():
            if value is not None:
                _set_value(start.hparams[name], value)
        return [_hparams_value(metadata.SESSION_START_INFO_TAG, session_start_info=start)]

    def _measured(self, kind: str, row: Mapping[str, Any], found: Found) -> Measured:
        """Choose the tags under which an event's metrics show."""
        progress = {"hp/epochs": row["epochs_run"], "hp/train_s": row["train_s"]}
        if kind == "asked":
            return progress
        means = {name: value for series, name, value in found if series is None}
        tags = self._validation_tags(means) | self._objective_by_series(found) | self._test_tags(means)
        return tags | progress if kind == "reported" else tags

    def _validation_tags(self, means: Measured) -> dict[str, float]:
        """Name the objective for what it is, so that charts of all studies look alike; the others by themselves."""
        elsewhere = ("test_", "full_", KEPT)
        return {
            self._tag(name): value
            for name, value in means.items()
            # Where the best epoch counts, the objective's chart never rises: what each epoch gave has one of its own.
            if (name != self._objective or self._keeps_best) and not name.startswith(elsewhere)
        }

    def _tag(self, name: str) -> str:
        if name in ("objective", "train_loss"):
            return name
        is_validation = name in self._objectives or name.startswith("val_")
        return f"val/{name.removeprefix('val_')}" if is_validation else f"model/{name}"

    def _objective_by_series(self, found: Found) -> dict[str, float]:
        values = {f"objective/{series}": value for series, name, value in found if series and name == self._objective}
        return values if len(values) > 1 else {}

    def _test_tags(self, means: Measured) -> dict[str, float]:
        tags = {f"test/{name}": means[f"test_{name}"] for name in self._shown if f"test_{name}" in means}
        primary = f"test_{self._primary}"
        return tags | {f"hp/{primary}": means[primary]} if primary in means else tags

    def _end(self, time: float, row: Mapping[str, Any]) -> list[Summary.Value]:
        """Close the trial's session; its objective and its status stand from now on."""
        counts = row["status"] in ("COMPLETED", "STOPPED") and row["objective"] is not None
        end = SessionEndInfo(status=_STATUSES[row["status"]], end_time_secs=time)
        return [
            *_scalars({f"hp/{self._objective}": row["objective"]} if counts else {}),
            _hparams_value(metadata.SESSION_END_INFO_TAG, session_end_info=end),
        ]


def _describe_choices(name: str, choices: Iterable[str]) -> api_pb2.HParamInfo:
    info = api_pb2.HParamInfo(name=name, type=api_pb2.DATA_TYPE_STRING, differs=True)
    info.domain_discrete.extend(choices)
    return info


def _describe_parameter(parameter: Mapping[str, Any], columns: Mapping[str, str]) -> api_pb2.HParamInfo:
    kind = _data_type(parameter, columns)
    info = api_pb2.HParamInfo(name=parameter["name"], type=kind, description=parameter["condition"], differs=True)
    if "choices" in parameter:
        info.domain_discrete.extend([_to_hparam(choice, kind) for choice in parameter["choices"]])
    else:
        bounds = [parameter["low"], parameter["high"], *([parameter["absent"]] if "absent" in parameter else [])]
        info.domain_interval.min_value, info.domain_interval.max_value = min(bounds), max(bounds)
    return info


def _data_type(parameter: Mapping[str, Any], columns: Mapping[str, str]) -> int:
    """Return TensorBoard's type of a parameter: text where "none" is a choice, as in the trial table.

    What is searched in an interval stays a number even so: as text it could be neither filtered nor put on an axis.
    The published configuration, should it have "none" there, then shows an empty cell.
    """
    return _DATA_TYPES[columns[f"p_{parameter['name']}"] if "choices" in parameter else "float"]


def _to_hparam(value: Any, kind: int) -> bool | float | str | None:
    """Bring a value into its parameter's type, written as in the trial table; ``None`` where it has no place there."""
    if kind == api_pb2.DATA_TYPE_STRING:
        return as_text(value)
    return value if isinstance(value, bool | int | float) else None


def _describe_metrics(study: Mapping[str, Any]) -> dict[str, str]:
    objective = study["objective"]
    return {
        f"hp/{objective['name']}": f"objective at the epoch that counts ({objective['direction']})",
        f"hp/test_{objective['primary_metric']}": "primary metric on the test split",
        "hp/epochs": "epochs trained so far",
        "hp/train_s": "seconds of training so far",
    }


def _shown_test_metrics(primary: str, columns: Mapping[str, str]) -> list[str]:
    names = [column.removeprefix("m_test_") for column in columns if column.startswith("m_test_")]
    return names if len(names) <= _MOST_TEST_METRICS else [name for name in names if name.startswith(primary)]


def _scalars(measured: Measured) -> list[Summary.Value]:
    return [Summary.Value(tag=tag, simple_value=value) for tag, value in measured.items()]


def _set_value(field: Any, value: bool | float | str) -> None:
    if isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, str):
        field.string_value = value
    else:
        field.number_value = value


def _hparams_value(tag: str, **content: Any) -> Summary.Value:
    data = HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
    # Deterministic, because hyperparameters are a map, and two runs over the same events must give the same bytes.
    plugin_data = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString(deterministic=True)
    )
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin_data), tensor=metadata.NULL_TENSOR)


def _file_start(time: float) -> bytes:
    return _frame(Event(wall_time=time, file_version="brain.Event:2"))


def _record(time: float, step: int, values: list[Summary.Value]) -> bytes:
    return _frame(Event(wall_time=time, step=step, summary=Summary(value=values))) if values else b""


def _frame(event: Event) -> bytes:
    """Put an event between its length and its checksums, as event files hold it."""
    buffer = io.BytesIO()
    RecordWriter(buffer).write(event.SerializeToString())
    return buffer.getvalue()
