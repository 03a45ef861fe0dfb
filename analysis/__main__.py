"""Look at a study from the shell: ``python -m analysis report results/<name>``."""

import argparse
import sys
from collections.abc import Sequence

from analysis.report import write_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 2 where the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m analysis", description="Look at a study's folder.")
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="write the report anew, whatever state the study is in")
    report.add_argument("study", help="the study's folder")
    options = parser.parse_args(arguments)
    try:
        written = write_report(options.study)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join([*written.verdict, "", f"report: {written.html}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
