"""Look at a study from the shell: ``python -m analysis report results/<name>``."""

import argparse
import contextlib
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from analysis.audit import audit_study
from analysis.best import find_best
from analysis.compaction import compact_study
from analysis.formatting import count
from analysis.records import read_records
from analysis.report import write_report
from analysis.study_diff import compare_studies
from analysis.tensorboard_export import export_tensorboard

EXIT_DONE, EXIT_FAILED, EXIT_WRONG_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130

_Options = argparse.Namespace
_STUDY = "the study's folder, such as results/smd-light"
_ANYWHERE = f"{_STUDY}, or its URI (s3://bucket/smd-light)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        options = _make_parser().parse_args(arguments)
        command: Callable[[_Options], int] = options.run
        return command(options)
    except ValueError as error:
        return _refuse(error, EXIT_WRONG_INPUT)
    except BrokenPipeError:  # as in "... | head": whoever was told has gone
        sys.stdout = None  # the interpreter would try to flush it once more
        return EXIT_FAILED
    except OSError as error:
        return _refuse(error, EXIT_FAILED)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _refuse(error: Exception, code: int) -> int:
    with contextlib.suppress(BrokenPipeError):
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _report(options: _Options) -> int:
    written = write_report(options.study, interactive=options.interactive)
    pages = [written.html, *([written.html.with_name("interactive.html")] if options.interactive else [])]
    _say([*written.verdict, "", *(f"report: {page}" for page in pages)])
    return EXIT_DONE


def _best(options: _Options) -> int:
    best = find_best(read_records(options.study))
    if options.json:
        _say([json.dumps(best.to_plain(), allow_nan=False)])
    elif best.is_found:
        _say(best.sentences())
    else:
        print(f"error: {best.headline}", file=sys.stderr)
    return EXIT_DONE if best.is_found else EXIT_FAILED


def _diff(options: _Options) -> int:
    _say(compare_studies(options.a, options.b).sentences())
    return EXIT_DONE


def _audit(options: _Options) -> int:
    audit = audit_study(options.study)
    _say(audit.sentences())
    return EXIT_FAILED if audit.mismatches else EXIT_DONE


def _compact(options: _Options) -> int:
    for merged in compact_study(_local(options.study)):
        before = len(merged.superseded) + 1
        what = f"{before} segments merged into one" if before > 1 else "nothing to merge"
        _say([f"{merged.folder}: {what}, {count(merged.n_rows, 'row')}"])
    return EXIT_DONE


def _tb_export(options: _Options) -> int:
    folder, n_files = export_tensorboard(options.study, None if options.to is None else _local(options.to))
    _say([f"{count(n_files, 'file')}; look at them with: tensorboard --logdir {shlex.quote(str(folder))}"])
    return EXIT_DONE


def _local(text: str) -> Path:
    if "://" in text:
        raise ValueError(f"{text} is a URI, but this command changes files of a local folder; give a path")
    return Path(text)


def _say(lines: Sequence[str]) -> None:
    print("\n".join(lines), flush=True)


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other wrong input."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see {self.prog} --help")


def _make_parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="python -m analysis",
        description="Look at a study that launch.py made. Reads its folder and nothing else: no training, no cluster.",
        epilog="Exit codes: 0 done; 1 failed (an audit: something disagrees; best: no result yet); 2 wrong input, told "
        "in one line; 130 interrupted.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[_Options], int], says: str, *, study: str | None = _ANYWHERE) -> _OneLineParser:
        description = f"{says[0].upper()}{says[1:]}."
        command: _OneLineParser = commands.add_parser(name, help=says.replace("%", "%%"), description=description)
        command.set_defaults(run=run)
        if study is not None:
            command.add_argument("study", metavar="STUDY", help=study)
        return command

    report = add("report", _report, "write the report anew, whatever state the study is in, and print its verdict")
    report.add_argument(
        "--interactive", action="store_true", help="write report/interactive.html too; needs the extra of that name"
    )
    best = add("best", _best, "print the winner, its scores with 95 % intervals, and the command that reproduces it")
    best.add_argument("--json", action="store_true", help="one JSON object with all digits instead")
    diff = add("diff", _diff, "compare two studies: what differs in the question, and the two winners", study=None)
    diff.add_argument("a", metavar="A", help=_ANYWHERE)
    diff.add_argument("b", metavar="B", help="the other one")
    add(
        "audit",
        _audit,
        "recompute every number of the report and of the Parquet files and fail where one disagrees with the event log",
    )
    add("compact", _compact, "merge the Parquet segments of a study that nobody works on into one each", study=_STUDY)
    export = add("tb-export", _tb_export, "write TensorBoard's files anew from the event log")
    export.add_argument("--to", metavar="DIR", help="folder to write them to (the study's own tensorboard/)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
