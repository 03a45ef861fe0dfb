"""Leaving Ray while other threads go on."""

import subprocess
import sys

from tests.conftest import ROOT

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
