"""Joining a cluster that is there, and leaving Ray while other threads go on."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from analysis import load_trials
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Another cluster than the one that this process may have joined, with two nodes of one processor each."""
    cluster = Cluster(initialize_head=True, connect=False, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def _search(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "launch.py", "--space", "lightmmoe", "--series", "sample-1", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


def test_a_study_on_a_cluster_that_is_there(cluster: Cluster, tmp_path: Path) -> None:
    few = ("--trials", "2", "--max-epochs", "1", "--confirm-top", "1", "--confirm-seeds", "1")
    run = _search("--address", cluster.address, "--results", str(tmp_path), "--name", "joined", *few)
    assert run.returncode == 0, run.stderr
    trials = load_trials(tmp_path / "joined")
    assert list(trials.query("stage == 'search'")["status"]) == ["COMPLETED"] * 2
    assert (tmp_path / "joined" / "report" / "report.html").exists()


def test_a_cluster_without_room_for_one_trial(cluster: Cluster, tmp_path: Path) -> None:
    run = _search("--address", cluster.address, "--results", str(tmp_path), "--cpus-per-trial", "9")
    assert (run.returncode, run.stdout) == (2, "")
    assert "a trial wants 9 CPUs and 0 GPUs, but the cluster has 2 CPUs" in run.stderr
    assert list(tmp_path.iterdir()) == []


FREE_REFERENCES_WHILE_RAY_SHUTS_DOWN = """
import gc, threading, time
import ray
from cluster.runtime import connect
from cluster.study import Resources

class Cycle:
    def __init__(self, reference):
        self.reference, self.me = reference, self  # only the garbage collector frees it

over = threading.Event()

def make_garbage(references):
    while references and not over.is_set():
        Cycle(references.pop())
        time.sleep(5e-4)

with connect(Resources()):
    thread = threading.Thread(target=make_garbage, args=([ray.put(i) for i in range(4_000)],))
    gc.set_threshold(5)  # the thread's own allocations start it
    thread.start()
over.set()
thread.join()
assert gc.isenabled()
print("alive")
"""


def test_a_thread_may_free_references_while_ray_shuts_down() -> None:
    """Ray ends the process with code 1 where a reference is freed in its shutdown: in most tries without the guard."""
    run = subprocess.run(
        [sys.executable, "-c", FREE_REFERENCES_WHILE_RAY_SHUTS_DOWN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "alive\n"), run.stderr
