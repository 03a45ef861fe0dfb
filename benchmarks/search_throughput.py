"""Epochs per hour of a search: AblaTune against plain Ray Tune, on the same configurations, in the same run.

    python benchmarks/search_throughput.py                      # FIFO, then ASHA: about ten minutes on two cores
    python benchmarks/search_throughput.py --repeats 3

Twelve listed configurations of the published sizes (learning rate, dropout and sg_ratio vary) train for three epochs on
SMD machine-1-6 with two CPUs. Times are those of whole processes, from the command to its end; AblaTune's includes its
test of the winner, the baselines and the report, which plain Ray Tune does not have. The two take turns. Plain Ray Tune
runs twice: as documented, with an actor per trial, and with ``reuse_actors``; ``ratio`` is to the faster of the two.
Prints one JSON line.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from cluster.events import Event, read_events

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data" / "smd"
N_TRIALS, MAX_EPOCHS, N_WORKERS = 12, 3, 2


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1, help="turns of each opponent (1)")
    parser.add_argument("--schedulers", nargs="+", default=["fifo", "asha"])
    arguments = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA} is not there; this benchmark needs SMD's machine-1-6", file=sys.stderr)
        return 2
    result: dict[str, Any] = {}
    for scheduler in arguments.schedulers:
        turns: dict[str, list[dict[str, float]]] = {"ablatune": [], "plain": [], "plain_reused": []}
        for _ in range(arguments.repeats):
            turns["ablatune"].append(_run_ablatune(scheduler))
            turns["plain"].append(_run_plain(scheduler, reuse_actors=False))
            turns["plain_reused"].append(_run_plain(scheduler, reuse_actors=True))
        result[scheduler] = _compare(turns)
    print(json.dumps(result))
    return 0


def listed_configurations() -> list[dict[str, float]]:
    """Return the twelve configurations; the first is the published one."""
    draw = random.Random(0)
    drawn = [
        {
            "learning_rate": round(10 ** draw.uniform(-4, -2), 6),
            "expert_dropout": round(draw.uniform(0, 0.5), 3),
            "sg_ratio": round(draw.uniform(0, 1), 3),
        }
        for _ in range(N_TRIALS - 1)
    ]
    return [{"learning_rate": 1e-3, "expert_dropout": 0.2, "sg_ratio": 0.7}, *drawn]


def _run_ablatune(scheduler: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "listed.yaml"
        listed.write_text(yaml.safe_dump(listed_configurations()))
        command = [
            sys.executable, str(HERE.parent / "launch.py"), "--space", "lightmmoe", "--data", "smd",
            "--data-root", str(DATA), "--series", "machine-1-6", "--trials", str(N_TRIALS),
            "--objective", "labelled_event_f1", "--max-epochs", str(MAX_EPOCHS), "--scheduler", scheduler,
            "--enqueue", str(listed), "--confirm-top", "0",
            "--max-concurrent", str(N_WORKERS), "--results", folder, "--name", "study",
        ]  # fmt: skip
        began = time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole_s = time.time() - began
        events = read_events(Path(folder) / "study" / "events")
    reports = [event for event in events if event.kind == "reported"]
    search_end = max(event.time for event in reports)
    first_start = min(event.time - event.fields["step_s"] for event in reports)
    busy_s = sum(event.fields["step_s"] for event in reports)
    return {
        "epochs": len(reports),
        "whole_s": whole_s,
        "start_s": first_start - began,
        "search_s": search_end - first_start,
        "busy_s": busy_s,
        "overhead_per_trial_s": _overhead_per_trial(events),
    }


def _overhead_per_trial(events: list[Event]) -> float:
    """Average what a trial costs beyond its own steps: being handed out, begun, reported and judged.

    For each trial the time from its ``started`` event to its last report, less its steps; the first ones of the
    workers are left out, because they wait for the worker to start.
    """
    training = [event for event in events if event.kind == "started" and event.fields["work"] == "train"]
    started = {event.fields["trial"]: event.time for event in training}
    reports = [event for event in events if event.kind == "reported"]
    last_report = {event.fields["trial"]: event.time for event in reports}
    steps_s: dict[str, float] = {}
    for event in reports:
        steps_s[event.fields["trial"]] = steps_s.get(event.fields["trial"], 0.0) + event.fields["step_s"]
    later = list(last_report)[N_WORKERS:]
    return sum(last_report[trial] - started[trial] - steps_s[trial] for trial in later) / len(later)


def _run_plain(scheduler: str, *, reuse_actors: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        spec = {
            "space": "lightmmoe", "data": "smd", "data_root": str(DATA), "series": ["machine-1-6"],
            "objective": "labelled_event_f1", "trials": N_TRIALS, "max_epochs": MAX_EPOCHS,
        }  # fmt: skip
        question = {"spec": spec, "configs": listed_configurations(), "storage": folder}
        command = [sys.executable, str(HERE / "plain_ray_tune.py"), json.dumps(question), "--scheduler", scheduler]
        began = time.time()
        done = subprocess.run(
            [*command, *(["--reuse-actors"] if reuse_actors else [])],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        whole_s = time.time() - began
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "epochs": told["epochs"],
        "whole_s": whole_s,
        "start_s": told["first_epoch_at"] - began,
        "search_s": told["search_s"],
        "busy_s": told["busy_s"],
    }


def _compare(turns: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for name, runs in turns.items():
        middle = sorted(runs, key=lambda run: run["whole_s"] / run["epochs"])[len(runs) // 2]
        summary[name] = {key: round(value, 3) for key, value in middle.items()}
        summary[name]["epochs_per_hour"] = round(3600 * middle["epochs"] / middle["whole_s"], 1)
    ours = summary["ablatune"]["epochs_per_hour"]
    opponents = {name: summary[name]["epochs_per_hour"] for name in ("plain", "plain_reused")}
    summary["ratio_to_plain"] = round(ours / opponents["plain"], 2)
    summary["ratio"] = round(ours / max(opponents.values()), 2)
    # With early stopping the number of epochs differs, so the same twelve trials are also compared by their time.
    fastest = min(summary[name]["whole_s"] for name in opponents)
    summary["time_ratio"] = round(fastest / summary["ablatune"]["whole_s"], 2)
    return summary


if __name__ == "__main__":
    sys.exit(main())
