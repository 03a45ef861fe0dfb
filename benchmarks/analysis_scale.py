"""What it costs to read and report a study of 100,000 trials with 20 rungs each, against plain pandas on its files.

    python benchmarks/analysis_scale.py                           # writes 1.6 GB to a temporary folder: some minutes
    python benchmarks/analysis_scale.py --trials 2000 --keep /tmp/small

A synthetic study is written by the engine's own code, without training (``synthetic_study.py``). Then, each in a fresh
process: ``load_trials``; the whole report; and the named opponent, ``pandas.read_parquet`` of trials and metrics with
the group-by that gives each trial's last row and each rung's best objective, but no event log and no report. Seconds
are from the start of a process to its end; CPU seconds and peak memory are the system's own. Prints one JSON line.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MOST_SECONDS, MOST_MEGABYTES = 30, 2_000
"""What both of ours must stay under."""


def main() -> int:
    """Run the benchmark and return its exit code: 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--rungs", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="write the study there and keep it; one that is there is taken")
    parser.add_argument("--part", choices=_PARTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        _PARTS[arguments.part](arguments.keep)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary) / "study"
        if not (folder / "study.json").exists():
            _write(folder, arguments.trials, arguments.rungs)
        measured = {part: _measure(part, folder) for part in _PARTS}
        sizes = {name: _megabytes(folder / name) for name in ("events", "trials", "metrics", "report")}
    print(json.dumps({"trials": arguments.trials, "rungs": arguments.rungs, "folder_mb": sizes, **measured}))
    ours = [measured["load_trials"], measured["report"]]
    return int(any(one["seconds"] > MOST_SECONDS or one["peak_mb"] > MOST_MEGABYTES for one in ours))


def _write(folder: Path, n_trials: int, n_rungs: int) -> None:
    from synthetic_study import write_study  # noqa: PLC0415  # imports Ray, which no measured process shall

    write_study(folder, n_trials=n_trials, n_rungs=n_rungs)


def _measure(part: str, folder: Path) -> dict[str, float]:
    """Run one part in a process of its own."""
    began = time.monotonic()
    command = [sys.executable, __file__, "--part", part, "--keep", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - began
    return {"seconds": round(seconds, 1), **json.loads(done.stdout.splitlines()[-1])}


def _load_trials(folder: Path) -> None:
    from analysis import load_trials  # noqa: PLC0415

    _tell_usage(n_trials=len(load_trials(folder)))


def _report(folder: Path) -> None:
    from analysis.report import write_report  # noqa: PLC0415

    _tell_usage(html_kb=round(write_report(folder).html.stat().st_size / 1e3))


def _plain_pandas(folder: Path) -> None:
    import pandas as pd  # noqa: PLC0415

    trials = pd.read_parquet(folder / "trials").sort_values("event_seq").drop_duplicates("trial_id", keep="last")
    metrics = pd.read_parquet(folder / "metrics")
    objective = metrics[(metrics["name"] == "objective") & metrics["series"].isna()]
    best = objective.groupby("step")["value"].max()
    _tell_usage(n_trials=len(trials), n_rungs=len(best))


_PARTS: dict[str, Callable[[Path], None]] = {
    "load_trials": _load_trials,
    "report": _report,
    "plain_pandas": _plain_pandas,
}


def _tell_usage(**found: int) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s, peak_mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6
    print(json.dumps({"cpu_s": round(cpu_s, 1), "peak_mb": round(peak_mb), **found}))


def _megabytes(folder: Path) -> float:
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())
