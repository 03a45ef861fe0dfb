"""Real studies on a real Ray: small models on the sample series."""

import dataclasses
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
import ray
from ray import tune

from analysis import load_metrics, load_trials
from cluster import recorder
from cluster.driver import StudyResult, resume_study, run_study
from cluster.events import Event, EventLog, StudyLockedError, read_events
from cluster.state import StudyState
from cluster.study import Resources, StudySpec
from search_spaces.distributions import format_value
from tests.conftest import ROOT, TINY, make_series
from trainables.segment import Segment
from trainables.tasks.anomaly import AnomalyTask
from trainables.tasks.objectives import DEFAULT_OBJECTIVE
from trainables.trainable import SEGMENT, SegmentTrainable

SMALL = {
    "n_kernels": 4,
    "expert_hidden": 16,
    "expert_output": 8,
    "tower_hidden": 4,
    "expert_kind": "conv",
    "batch_size": 256,
}
SPEC = StudySpec(
    space="lightmmoe", series=("sample-1",), trials=8, max_epochs=3, fixed=SMALL, confirm_top=1, confirm_seeds=2
)


@pytest.fixture(scope="module")
def finished(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    return run_study(SPEC, name="small", results=tmp_path_factory.mktemp("results"))


def _raw_rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Read the raw segments with three libraries, last event of each trial wins."""
    pattern, order = (
        str(folder / "trials" / "*.parquet"),
        ["trial_id", "status", "objective", "config_json", "event_seq"],
    )
    latest = "qualify row_number() over (partition by trial_id order by event_seq desc) = 1"
    query = f"select {', '.join(order)} from '{pattern}' {latest}"
    frames = [
        pd.read_parquet(folder / "trials").sort_values("event_seq").drop_duplicates("trial_id", keep="last")[order],
        duckdb.sql(query).df(),
        pl.read_parquet(pattern).sort("event_seq").unique("trial_id", keep="last").select(order).to_pandas(),
    ]
    rows = {}
    for name, frame in zip(("pandas", "duckdb", "polars"), frames, strict=True):
        clean = frame.astype(object).where(frame.notna(), None)
        rows[name] = sorted(clean.itertuples(index=False, name=None))
    return rows


def test_a_study_ends_with_its_trials_tested(finished: StudyResult) -> None:
    assert (finished.reason, finished.failure) == ("finished", "")
    trials = load_trials(finished.folder)
    assert trials["trial_id"].is_unique
    search = trials[trials["stage"] == "search"]
    assert len(search) == 8
    assert search["config_hash"].is_unique
    assert set(search["status"]) <= {"COMPLETED", "STOPPED"}
    confirm = trials[trials["stage"] == "confirm"]
    assert len(confirm) == 4  # the winner and the published configuration, two seeds each
    assert confirm["m_test_event_f1_pa_log"].notna().all()
    assert (confirm["n_params"] > 0).all()
    assert (confirm["latency_p50_ms"] > 0).all()
    assert trials[trials["stage"] == "search"]["m_test_event_f1_pa_log"].isna().all()
    assert sorted(trials[trials["stage"] == "baseline"]["arm"]) == ["random", "random", "sum_of_squares"]
    assert trials["p_window"].notna().sum() == len(search) + len(confirm)


def test_conditions_that_do_not_hold_are_null_and_none_is_a_value(finished: StudyResult) -> None:
    search = load_trials(finished.folder).query("stage == 'search'")
    for _, row in search.iterrows():
        config = json.loads(row["config_json"])
        assert pd.isna(row["p_sg_ratio"]) == (config["n_experts"] == 1 or config["gate"] != "mixed")
        assert row["p_clip"] == ("none" if config["clip"] is None else format_value(config["clip"]))


def test_the_metrics_table_holds_every_report(finished: StudyResult) -> None:
    trials, metrics = load_trials(finished.folder), load_metrics(finished.folder)
    losses = metrics[(metrics["name"] == "train_loss") & (metrics["series"] == "sample-1")]
    trained = trials[trials["stage"] != "baseline"]
    assert losses.groupby("trial_id").size().to_dict() == trained.set_index("trial_id")["epochs_run"].to_dict()
    assert not metrics.duplicated(["trial_id", "attempt", "series", "step", "name", "event_seq"]).any()


def test_three_readers_see_the_same_rows(finished: StudyResult) -> None:
    rows = _raw_rows(finished.folder)
    assert rows["pandas"] == rows["duckdb"] == rows["polars"]
    assert len(rows["pandas"]) == len(load_trials(finished.folder))


def test_three_readers_see_the_same_rows_during_a_run(
    local_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a notebook sees while trials run: whole rows, of running trials too, the same in every library."""
    monkeypatch.setattr(recorder, "SHORTEST_WAIT_S", 0.05)
    seen = []

    class Reader:
        def apply(self, event: Event, state: StudyState) -> None:
            folder = tmp_path / "read"
            if event.kind == "reported" and list((folder / "trials").glob("*.parquet")):
                rows = _raw_rows(folder)
                assert rows["pandas"] == rows["duckdb"] == rows["polars"]
                assert len(rows["pandas"]) <= len(load_trials(folder))  # which adds what only the log holds yet
                seen.append({status for _, status, *_ in rows["pandas"]})

        def close(self) -> None: ...

    run_study(SPEC, name="read", results=tmp_path, observers=lambda *_: (Reader(),))
    assert len(seen) > 5
    assert any("RUNNING" in statuses for statuses in seen)
    assert {"COMPLETED", "RUNNING"} <= set().union(*seen)


def test_every_worker_starts_once(finished: StudyResult) -> None:
    """Starting a worker costs seconds: all trials are carried out by two, or by one where the other came too late."""
    events = read_events(finished.folder / "events")
    assert len({event.fields["facts"]["process"] for event in events if "facts" in event.fields}) <= 2
    assert sum("facts" in event.fields for event in events) > 20


def test_workers_share_the_data_without_a_copy(local_ray: None) -> None:
    """What a worker holds is a read-only view of Ray's shared memory."""

    class Probe(SegmentTrainable):
        def look(self) -> list[tuple[bool, bool]]:
            series = self._data.series["tiny"]
            arrays = [value for value in vars_of(series) if isinstance(value, np.ndarray)]
            return [(array.flags.writeable, array.flags.owndata) for array in arrays]

    def vars_of(thing: Any) -> list[Any]:
        return [getattr(thing, field.name) for field in dataclasses.fields(thing)]

    data = AnomalyTask().prepare([make_series(n_steps=5000)], objective="val_loss", labelled_by="time", seed=0)
    segment = Segment(
        trial_id="t", attempt=1, work="train", family="lightmmoe", arm="search", seed=0, series=("tiny",), config=TINY,
        from_epoch=0, max_epochs=1, checkpoint_epochs=(), checkpoint_folder="", prediction_file="", artifact_folder="",
        artifact_seed=0, precision="fp32", full_test=False, all_objectives=False,
    )  # fmt: skip
    worker = ray.remote(tune.with_parameters(Probe, data=data)).remote(config={SEGMENT: segment.to_dict()})
    flags = ray.get(worker.look.remote())
    assert len(flags) >= 2
    assert set(flags) == {(False, False)}


def test_a_full_disk_ends_the_driver_and_loses_nothing(
    finished: StudyResult, local_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of the driver's files stands in for a full disk; then there is room again."""
    # The log shall meet the limit, after some trials; a segment of this many columns would meet it at once.
    monkeypatch.setattr(recorder, "SHORTEST_WAIT_S", 1e6)
    spec = dataclasses.replace(SPEC, trials=24, max_epochs=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        stopped = run_study(spec, name="full", results=tmp_path, resources=Resources(max_concurrent=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert stopped.reason == "interrupted"
    assert "cannot be written" in stopped.failure
    before = load_trials(stopped.folder).set_index("trial_id")
    ended = before.index[before["status"] != "RUNNING"]
    assert 0 < len(ended) < 24
    assert resume_study(stopped.folder, resources=Resources(max_concurrent=1)).reason == "finished"
    after = load_trials(stopped.folder).set_index("trial_id")
    assert (after["stage"] == "search").sum() == 24
    columns = ["status", "objective", "config_json", "epochs_run", "finished_at"]
    pd.testing.assert_frame_equal(after.loc[ended, columns], before.loc[ended, columns])


def test_files_stay_few_and_whole(finished: StudyResult) -> None:
    names = [path for path in finished.folder.rglob("*") if path.is_file()]
    assert not [path for path in names if ".staging" in path.parts]
    outside = [
        path for path in names if path.relative_to(finished.folder).parts[0] not in ("checkpoints", "predictions")
    ]
    assert len(outside) < 30
    assert not list(finished.folder.glob("checkpoints/search-*/*")) or all(
        load_trials(finished.folder).set_index("trial_id").loc[path.parent.name, "status"] == "COMPLETED"
        for path in finished.folder.glob("checkpoints/search-*/*")
    )


def test_study_json_holds_the_question(finished: StudyResult) -> None:
    study = json.loads((finished.folder / "study.json").read_text())
    assert StudySpec.from_dict(study["spec"]) == dataclasses.replace(SPEC, data="sample")
    assert study["objective"]["name"] == DEFAULT_OBJECTIVE
    assert study["data_hash"]
    assert study["versions"]["torch"]
    assert {
        "name": "gate",
        "choices": ["mixed", "specific", "shared", "average"],
        "condition": "unless n_experts = 1",
    } in (study["parameters"])


def test_resuming_a_finished_study_changes_nothing(finished: StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    before = load_trials(folder)
    result = resume_study(folder)
    assert result.reason == "finished"
    pd.testing.assert_frame_equal(load_trials(folder), before)
    assert [event.kind for event in read_events(folder / "events")][-1] == "session"


def test_more_trials_for_a_finished_study(finished: StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    before = load_trials(folder).set_index("trial_id")
    resume_study(folder, trials=10)
    after = load_trials(folder).set_index("trial_id")
    assert (after["stage"] == "search").sum() == 10
    columns = ["status", "objective", "config_json", "epochs_run"]
    pd.testing.assert_frame_equal(after.loc[before.index, columns], before[columns])
    with pytest.raises(ValueError, match="has 10 already"):
        resume_study(folder, trials=5)


def test_the_objective_of_a_finished_study_is_checked(finished: StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    before = load_trials(folder)
    assert resume_study(folder, check_objective=3).reason == "finished"
    after = load_trials(folder)
    checks = after[after["stage"] == "validity"]
    assert list(checks["status"]) == ["COMPLETED"] * 3
    assert (checks["epochs_run"] == SPEC.max_epochs).all()
    for name in ("m_val_labelled_event_f1", "m_val_log_gap", "m_val_loss", "m_test_event_f1_pa_log"):
        assert checks[name].notna().all()
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)
    with pytest.raises(ValueError, match="has 3 already"):
        resume_study(folder, check_objective=2)


def test_a_relative_folder_holds_what_workers_write(
    local_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers have a working directory of their own, and a bare command's results folder is relative."""
    monkeypatch.chdir(tmp_path)
    result = run_study(dataclasses.replace(SPEC, trials=1, max_epochs=1), name="relative", results="results")
    assert result.folder == Path("results/relative")
    confirmed = load_trials("results/relative").query("stage == 'confirm'")["trial_id"]
    for trial in confirmed:
        assert (tmp_path / "results" / "relative" / "predictions" / f"{trial}.parquet").exists()
        assert list((tmp_path / "results" / "relative" / "checkpoints" / trial).glob("*.pt"))
    tests = [event for event in read_events(result.folder / "events") if event.kind == "started"]
    assert [event.fields["from_epoch"] for event in tests if event.fields["work"] == "test"] == [1] * len(confirmed)


def test_readers_agree_and_the_log_completes_them_after_a_kill(finished: StudyResult, tmp_path: Path) -> None:
    """The state a SIGKILL leaves: segments that are behind, a torn last line."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    log = (folder / "events" / "log.jsonl").read_bytes().split(b"\n")
    half = len(log) // 2
    (folder / "events" / "log.jsonl").write_bytes(b"\n".join(log[:half]) + b'\n{"seq":')
    for name in ("trials", "metrics"):
        for path in (folder / name).glob("*.parquet"):
            if int(path.stem) >= half // 2:
                path.unlink()
    killed = load_trials(folder)
    events = read_events(folder / "events")
    assert set(killed["trial_id"]) == {event.fields["trial"] for event in events if event.kind == "asked"}
    ended = {
        event.fields["trial"] for event in events if event.kind == "decided" and event.fields["verdict"] != "continue"
    }
    assert set(killed[killed["status"] != "RUNNING"]["trial_id"]) == ended
    rows = (
        _raw_rows(folder) if list((folder / "trials").glob("*.parquet")) else {"pandas": [], "duckdb": [], "polars": []}
    )
    assert rows["pandas"] == rows["duckdb"] == rows["polars"]
    resume_study(folder)
    rows = _raw_rows(folder)
    assert rows["pandas"] == rows["duckdb"] == rows["polars"]
    assert len(rows["pandas"]) == len(load_trials(folder))
    raw = pd.read_parquet(folder / "metrics")
    assert not raw.duplicated(["trial_id", "series", "step", "name"]).any()


def test_another_driver_is_refused(finished: StudyResult) -> None:
    log = EventLog(finished.folder / "events")
    try:
        with pytest.raises(StudyLockedError, match="worked on by process"):
            resume_study(finished.folder)
    finally:
        log.close()


def test_a_space_that_was_edited_is_refused(finished: StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    study = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(study | {"space_hash": "0"}))
    with pytest.raises(ValueError, match="no longer the one"):
        resume_study(folder)


def test_changed_code_is_put_on_record(finished: StudyResult, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    study = json.loads((folder / "study.json").read_text())
    study["code"]["hash"] = "other"
    (folder / "study.json").write_text(json.dumps(study))
    resume_study(folder)
    session = [event for event in read_events(folder / "events") if event.kind == "session"][-1]
    assert session.fields["changed"] == ["code"]


def test_a_trial_that_cannot_be_built_is_a_failed_row(local_ray: None, tmp_path: Path) -> None:
    """64 experts of 4,096 by 4,096 do not fit into memory; the study goes on without that one."""
    huge = {"n_experts": 64, "expert_hidden": 4096, "expert_output": 4096, "n_kernels": 4096}
    ranges = {name: f"8,{value}" for name, value in huge.items()}
    spec = StudySpec(
        space="lightmmoe", series=("sample-1",), trials=2, max_epochs=1, confirm_top=0, ranges=ranges, enqueue=(huge,)
    )
    result = run_study(spec, name="huge", results=tmp_path)
    search = load_trials(result.folder).query("stage == 'search'").set_index("trial_id")
    assert search["status"].to_dict() == {"search-0000": "COMPLETED", "search-0001": "FAILED"}
    assert "memory" in search.loc["search-0001", "error"]


@pytest.mark.parametrize("kill", [False, True])
def test_a_worker_s_death_costs_an_attempt_and_no_result(local_ray: None, tmp_path: Path, kill: bool) -> None:
    """The same study, with its worker killed in the middle or not, gives the same results."""

    class Killer:
        done = not kill

        def apply(self, event: Event, state: StudyState) -> None:
            if not self.done and event.kind == "decided" and event.fields["trial"] == "search-0002":
                self.done = True
                workers = _own_processes("ray::SegmentTrainable")
                assert workers
                for process in workers:
                    os.kill(process, signal.SIGKILL)

        def close(self) -> None: ...

    result = run_study(
        SPEC, name="killed", results=tmp_path, resources=Resources(max_concurrent=1), observers=lambda *_: (Killer(),)
    )
    trials = load_trials(result.folder)
    key = tmp_path.parent / "unkilled.json"
    results = (
        trials[["trial_id", "status", "objective", "epochs_run"]]
        .astype(object)
        .where(trials.notna(), None)
        .values.tolist()
    )
    if kill:
        assert trials["attempt"].max() == 2
        assert results == json.loads(key.read_text())
    else:
        key.write_text(json.dumps(results))


def _own_processes(title: str) -> list[int]:
    """Find the descendants of this process by the beginning of their title."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if (folder / "cmdline").read_text().startswith(title):
                found.append(int(folder.name))
        except OSError:
            continue  # it has just ended
    return [process for process in found if os.getpid() in _ancestors(process, parents)]


def _ancestors(process: int, parents: dict[int, int]) -> Iterator[int]:
    while process in parents:
        process = parents[process]
        yield process


def test_kill_the_driver_and_resume(tmp_path: Path) -> None:
    """SIGKILL in the middle: the asked trials are there, nothing finished is lost, changed or run again, and with one
    worker the rest equals an unbroken run with the same seed."""
    arguments = [
        "--space", "lightmmoe", "--series", "sample-1", "--trials", "12", "--max-epochs", "3", "--max-concurrent", "1",
        "--confirm-top", "1", "--confirm-seeds", "1", "--results", str(tmp_path),
        *(part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")),
    ]  # fmt: skip
    unbroken = _launch(*arguments, "--name", "unbroken")
    assert unbroken.wait(timeout=240) == 0
    killed = _launch(*arguments, "--name", "killed")
    log = tmp_path / "killed" / "events"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(read_events(log)) < 40:
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    before = read_events(log)
    assert len(before) >= 40
    assert not any(event.kind == "selected" for event in before)
    finished_before = load_trials(tmp_path / "killed").query("status != 'RUNNING'").set_index("trial_id")
    resumed = _launch("--resume", str(tmp_path / "killed"), "--max-concurrent", "1")
    assert resumed.wait(timeout=240) == 0
    events = read_events(log)
    assert [event.to_line() for event in events[: len(before)]] == [event.to_line() for event in before]
    after = load_trials(tmp_path / "killed").set_index("trial_id")
    columns = ["status", "objective", "config_json", "epochs_run", "seed"]
    pd.testing.assert_frame_equal(after.loc[finished_before.index, columns], finished_before[columns])
    reference = load_trials(tmp_path / "unbroken").set_index("trial_id")
    pd.testing.assert_frame_equal(after[columns], reference[columns])
    assert (after["stage"] == "search").sum() == 12


def _launch(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(ROOT / "launch.py"), *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
