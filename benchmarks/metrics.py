"""Time the anomaly metrics against EasyTSAD's own, and compare their values, on a series of 23,694 points.

    python benchmarks/metrics.py                    against EasyTSAD where it is installed, else its recorded time
    python benchmarks/metrics.py --with-reference   install EasyTSAD first, in an environment of its own

The last line is one JSON object: points, ours_s, reference_s (seconds, best of five), ratio, and reference, "measured"
in this run or "recorded". The exit status is 1 where a value differs by more than 1e-9.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from a checkout that is not installed

from trainables.metrics import anomaly_metrics, grow_segments

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT.parent / "shared" / "data" / "smd" / "machine-2-1" / "test.parquet"
N_POINTS = 23_694
ENVIRONMENT = ROOT / "benchmarks" / ".environments" / "easytsad"
PYTHON = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin") / "python"
# What the metrics alone need. EasyTSAD is installed last and without its own requirements: its presence says all is.
REQUIREMENTS = ("numpy<2", "scikit-learn==1.6.1", "scipy", "statsmodels", "matplotlib")
RECORDED_S = 0.36
"""18 EasyTSAD metrics on as many points, best of five on one core, measured once on another machine."""
TOLERANCE = 1e-9


def main() -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--with-reference", action="store_true", help=f"install EasyTSAD in {ENVIRONMENT}")
    if parser.parse_args().with_reference:
        install_reference()

    scores, labels = make_series()
    ours_s = min(time_once(scores, labels) for _ in range(5))
    ours = anomaly_metrics(scores, labels)
    print(f"ours: {len(ours)} values in {ours_s * 1e3:.2f} ms")
    reference = run_reference(scores, labels)
    n_different = 0
    if reference is None:
        print(f"EasyTSAD is not installed (--with-reference does it): nothing compared, {RECORDED_S} s as recorded")
    else:
        print(f"EasyTSAD: {reference['n_timed']} metrics in {reference['seconds'] * 1e3:.2f} ms")
        n_different = report_differences(ours, reference["values"])
    reference_s = RECORDED_S if reference is None else reference["seconds"]
    summary = {
        "points": len(scores),
        "ours_s": round(ours_s, 6),
        "reference_s": round(reference_s, 6),
        "ratio": round(reference_s / ours_s, 1),
        "reference": "recorded" if reference is None else "measured",
    }
    print(json.dumps(summary))
    return 1 if n_different else 0


def install_reference() -> None:
    """Install EasyTSAD in its own environment; nothing happens where that is done."""
    if sys.version_info >= (3, 13):
        raise SystemExit(
            f"this is Python {sys.version.split()[0]}, but EasyTSAD needs numpy<2, which ends at Python 3.12; "
            "run this step with Python 3.11 or 3.12"
        )
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    install = [str(PYTHON), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, *REQUIREMENTS], check=True)
    subprocess.run([*install, "--no-deps", "EasyTSAD==0.3.0.2"], check=True)


def make_series() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw scores ``[N]`` for the labels ``[N]`` of SMD machine-2-1, or for drawn ones where those are not at hand."""
    rng = np.random.default_rng(20240521)
    if LABELS.exists():
        labels = read_labels(LABELS)
        print(f"labels of {LABELS}")
    else:
        labels = np.zeros(N_POINTS, dtype=np.int64)
        for start in rng.integers(0, N_POINTS, 13):
            labels[start : start + rng.integers(5, 175)] = 1
        print(f"{LABELS} is not there: drawn labels")
    # Anomalies score higher, but not by much, and rounding makes ties, so that every rule of the protocols is at work.
    return (rng.gamma(2.0, size=len(labels)) + 1.5 * labels).round(3), labels


def read_labels(path: Path) -> NDArray[np.int64]:
    """Read the labels ``[N]`` of a series."""
    from pyarrow.parquet import read_table  # noqa: PLC0415 - the benchmark runs without it on drawn labels

    labels: NDArray[np.int64] = read_table(path, columns=["label"])["label"].to_numpy().astype(np.int64)
    return labels


def time_once(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the seconds that our whole family takes, with the margin and all checks."""
    started = time.perf_counter()
    anomaly_metrics(scores, labels)
    return time.perf_counter() - started


def run_reference(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Any] | None:
    """Run EasyTSAD on the same series, its margin already applied; return ``None`` where it is not installed."""
    if not any(ENVIRONMENT.rglob("EasyTSAD/Evaluations")):
        return None
    with tempfile.TemporaryDirectory() as folder:
        series, result = Path(folder, "series.npz"), Path(folder, "result.json")
        # As float64, with which EasyTSAD is fastest: integer labels make it three to five times slower.
        np.savez(series, scores=scores, labels=grow_segments(labels, (0, 5)).astype(np.float64))
        script = Path(__file__).with_name("easytsad_reference.py")
        subprocess.run([str(PYTHON), str(script), str(series), str(result)], check=True)
        loaded: dict[str, Any] = json.loads(result.read_text())
        return loaded


def report_differences(ours: dict[str, float], reference: dict[str, float]) -> int:
    """Print each value that differs from the reference; return how many do."""
    differences = {
        name: 0.0 if math.isnan(value) and math.isnan(ours[name]) else abs(ours[name] - value)
        for name, value in reference.items()
    }
    different = [name for name, difference in differences.items() if not difference <= TOLERANCE]  # NaN differs
    for name in different:
        print(f"DIFFERENT {name}: ours {ours[name]!r}, EasyTSAD {reference[name]!r}")
    print(
        f"{len(reference)} values compared, {len(different)} differ; largest difference {max(differences.values()):.1e}"
    )
    return len(different)


if __name__ == "__main__":
    raise SystemExit(main())
