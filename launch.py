"""AblaTune's command line: from a question to a report.

    python launch.py --space lightmmoe

The main path reads from top to bottom: arguments -> StudySpec -> run_study -> write_report.
"""

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

from cluster.flags import make_parser, split_names
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
    flags = vars(make_parser().parse_args(arguments))
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

    as_json, interactive = settings.pop("json", False), settings.pop("interactive", False)
    if interactive:
        from analysis.interactive_page import load_script

        load_script()  # what is missing is told before hours of work, not after them
    resources = Resources(**_take(settings, [field.name for field in dataclasses.fields(Resources)]))
    report = BackgroundReport(interactive=interactive)

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

    def __init__(self, *, interactive: bool) -> None:
        self._folder: Path | None = None
        self._interactive = interactive
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
            self._future = executor.submit(_write_report, self._folder, interactive=self._interactive)
            executor.shutdown(wait=False)

    def close(self) -> None:
        """Do nothing: whoever wants the report waits for it."""

    def wait(self, folder: Path) -> Any:
        """Return the report; one of a study that had nothing left to do is written now."""
        if self._future is not None:
            return self._future.result()
        return _write_report(folder, interactive=self._interactive)


def _write_report(folder: Path | None, *, interactive: bool) -> Any:
    from analysis.report import write_report

    assert folder is not None
    return write_report(folder, interactive=interactive)


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
            settings[name] = split_names(settings[name])
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
