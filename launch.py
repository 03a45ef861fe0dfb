"""AblaTune's command line: from a question to a report.

    python launch.py --space lightmmoe

The main path reads from top to bottom: arguments -> StudySpec -> run_study -> write_report.
"""

import argparse
import contextlib
import dataclasses
import gc
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import yaml

from search_spaces.distributions import parse_value

EXIT_DONE, EXIT_FAILED, EXIT_WRONG_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(read_settings(arguments))
    except ValueError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    except BrokenPipeError:  # as in "launch.py ... | head": whoever was told has gone, so there is nobody to tell
        return EXIT_FAILED
    except KeyboardInterrupt:  # before a study runs, or while its report is written: nothing is half done
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def read_settings(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Read flags and study file into one mapping; flags win.

    Raises:
        ValueError: If either is wrong.
    """
    flags = vars(_make_parser().parse_args(arguments))
    settings = _read_study_file(Path(flags.pop("config"))) if "config" in flags else {}
    for name in ("fixed", "ranges"):  # a flag adds to what the file sets, parameter by parameter
        if name in flags:
            flags[name] = {**settings.get(name, {}), **_read_assignments(flags[name], name)}
    if "enqueue" in flags:
        flags["enqueue"] = _read_list(Path(flags["enqueue"]))
    return settings | flags


def _run(settings: dict[str, Any]) -> int:
    if settings.pop("list_spaces", False):
        return _print_spaces()
    if name := settings.pop("describe", None):
        return _print_description(name)
    if "from_study" in settings and "space" not in settings:
        from cluster.study_file import read_study

        settings["space"] = read_study(Path(settings["from_study"]))["space"]
    if "resume" not in settings and "space" not in settings:
        raise ValueError(
            "nothing to do: give --space NAME to search (python launch.py --space lightmmoe), --resume FOLDER to go on "
            "with a study, or --list-spaces"
        )
    return _run_study(settings)


def _run_study(settings: dict[str, Any]) -> int:
    """Search, confirm, test and report; or go on with it."""
    # Imported here: help and descriptions come without the seconds that Ray and PyTorch take.
    with _nothing_is_garbage():
        from cluster.driver import resume_study, run_study
        from cluster.study import Resources, StudySpec
        from cluster.watch import make_watchers

    as_json = settings.pop("json", False)
    resources = Resources(**_take(settings, [field.name for field in dataclasses.fields(Resources)]))
    report = BackgroundReport()

    def watch(*study: Any) -> tuple[Any, ...]:
        return (*make_watchers(*study), report.of(study[2]))

    if "resume" in settings:
        more = {name: settings.pop(name) for name in ("trials", "check_objective", "add_seeds") if name in settings}
        folder = settings.pop("resume")
        if settings:
            raise ValueError(
                f"--{next(iter(settings)).replace('_', '-')} cannot be given with --resume: a study's question is "
                "fixed; only --trials, --check-objective, --add-seeds and where it runs may change"
            )
        result = resume_study(folder, resources=resources, observers=watch, **more)
    elif "add_seeds" in settings:
        raise ValueError("`--add-seeds` goes on with an ablation; name its folder by --resume")
    else:
        place = _take(settings, ["name", "results"])
        dry_run = settings.pop("dry_run", False)
        spec = StudySpec.from_dict(settings)
        if dry_run:
            return _print_dry_run(spec, resources)
        result = run_study(spec, resources=resources, observers=watch, **place)
    return _conclude(result, report, as_json=as_json)


@contextlib.contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """Keep the garbage collector off what is made inside, now and for good.

    PyTorch, Ray and pandas are half a million objects that live to the end: to walk over them again and again, while
    they are imported and once more at exit, takes over a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _conclude(result: Any, report: "BackgroundReport", *, as_json: bool) -> int:
    """Say what came out, where the report is and what to do next, and choose the exit code."""
    from analysis import load_trials

    summary: dict[str, Any] = {"study": str(result.folder), "exit_reason": result.reason}
    if result.reason == "interrupted":
        _say(f"interrupted; go on with: python launch.py --resume {shlex.quote(str(result.folder))}")
    else:
        written = report.wait(result.folder)
        _say("\n".join(["", *written.verdict, "", f"report: {written.html}"]))
        summary |= {"best": written.summary["best"], "report": str(written.html)}
    if result.failure:
        print(f"error: {result.failure}", file=sys.stderr)
    if as_json:
        statuses = load_trials(result.folder)["status"].value_counts()
        summary |= {"trials": {name: int(count) for name, count in statuses.items()}}
        _say(json.dumps(summary | {"seconds": round(result.seconds, 1)}))
    if result.failure:
        return EXIT_FAILED
    return EXIT_INTERRUPTED if result.reason == "interrupted" else EXIT_DONE


def _say(text: str) -> None:
    """Print what came out; where nobody reads it any more (``| head``), the exit code says it still."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


class BackgroundReport:
    """Writes the report once the last event is on record, while Ray still shuts its actors down."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._future: Future[Any] | None = None

    def of(self, folder: Path) -> "BackgroundReport":
        """Say which study it is; the driver knows its folder first."""
        self._folder = folder
        return self

    def apply(self, event: Any, state: Any) -> None:
        """Begin when the study is over; its tables have been written then."""
        del state
        if event.kind == "finished":
            executor = ThreadPoolExecutor(max_workers=1)
            self._future = executor.submit(_write_report, self._folder)
            executor.shutdown(wait=False)

    def close(self) -> None:
        """Do nothing: whoever wants the report waits for it."""

    def wait(self, folder: Path) -> Any:
        """Return the report; one of a study that had nothing left to do is written now."""
        return self._future.result() if self._future is not None else _write_report(folder)


def _write_report(folder: Path | None) -> Any:
    from analysis.report import write_report

    assert folder is not None
    return write_report(folder)


def _print_spaces() -> int:
    from search_spaces import SPACES

    for space in SPACES.values():
        print(f"{space.name:<16} {space.description}")
    return EXIT_DONE


def _print_description(name: str) -> int:
    from cluster.describe import describe_space
    from search_spaces import load_space

    print("\n".join(describe_space(load_space(name))))
    return EXIT_DONE


def _print_dry_run(spec: Any, resources: Any) -> int:
    from cluster.describe import describe_study
    from cluster.resolution import resolve

    print("\n".join(describe_study(resolve(spec), resources)))
    return EXIT_DONE


def _make_parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="launch.py",
        description="Search the hyperparameters of a time-series model, confirm the best on fresh seeds, and report; "
        "or measure which of its parts earn their place.",
        epilog="To begin: python launch.py --space lightmmoe   (built-in sample series, no download)",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    what = parser.add_argument_group("what to search")
    what.add_argument("--space", help="search space: a name of --list-spaces, or your own as package.module:SPACE")
    what.add_argument(
        "--data",
        help="data set; detectors: sample, smd, asd, csv, parquet; forecasters: sample_workload, sample_prices, ett, "
        "exchange_rate, bitbrains, alibaba, google, nasa, ohlcv, csv, parquet (the space's own sample: needs no files)",
    )
    what.add_argument("--data-root", help="folder of the data set's files (see docs/data.md for the layouts)")
    what.add_argument("--series", type=_split, help="series of the data set, such as machine-1-6,machine-2-1 (all)")
    what.add_argument("--label-column", help="for csv and parquet: the 0/1 column of anomalies (label)")
    what.add_argument("--timestamp", help="for csv and parquet: a column that is a time and no feature (none)")
    what.add_argument("--target", type=_split, help="forecasters: columns to forecast (the data set's own choice)")
    what.add_argument("--horizon", type=int, help="forecasters: steps to forecast (the data set's own choice)")
    what.add_argument(
        "--difference",
        help="forecasters: none trains on values, log_return on log returns (prices: log_return, else none)",
    )
    what.add_argument(
        "--objective",
        help="what the search optimises: labelled_event_f1_and_log_gap, labelled_event_f1, labelled_auprc, log_gap or "
        "val_loss, see docs/objectives.md (labelled_event_f1_and_log_gap where there are labels, else log_gap); "
        "forecasters: val_mse or val_mae (val_mse)",
    )
    what.add_argument(
        "--labelled-by",
        help="which labels the search may see: time, an early part of every series; series, all of some series (time)",
    )
    what.add_argument("--seed", type=int, help="every random number of the study follows from it (0)")

    long = parser.add_argument_group("how long, and how")
    long.add_argument(
        "--trials",
        type=int,
        help="configurations to try, in total also with --resume (the space's own: 40 for detectors)",
    )
    long.add_argument(
        "--max-epochs", type=int, help="epochs of a trial that is not stopped early (the space's own: 5 for detectors)"
    )
    long.add_argument("--sampler", help="what proposes configurations: tpe or random (tpe)")
    long.add_argument("--scheduler", help="what stops trials: asha, or fifo which stops none (asha)")
    long.add_argument("--reduction-factor", type=int, help="asha: one in so many passes a rung (3)")
    long.add_argument("--grace-epochs", type=int, help="asha: epochs before the first rung (1)")

    which = parser.add_argument_group("which values")
    which.add_argument(
        "--set", dest="fixed", action="append", metavar="NAME=VALUE", help="fix a parameter; may be repeated"
    )
    which.add_argument(
        "--range",
        dest="ranges",
        action="append",
        metavar="NAME=LOW..HIGH|A,B,C",
        help="search other values of a parameter; may be repeated",
    )
    which.add_argument(
        "--enqueue", metavar="FILE", help="YAML or JSON list of configurations to try right after the published one"
    )

    confirm = parser.add_argument_group("confirmation and test")
    confirm.add_argument(
        "--confirm-top", type=int, metavar="K", help="best configurations to run again on fresh seeds; 0: none (3)"
    )
    confirm.add_argument("--confirm-seeds", type=int, metavar="S", help="fresh seeds for each of them (5)")
    confirm.add_argument(
        "--full-test",
        action="store_true",
        help="also state metrics on the whole published test part, which overlaps the labelled one (no)",
    )

    confirm.add_argument(
        "--check-objective",
        type=int,
        metavar="N",
        help="after the test, measure on N random configurations how well the objective ranks test scores (0)",
    )

    confirm.add_argument("--check-seeds", type=int, metavar="S", help="seeds for each of them, averaged (1)")

    _add_ablation(parser)

    where = parser.add_argument_group("where and with what")
    where.add_argument("--resume", metavar="FOLDER", help="go on with a study after a crash, a kill or Ctrl-C")
    where.add_argument("--config", metavar="FILE", help="a study in a YAML file, keys named as flags; flags win")
    where.add_argument("--name", help="name of the study's folder (the space and the time)")
    where.add_argument("--results", metavar="DIR", help="folder that studies lie in (results)")
    where.add_argument("--address", help="Ray cluster: auto or HOST:PORT (none: this machine, for this study alone)")
    where.add_argument(
        "--precision", help="fp32, or bf16 for the forward pass on a GPU; part of the question, kept by a resume (fp32)"
    )
    where.add_argument("--cpus-per-trial", type=int, help="processor cores of a trial (1)")
    where.add_argument("--gpus-per-trial", type=float, help="GPUs of a trial; a share such as 0.25 packs several (0)")
    where.add_argument("--max-concurrent", type=int, help="trials at a time (as many as there is room for)")

    other = parser.add_argument_group("looking, and output")
    other.add_argument("--list-spaces", action="store_true", help="list the search spaces")
    other.add_argument("--describe", metavar="SPACE", help="print ranges, conditions, defaults and ablation arms")
    other.add_argument("--dry-run", action="store_true", help="print the study as it would run, and what it would cost")
    other.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    return parser


def _add_ablation(parser: argparse.ArgumentParser) -> None:
    ablate = parser.add_argument_group("which parts earn their place")
    ablate.add_argument(
        "--ablate",
        type=_split,
        metavar="all|FACTOR,...",
        help="instead of a search, compare a base with itself changed in one respect at a time, seed by seed; factors "
        "and their levels: --describe SPACE",
    )
    ablate.add_argument(
        "--from",
        dest="from_study",
        metavar="FOLDER",
        help="the base is this study's winner, and its data and settings are taken over (the published configuration)",
    )
    ablate.add_argument("--seeds", type=int, metavar="S", help="seeds of every arm (5)")
    ablate.add_argument(
        "--retune",
        type=int,
        metavar="TRIALS",
        help="also give each component's arms, and the base, searches of so many trials of their own (0: none)",
    )
    ablate.add_argument("--searches", type=int, metavar="K", help="independent searches of each re-tuned arm (3)")
    ablate.add_argument(
        "--factorial", type=_split, metavar="FACTOR,FACTOR,...", help="also combine the levels of these in every way"
    )
    ablate.add_argument(
        "--path", action="store_true", help="also walk from the published configuration to the base, step by step (no)"
    )
    ablate.add_argument(
        "--region", metavar="VALUE|PERCENT%", help="differences that do not matter (0.01 of a score, 1%% of an error)"
    )
    ablate.add_argument(
        "--looks", type=int, metavar="L", help="how often the result may be looked at, each time with more seeds (3)"
    )
    ablate.add_argument(
        "--add-seeds", type=int, metavar="N", help="with --resume: so many more seeds for a finished ablation"
    )


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other wrong input."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see python launch.py --help")


def _read_study_file(path: Path) -> dict[str, Any]:
    content = _read_yaml(path)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} must hold settings as NAME: VALUE; see examples/")
    settings = {str(name).replace("-", "_"): value for name, value in content.items()}
    for flag, name in (("set", "fixed"), ("range", "ranges"), ("from", "from_study")):
        if flag in settings:
            settings[name] = settings.pop(flag)
    for name in ("series", "target", "ablate", "factorial"):
        if isinstance(settings.get(name), str):
            settings[name] = _split(settings[name])
    if isinstance(settings.get("enqueue"), str):
        settings["enqueue"] = _read_list(path.parent / settings["enqueue"])
    return settings


def _read_list(path: Path) -> list[Any]:
    content = _read_yaml(path)
    if not isinstance(content, list) or not all(isinstance(one, Mapping) for one in content):
        raise ValueError(f"{path} must hold a list of configurations, each as NAME: VALUE pairs")
    return content


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no valid YAML: {error}") from error


def _read_assignments(texts: Sequence[str], name: str) -> dict[str, Any]:
    flag, form = {"fixed": ("--set", "NAME=VALUE"), "ranges": ("--range", "NAME=LOW..HIGH or NAME=A,B,C")}[name]
    read: Callable[[str], object] = parse_value if name == "fixed" else str
    assignments = {}
    for text in texts:
        parameter, separator, value = text.partition("=")
        if not separator or not parameter.strip() or not value.strip():
            raise ValueError(f"{flag} {text!r} cannot be read; write {flag} {form}")
        assignments[parameter.strip()] = read(value)
    return assignments


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _take(settings: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: settings.pop(name) for name in names if name in settings}


def _interrupt(*_: object) -> NoReturn:
    """Stop as Ctrl-C does: what is on record stays, and the study can be resumed."""
    raise KeyboardInterrupt


def _leave(code: int) -> NoReturn:
    """End the process at once.

    Where a worker was just being started, threads of Ray 2.60 outlive ``ray.shutdown()`` and crash while the
    interpreter takes itself apart: after Ctrl-C the exit code was now and then that of a segmentation fault. By now
    everything is written and Ray's processes are gone.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
