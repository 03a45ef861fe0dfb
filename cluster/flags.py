"""The flags of ``launch.py``, each with a help that says its default. Nothing heavy is imported to tell them."""

import argparse
from typing import NoReturn


def make_parser() -> argparse.ArgumentParser:
    """Make the parser; it sets what was given and nothing else."""
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
    what.add_argument("--series", type=split_names, help="series of the data set, as machine-1-6,machine-2-1 (all)")
    what.add_argument("--label-column", help="for csv and parquet: the 0/1 column of anomalies (label)")
    what.add_argument("--timestamp", help="for csv and parquet: a column that is a time and no feature (none)")
    what.add_argument("--target", type=split_names, help="forecasters: columns to forecast (the data set's own choice)")
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
    other.add_argument(
        "--interactive", action="store_true", help="write report/interactive.html too; needs the extra of that name"
    )
    other.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")
    return parser


def _add_ablation(parser: argparse.ArgumentParser) -> None:
    ablate = parser.add_argument_group("which parts earn their place")
    ablate.add_argument(
        "--ablate",
        type=split_names,
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
        "--factorial",
        type=split_names,
        metavar="FACTOR,FACTOR,...",
        help="also combine the levels of these in every way",
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


def split_names(text: str) -> tuple[str, ...]:
    """Read names with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other wrong input."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see python launch.py --help")
