"""Real event files, read back by TensorBoard itself."""

import json
import re
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util import tensor_util

from analysis.tensorboard_log import LoggedEvent, TensorBoardLog
from analysis.trial_table import TrialRows, trial_columns

STATUSES = ("STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING")

PARAMETERS = [
    {"name": "window", "choices": [8, 16], "condition": ""},
    {"name": "learning_rate", "low": 0.0001, "high": 0.01, "log": True, "condition": ""},
    {"name": "clip", "choices": [3.0, 2.5, None], "condition": ""},
    {"name": "weight_decay", "low": 1e-06, "high": 0.01, "log": True, "absent": 0.0, "condition": ""},
    {"name": "n_experts", "low": 1, "high": 8, "log": False, "condition": ""},
    {"name": "gate", "choices": ["mixed", "shared"], "condition": "unless n_experts = 1"},
    {"name": "ratio_learned", "choices": [False, True], "condition": "unless n_experts = 1 or gate = shared"},
    {"name": "patience", "low": 1, "high": 9, "log": False, "condition": ""},
]
TYPES = {
    "window": "int",
    "learning_rate": "float",
    "clip": "string",
    "weight_decay": "float",
    "n_experts": "int",
    "gate": "string",
    "ratio_learned": "bool",
    "patience": "string",  # None is possible in a configuration, but searched is an interval
    "scaling": "string",
}
CONFIG = {
    "window": 16,
    "learning_rate": 0.001,
    "clip": None,
    "weight_decay": 0.0,
    "n_experts": 4,
    "gate": "mixed",
    "ratio_learned": False,
    "patience": 3,
    "scaling": "once",  # not searched
}


def make_study(test_metrics: tuple[str, ...] = ("f1", "f1_recall", "auprc")) -> dict[str, Any]:
    return {
        "name": "small",
        "created_at": "2026-01-02T03:04:05+00:00",
        "space": "small",
        "objective": {"name": "labelled_f1", "direction": "maximize", "primary_metric": "f1"},
        "objectives": ["labelled_f1", "log_gap"],
        "parameters": PARAMETERS,
        "rungs": [1, 3],
        "baselines": ["random"],
        "columns": trial_columns(TYPES, ("labelled_f1", "log_gap"), test_metrics),
    }


class Story:
    """Events of a study, told in short."""

    def __init__(self) -> None:
        self.events: list[LoggedEvent] = []

    def add(self, kind: str, **fields: Any) -> None:
        self.events.append((len(self.events), 1000.0 + len(self.events), kind, fields))

    def ask(self, trial: str, *, stage: str = "search", arm: str = "search", **changes: Any) -> None:
        config = {} if stage == "baseline" else {**CONFIG, **changes}
        inactive = {"gate", "ratio_learned"} if config.get("n_experts") == 1 else set()
        self.add(
            "asked",
            trial=trial,
            stage=stage,
            arm=arm,
            number=0,
            source="sampler",
            seed=len(self.events),
            block=None,
            config=config,
            active=sorted(config.keys() - inactive),
            config_hash=f"{zlib.crc32(json.dumps(config).encode()):x}",
            series=["a", "b"],
            max_epochs=3,
        )
        self.add("started", trial=trial, attempt=1, work="train", from_epoch=0)

    def report(self, trial: str, epoch: int, value: float, verdict: str = "continue", **metrics: float) -> None:
        by_series = {
            series: {"train_loss": 1 / epoch + shift, "labelled_f1": value + shift, **metrics}
            for series, shift in {"a": 0.125, "b": -0.125}.items()
        }
        self.add(
            "reported",
            trial=trial,
            attempt=1,
            work="train",
            epoch=epoch,
            value=value,
            metrics=by_series,
            train_s=2.0,
            step_s=2.5,
            gpus=0.0,
            checkpoint=None,
            facts={},
        )
        self.add("decided", trial=trial, epoch=epoch, verdict=verdict)

    def test(self, trial: str, value: float | None = None, **metrics: float | None) -> None:
        by_series = {series: {f"test_{name}": one for name, one in metrics.items()} for series in ("a", "b")}
        self.add(
            "tested",
            trial=trial,
            attempt=2,
            work="test",
            value=value,
            metrics=by_series,
            step_s=1.0,
            gpus=0.0,
            config={},
            threshold_source="labelled_part",
            facts={},
        )

    def write(self, folder: Path, study: Mapping[str, Any] | None = None) -> Path:
        log = TensorBoardLog(folder, study or make_study())
        for event in self.events:
            log.apply(*event)
        return folder


@pytest.fixture
def whole_story() -> Story:
    """Two seeds of one configuration and a trial of every fate, interleaved as a study would have them."""
    story = Story()
    story.add("session", process=1)
    story.ask("search-0")
    story.ask("search-1", n_experts=1, clip=2.5, patience=None)
    story.report("search-0", 1, 0.25)
    story.report("search-1", 1, 0.5, verdict="stop")
    story.ask("search-2", window=8)
    story.report("search-2", 1, 0.5)
    story.add("failed", trial="search-2", attempt=1, work="train", epoch=1, error="out of memory")
    story.report("search-0", 2, 0.5)
    story.report("search-0", 3, 0.75, verdict="complete", log_gap=4.0)
    story.ask("search-3", gate="shared")
    story.add("lost", trial="search-3", attempt=1, work="train", reason="node died", bad_checkpoint=None, final=False)
    story.add("lost", trial="search-3", attempt=2, work="train", reason="node died", bad_checkpoint=None, final=True)
    for seed in range(2):
        story.ask(f"confirm-{seed}", stage="confirm", arm="candidate")
    for seed in range(2):
        story.report(f"confirm-{seed}", 3, 0.25 + seed / 2, verdict="complete")
    story.add("selected", config_hash="")
    story.test("confirm-0", f1=0.625, f1_recall=None, auprc=0.5)
    story.add("failed", trial="confirm-1", attempt=2, work="test", epoch=3, error="a test that failed")
    story.ask("baseline-0", stage="baseline", arm="random")
    story.test("baseline-0", value=0.125, f1=0.25, auprc=0.5)
    story.ask("search-4")
    story.report("search-4", 1, 0.375)
    return story


class Read(NamedTuple):
    scalars: dict[str, list[tuple[int, float]]]
    """Steps and values by tag."""
    times: dict[str, list[float]]
    sessions: dict[str, list[HParamsPluginData]]
    """What the HParams tab finds, by tag."""


def read(folder: Path) -> Read:
    """Read a folder's only event file."""
    (path,) = folder.glob("*tfevents*")
    found = Read({}, {}, {})
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME:
                data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                found.sessions.setdefault(value.tag, []).append(data)
            else:
                number = tensor_util.make_ndarray(value.tensor).item()
                found.scalars.setdefault(value.tag, []).append((event.step, number))
                found.times.setdefault(value.tag, []).append(event.wall_time)
    return found


def read_hparams(folder: Path) -> dict[str, Any]:
    (start,) = read(folder).sessions[metadata.SESSION_START_INFO_TAG]
    hparams = start.session_start_info.hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in hparams.items()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_trial_s_curve_is_there_once_at_its_epochs(whole_story: Story, tmp_path: Path) -> None:
    found = read(whole_story.write(tmp_path) / "search-0")
    assert found.scalars == {
        "objective": [(1, 0.25), (2, 0.5), (3, 0.75)],
        "objective/a": [(1, 0.375), (2, 0.625), (3, 0.875)],
        "objective/b": [(1, 0.125), (2, 0.375), (3, 0.625)],
        "train_loss": [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))],
        "val/log_gap": [(3, 4.0)],
        "hp/epochs": [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)],
        "hp/train_s": [(0, 0.0), (1, 2.0), (2, 4.0), (3, 6.0)],
        "hp/labelled_f1": [(3, 0.75)],
    }
    reported = [at for _, at, kind, fields in whole_story.events if kind == "reported" if fields["trial"] == "search-0"]
    assert found.times["objective"] == reported
    assert {tag: len(data) for tag, data in found.sessions.items()} == {
        metadata.SESSION_START_INFO_TAG: 1,
        metadata.SESSION_END_INFO_TAG: 1,
    }


def test_where_the_best_epoch_counts_every_epoch_shows_beside_it_and_so_does_what_was_learned(tmp_path: Path) -> None:
    story = Story()
    story.ask("search-0")
    for epoch, (value, best) in enumerate(((0.5, 0.5), (0.25, 0.25), (0.75, 0.25)), start=1):
        measured = {"val_mse": value, "alpha": epoch / 8}
        story.add(
            "reported", trial="search-0", attempt=1, work="train", epoch=epoch, value=best,
            metrics={"a": {"train_loss": 1.0, **measured}}, kept={"a": {"val_mse": best, "alpha": 0.0}},
            train_s=2.0, step_s=2.5, gpus=0.0, checkpoint=None, facts={},
        )  # fmt: skip
    objective = {"name": "val_mse", "direction": "minimize", "primary_metric": "mse", "epoch": "best"}
    study = {**make_study(("mse",)), "objective": objective, "objectives": ["val_mse", "val_mae"]}
    found = read(story.write(tmp_path, study) / "search-0").scalars
    assert found["objective"] == [(1, 0.5), (2, 0.25), (3, 0.25)]
    assert found["val/mse"] == [(1, 0.5), (2, 0.25), (3, 0.75)]
    assert found["model/alpha"] == [(1, 0.125), (2, 0.25), (3, 0.375)]
    assert not [tag for tag in found if "kept" in tag]


def test_with_one_series_its_objective_is_not_there_twice(tmp_path: Path) -> None:
    story = Story()
    story.ask("search-0")
    story.report("search-0", 1, 0.5)
    story.events[2][3]["metrics"].pop("b")
    assert "objective/a" not in read(story.write(tmp_path) / "search-0").scalars


@pytest.mark.parametrize(
    ("trial", "status", "has_objective", "epochs"),
    [
        ("search-0", "SUCCESS", True, 3),
        ("search-1", "UNKNOWN", True, 1),
        ("search-2", "FAILURE", False, 1),
        ("search-3", "FAILURE", False, 0),
        ("search-4", None, False, 1),
        ("confirm-1", "SUCCESS", True, 3),
        ("baseline-0", "SUCCESS", True, 0),
    ],
)
def test_an_end_says_what_became_of_a_trial(
    whole_story: Story, tmp_path: Path, trial: str, status: str | None, *, has_objective: bool, epochs: int
) -> None:
    found = read(whole_story.write(tmp_path) / trial)
    ends = [end.session_end_info for end in found.sessions.get(metadata.SESSION_END_INFO_TAG, [])]
    kinds = type(ends[0]).DESCRIPTOR.fields_by_name["status"].enum_type.values_by_name if ends else {}
    assert [end.status for end in ends] == ([kinds[f"STATUS_{status}"].number] if status else [])
    assert all(end.end_time_secs > 1000 for end in ends)
    assert ("hp/labelled_f1" in found.scalars) == has_objective
    assert found.scalars["hp/epochs"][-1] == (epochs, epochs)


def test_hyperparameters_are_those_that_count_in_the_trial(whole_story: Story, tmp_path: Path) -> None:
    whole_story.write(tmp_path)
    always = {"window": 16, "learning_rate": 0.001, "weight_decay": 0, "stage": "search", "arm": "search"}
    assert read_hparams(tmp_path / "search-0") == always | {
        "clip": "none",
        "n_experts": 4,
        "gate": "mixed",
        "ratio_learned": False,
        "patience": 3,
    }
    assert read_hparams(tmp_path / "search-1") == always | {"clip": "2.5", "n_experts": 1}
    assert read_hparams(tmp_path / "baseline-0") == {"stage": "baseline", "arm": "random"}


def test_choices_are_written_as_in_the_trial_table_and_lie_in_their_domain(tmp_path: Path) -> None:
    story = Story()
    for number, clip in enumerate(PARAMETERS[2]["choices"]):
        story.ask(f"search-{number}", clip=clip)
    table = TrialRows(make_study())
    for event in story.events:
        table.apply(*event)
    story.write(tmp_path)
    (data,) = read(tmp_path).sessions[metadata.EXPERIMENT_TAG]
    domains = {info.name: list(info.domain_discrete) for info in data.experiment.hparam_infos}
    shown = [read_hparams(tmp_path / f"search-{number}")["clip"] for number in range(3)]
    assert shown == [row["p_clip"] for row in table.rows.values()] == domains["clip"] == ["3", "2.5", "none"]


def test_a_test_adds_to_a_trial_that_has_ended(whole_story: Story, tmp_path: Path) -> None:
    found = read(whole_story.write(tmp_path) / "confirm-0")
    assert {tag: values for tag, values in found.scalars.items() if "test" in tag} == {
        "test/f1": [(3, 0.625)],
        "test/auprc": [(3, 0.5)],
        "hp/test_f1": [(3, 0.625)],
    }
    assert "hp/test_f1" not in read(tmp_path / "confirm-1").scalars
    assert read(tmp_path / "baseline-0").scalars["hp/test_f1"] == [(0, 0.25)]


def test_of_many_test_metrics_the_primary_one_and_its_parts_are_shown(tmp_path: Path) -> None:
    names = ("f1", "f1_recall", *(f"m{number}" for number in range(20)))
    story = Story()
    story.ask("baseline-0", stage="baseline", arm="random")
    story.test("baseline-0", value=0.5, **dict.fromkeys(names, 0.5))
    found = read(story.write(tmp_path, make_study(names)) / "baseline-0")
    assert {tag for tag in found.scalars if tag.startswith("test/")} == {"test/f1", "test/f1_recall"}


def test_a_resume_anywhere_ends_in_the_same_files(whole_story: Story, tmp_path: Path) -> None:
    unbroken = contents(whole_story.write(tmp_path / "unbroken"))
    for cut in range(len(whole_story.events) + 1):
        folder = tmp_path / str(cut)
        first = TensorBoardLog(folder, make_study())
        for event in whole_story.events[:cut]:
            first.apply(*event)
        second = TensorBoardLog(folder, make_study(), whole_story.events[:cut])
        for event in whole_story.events[cut:]:
            second.apply(*event)
        assert contents(folder) == unbroken


def test_a_torn_file_is_made_whole(whole_story: Story, tmp_path: Path) -> None:
    whole_story.write(tmp_path)
    whole = contents(tmp_path)
    (path,) = (tmp_path / "search-4").iterdir()
    for length in range(0, len(path.read_bytes()), 7):
        path.write_bytes(path.read_bytes()[:length])
        TensorBoardLog(tmp_path, make_study(), whole_story.events)
        assert contents(tmp_path) == whole
    assert read(tmp_path / "search-4").scalars["objective"] == [(1, 0.375)]


def test_lost_folders_and_garbled_files_are_made_anew_and_whole_ones_left_alone(
    whole_story: Story, tmp_path: Path
) -> None:
    whole_story.write(tmp_path)
    whole = contents(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*tfevents*")}
    (lost,) = (tmp_path / "search-0").iterdir()
    lost.unlink()
    lost.parent.rmdir()
    (garbled,) = (tmp_path / "confirm-0").iterdir()
    garbled.write_bytes(b"x" + garbled.read_bytes()[1:] + b"more")
    TensorBoardLog(tmp_path, make_study(), whole_story.events)
    assert contents(tmp_path) == whole
    touched = {path for path, before in times.items() if path.stat().st_mtime_ns != before}
    assert touched == {lost, garbled}


def test_events_are_on_disk_at_once_and_whole(whole_story: Story, tmp_path: Path) -> None:
    log = TensorBoardLog(tmp_path, make_study())
    sizes = []
    for event in whole_story.events:
        log.apply(*event)
        if event[3].get("trial") == "search-0" and event[2] in ("asked", "reported"):
            sizes.append(sum(len(content) for content in contents(tmp_path / "search-0").values()))
            assert read(tmp_path / "search-0").scalars["hp/epochs"][-1][0] == event[3].get("epoch", 0)
    assert all(before < after for before, after in pairwise(sizes))


def test_a_disk_that_fails_does_not_stop_the_study(whole_story: Story, tmp_path: Path) -> None:
    log = TensorBoardLog(tmp_path, make_study())
    in_the_way = tmp_path / "search-0"
    in_the_way.write_text("no folder")
    with pytest.warns(UserWarning, match=r"nothing more is written for TensorBoard: .*search-0.*; the study goes on"):
        log.apply(*whole_story.events[1])
    for event in whole_story.events[2:]:
        log.apply(*event)  # silent, and without effect
    in_the_way.unlink()
    TensorBoardLog(tmp_path, make_study(), whole_story.events)
    assert len(contents(tmp_path)) == 9


def test_the_hparams_tab_of_a_running_tensorboard_is_right(whole_story: Story, tmp_path: Path) -> None:
    whole_story.write(tmp_path)
    with serve(tmp_path) as address:
        sessions = wait_for_sessions(address, 8)
        experiment = ask(f"{address}/experiment", {})
        confirmed = ask_for_groups(address, ["STATUS_SUCCESS"])

    domains = {info["name"]: info for info in experiment["hparamInfos"]}
    assert domains.keys() == {parameter["name"] for parameter in PARAMETERS} | {"stage", "arm"}
    assert domains["gate"]["domainDiscrete"] == ["mixed", "shared"]
    assert domains["ratio_learned"]["domainDiscrete"] == [False, True]
    assert domains["ratio_learned"]["type"] == "DATA_TYPE_BOOL"
    assert domains["ratio_learned"]["description"] == "unless n_experts = 1 or gate = shared"
    assert domains["clip"]["domainDiscrete"] == ["3", "2.5", "none"]
    assert domains["weight_decay"]["domainInterval"] == {"minValue": 0.0, "maxValue": 0.01}
    assert domains["n_experts"]["domainInterval"] == {"minValue": 1.0, "maxValue": 8.0}
    assert domains["arm"]["domainDiscrete"] == [
        "search",
        "candidate",
        "published",
        "published_variant",
        "random_configuration",
        "random",
    ]

    assert {name: session["status"].removeprefix("STATUS_") for name, session in sessions.items()} == {
        "search-0": "SUCCESS",
        "search-1": "UNKNOWN",  # stopped
        "search-2": "FAILURE",
        "search-3": "FAILURE",  # lost
        "search-4": "UNKNOWN",  # running: TensorBoard's word for what has no end yet
        "confirm-0": "SUCCESS",
        "confirm-1": "SUCCESS",
        "baseline-0": "SUCCESS",
    }
    assert sessions["search-4"]["endTimeSecs"] == 0 < sessions["search-1"]["endTimeSecs"]

    tags = [info["name"]["tag"] for info in experiment["metricInfos"]]
    assert tags == ["hp/labelled_f1", "hp/test_f1", "hp/epochs", "hp/train_s"]
    assert metrics_of(sessions["search-0"]) == {"hp/labelled_f1": 0.75, "hp/epochs": 3, "hp/train_s": 6}
    assert metrics_of(sessions["search-1"]) == {"hp/labelled_f1": 0.5, "hp/epochs": 1, "hp/train_s": 2}
    assert metrics_of(sessions["search-2"]) == {"hp/epochs": 1, "hp/train_s": 2}
    assert metrics_of(sessions["search-4"]) == {"hp/epochs": 1, "hp/train_s": 2}
    assert metrics_of(sessions["confirm-0"])["hp/test_f1"] == 0.625
    assert metrics_of(sessions["baseline-0"]) == {
        "hp/labelled_f1": 0.125,
        "hp/test_f1": 0.25,
        "hp/epochs": 0,
        "hp/train_s": 0,
    }

    (seeds,) = [group for group in confirmed if group["hparams"]["stage"] == "confirm"]
    assert [session["name"] for session in seeds["sessions"]] == ["confirm-0", "confirm-1"]
    assert metrics_of(seeds)["hp/labelled_f1"] == 0.5
    assert seeds["hparams"]["clip"] == "none"


@contextmanager
def serve(logdir: Path) -> Iterator[str]:
    """Start TensorBoard; yields where its HParams plugin answers."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--host", "127.0.0.1", "--port", "0"]
    with (
        (logdir / "output.txt").open("w+") as output,
        subprocess.Popen([*command, "--load_fast=false"], stdout=output, stderr=output) as process,
    ):
        try:
            (address,) = wait_until(lambda: re.findall(r"http://\S+", (logdir / "output.txt").read_text()))
            yield f"{address.rstrip('/')}/data/plugin/hparams"
        finally:
            process.terminate()


def wait_for_sessions(address: str, n_sessions: int) -> dict[str, Any]:
    def find() -> dict[str, Any] | None:
        groups = ask_for_groups(address, STATUSES)
        sessions = {session["name"]: session for group in groups for session in group["sessions"]}
        return sessions if len(sessions) == n_sessions else None

    return wait_until(find)


def wait_until(find: Any, within_s: float = 60) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := find()):
        assert time.monotonic() < deadline, "TensorBoard does not answer"
        time.sleep(0.1)
    return found


def ask_for_groups(address: str, statuses: Any) -> list[dict[str, Any]]:
    request = {"startIndex": 0, "sliceSize": 100, "allowedStatuses": list(statuses), "colParams": []}
    return ask(f"{address}/session_groups", request).get("sessionGroups", [])


def ask(url: str, content: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        url, data=json.dumps(content).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def metrics_of(session: Mapping[str, Any]) -> dict[str, float]:
    return {metric["name"]["tag"]: metric["value"] for metric in session["metricValues"]}
