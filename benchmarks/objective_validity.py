"""Which objective ranks detectors: random configurations of LightMMoE on servers of SMD and ASD, two seeds.

    python benchmarks/objective_validity.py record FOLDER      # trains: four CPU-hours, resumable, needs ../shared/data
    python benchmarks/objective_validity.py tabulate FOLDER    # scores -> benchmarks/objective_runs.parquet
    python benchmarks/objective_validity.py report             # that table -> docs/objectives.md and its figure

Only the last step needs nothing but the repository. It replaces what lies between the markers of the document, so that
the numbers there are those of the table.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from objective_figure import draw_figure
from objective_report import make_tables
from objective_table import TABLE, tabulate
from recorded_runs import DATA, record

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "objectives.md"


def main() -> int:
    """Run one step and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("record", "tabulate", "report"))
    parser.add_argument("folder", nargs="?", type=Path, help="where the runs' scores lie")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each (2)")
    arguments = parser.parse_args()
    if arguments.step == "report":
        report()
        return 0
    if arguments.folder is None:
        print(f"`{arguments.step}` needs a folder for the runs' scores; give one", file=sys.stderr)
        return 2
    if not DATA.is_dir():
        print(f"{DATA} is not there; this step needs the series of SMD and ASD", file=sys.stderr)
        return 2
    if arguments.step == "record":
        record(arguments.folder, n_workers=arguments.workers)
    else:
        print(f"{len(tabulate(arguments.folder, n_workers=arguments.workers))} runs in {TABLE}")
    return 0


def report() -> None:
    """Write the tables and the figure of the document anew."""
    table = pd.read_parquet(TABLE)
    text = DOCUMENT.read_text()
    for name, content in make_tables(table).items():
        text = _fill(text, name, content)
    DOCUMENT.write_text(text)
    draw_figure(table, DOCUMENT.with_suffix(".svg"))


def _fill(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    if not rest:
        raise ValueError(f"{DOCUMENT} has no place for the table {name!r}; mark it by {begin.strip()} and {end}")
    return f"{before}{begin}{content}\n{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    sys.exit(main())
