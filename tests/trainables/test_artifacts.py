"""Who makes an artifact, and how often: with real processes, because that is who will ask."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from trainables.artifacts import Artifacts, Tensors

ROOT = Path(__file__).resolve().parents[2]
KEY = {"depth": 3, "lookback": 96}
PATIENCE_S = 120.0
"""On a busy machine, importing PyTorch alone may take many seconds; nothing here waits that long for nothing."""


def _store(folder: Path) -> Artifacts:
    return Artifacts(folder=folder / "artifacts", data="etth1:0", seed=7)


def _make(seed: int) -> Tensors:
    return {"weight": torch.arange(6.0).view(2, 3) + seed, "bias": torch.ones(3)}


def _count_made(folder: Path) -> int:
    log = folder / "artifacts" / "made.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def _assert_is_made(tensors: Tensors, seed: int = 7) -> None:
    assert tensors.keys() == _make(seed).keys()
    assert all(torch.equal(tensors[name], wanted) for name, wanted in _make(seed).items())


def _refuse(_: int) -> Tensors:
    raise AssertionError("made a second time")


def test_is_made_once_and_read_afterwards(tmp_path: Path) -> None:
    _assert_is_made(_store(tmp_path).get("flow", KEY, _make))
    _assert_is_made(_store(tmp_path).get("flow", KEY, _refuse))
    _assert_is_made(_store(tmp_path).get("flow", dict(reversed(KEY.items())), _refuse))  # a key has no order
    assert _count_made(tmp_path) == 1


@pytest.mark.parametrize(
    ("change", "kind", "key"),
    [
        ({"seed": 8}, "flow", KEY),
        ({"data": "etth1:1"}, "flow", KEY),
        ({}, "encoder", KEY),
        ({}, "flow", {**KEY, "depth": 4}),
        ({}, "flow", {"depth": 3}),
    ],
)
def test_another_seed_data_kind_or_key_is_another_artifact(
    tmp_path: Path, change: dict[str, object], kind: str, key: dict[str, object]
) -> None:
    store = _store(tmp_path)
    store.get("flow", KEY, lambda _: {"other": torch.zeros(1)})
    other = replace(store, **change)
    _assert_is_made(other.get(kind, key, _make), other.seed)
    assert _count_made(tmp_path) == 2
    assert store.get("flow", KEY, _refuse).keys() == {"other"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: b"no artifact at all",
        lambda whole: bytes(len(whole)),
    ],
    ids=["empty", "half", "all but a byte", "text", "zeros"],
)
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    store = _store(tmp_path)
    store.get("flow", KEY, _make)
    (path,) = store.folder.glob("flow-*.pt")
    path.write_bytes(damage(path.read_bytes()))
    _assert_is_made(store.get("flow", KEY, _make))
    _assert_is_made(store.get("flow", KEY, _refuse))
    assert _count_made(tmp_path) == 2


def test_a_maker_that_fails_lets_the_next_one_in(tmp_path: Path) -> None:
    def fail(_: int) -> Tensors:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        _store(tmp_path).get("flow", KEY, fail)
    assert _count_made(tmp_path) == 0
    _assert_is_made(_store(tmp_path).get("flow", KEY, _make))


def test_a_failed_write_leaves_nothing_that_looks_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("trainables.tensor_files.replace_file", fill_disk)
        with pytest.raises(OSError, match="No space left"):
            _store(tmp_path).get("flow", KEY, _make)
    assert _count_made(tmp_path) == 0
    _assert_is_made(_store(tmp_path).get("flow", KEY, _make))


# What every process below runs: it says that it is ready, waits for the word, asks, and says what it got. Its maker
# says that it is at work, and takes as long as it is told.
_WORKER = """
import sys, time
from pathlib import Path
import torch
from trainables.artifacts import Artifacts

folder, number, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

def make(seed):
    (folder / f"making-{number}").touch()
    time.sleep(seconds)
    return {"weight": torch.arange(6.0).view(2, 3) + seed, "bias": torch.ones(3)}

(folder / f"ready-{number}").touch()
while not (folder / "go").exists():
    time.sleep(0.005)
found = Artifacts(folder=folder / "artifacts", data="etth1:0", seed=7).get("flow", {"depth": 3, "lookback": 96}, make)
print(float(found["weight"].sum()))
"""


@contextmanager
def _workers(folder: Path, n_workers: int, seconds: float) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes, and have none left in the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(folder), str(number), str(seconds)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(n_workers)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _wait_for(folder: Path, pattern: str, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len(list(folder.glob(pattern))) < count:
        assert time.monotonic() < deadline, f"{count} x {pattern} did not come"
        time.sleep(0.01)


def test_processes_that_ask_at_once_get_one_artifact_that_one_of_them_made(tmp_path: Path) -> None:
    with _workers(tmp_path, 3, seconds=0.5) as processes:
        _wait_for(tmp_path, "ready-*", 3)
        (tmp_path / "go").touch()
        outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0]
    assert {float(output) for output in outputs} == {float(_make(7)["weight"].sum())}
    assert len(list(tmp_path.glob("making-*"))) == 1
    assert _count_made(tmp_path) == 1


def test_a_killed_maker_lets_in_who_waited(tmp_path: Path) -> None:
    store, found = _store(tmp_path), list[Tensors]()
    with _workers(tmp_path, 1, seconds=10 * PATIENCE_S) as (maker,):
        (tmp_path / "go").touch()
        _wait_for(tmp_path, "making-*", 1)
        waiting = threading.Thread(target=lambda: found.append(store.get("flow", KEY, _make)), daemon=True)
        waiting.start()
        waiting.join(timeout=0.5)
        assert waiting.is_alive()  # while the maker lives, nobody makes it a second time
        maker.send_signal(signal.SIGKILL)
        waiting.join(timeout=PATIENCE_S)
    _assert_is_made(found[0])
    assert _count_made(tmp_path) == 1
