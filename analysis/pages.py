"""A report's page and its Markdown, from the templates. Everything that a user may have typed is escaped."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis import formatting
from analysis.ablation.page import describe_ablation, describe_runs, list_sections
from analysis.contenders import Comparison, Contender
from analysis.details import Details
from analysis.drawing import COLOURS, Picture
from analysis.importance_figures import MEASURES
from analysis.importance_in_words import READING, describe_importance, describe_standing
from analysis.metric_catalogue import METRICS, RANDOM, label_baseline, label_metric
from analysis.next_runs import NextRun
from analysis.origin import Provenance
from analysis.pareto import COSTS
from analysis.records import Trial
from analysis.sampled_test_part import describe_sampling
from analysis.statements import Threat, Verdict
from analysis.summary import Summary

MOST_RANKED_SERIES = 4
"""Series with columns of their own in the check of the objective."""
MOST_TRIALS = 200
"""Rows of the trial table on the page; the CSV file has all."""

_TEMPLATES = Path(__file__).parent / "templates"

READERS = """\
pandas.read_parquet("trials").sort_values("event_seq").drop_duplicates("trial_id", keep="last")
duckdb.sql("FROM 'trials/*.parquet' QUALIFY event_seq = max(event_seq) OVER (PARTITION BY trial_id)")
polars.read_parquet("trials/*.parquet").sort("event_seq").unique("trial_id", keep="last", maintain_order=True)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a report shows."""

    summary: Summary
    details: Details | None
    verdict: Verdict
    threats: tuple[Threat, ...]
    figures: Mapping[str, tuple[Picture, ...]]
    """By the section that shows them."""
    trials: tuple[Trial, ...]
    next_runs: tuple[NextRun, ...]

    @property
    def pictures(self) -> dict[str, Picture]:
        """Every figure by its name."""
        return {picture.name: picture for section in self.figures.values() for picture in section}


def render_page(content: Content) -> str:
    """Render the self-contained page."""
    environment = Environment(**_SETTINGS, autoescape=True)
    return environment.get_template("report.html.j2").render(
        **_make_context(content),
        css=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        themes={
            theme: "".join(f"--fig-{name}: {getattr(colour, theme)}; " for name, colour in COLOURS.items()).rstrip()
            for theme in ("light", "dark")
        },
        trials=choose_trials(content.trials, content.summary.provenance.direction == "maximize"),
        n_trials=len(content.trials),
        readers=READERS,
    )


def render_markdown(content: Content) -> str:
    """Render the short form, fit for a comment on a pull request."""
    # Jinja2 escapes for HTML alone; here every expression passes through our own escape on its way out.
    environment = Environment(**_SETTINGS, autoescape=False, finalize=_escape_unless_safe)
    text = environment.get_template("report.md.j2").render(
        **_make_context(content),
        fenced=_fence,
        interval=formatting.format_interval,
        difference=formatting.format_difference,
    )
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def escape_markdown(text: str) -> str:
    """Take from a text what Markdown, tables included, would read as markup."""
    text = " ".join(text.split())
    text = re.sub(r"([\\`*|~])", r"\\\1", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)|\](?=[(\[:])", r"\\\g<0>", text)
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;")


def choose_trials(trials: Sequence[Trial], maximize: bool, most: int = MOST_TRIALS) -> list[Trial]:
    """List the search's trials, the best first, then all others; of too many, the worst of the search are left out."""
    searched = [trial for trial in trials if trial.stage == "search"]
    others = [trial for trial in trials if trial.stage != "search"][:most]
    ranks = {"COMPLETED": 0, "STOPPED": 1, "RUNNING": 2}

    def rank(trial: Trial) -> tuple[int, int, float]:
        value = 0.0 if trial.objective is None else trial.objective
        return ranks.get(trial.status, 3), -trial.epochs_run, -value if maximize else value

    return [*sorted(searched, key=rank)[: most - len(others)], *others]


_SETTINGS: dict[str, Any] = {
    "loader": FileSystemLoader(_TEMPLATES),
    "undefined": StrictUndefined,
    "trim_blocks": True,
    "lstrip_blocks": True,
    "keep_trailing_newline": True,
}


def _escape_unless_safe(value: object) -> object:
    return value if isinstance(value, Markup) else escape_markdown(str(value))


def _fence(text: str) -> Markup:
    """Fence a command so that no backtick in it ends the fence."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}sh\n{text}\n{fence}")


def _describe_standing(row: Contender) -> str:
    if row.is_best:
        return "best"
    return {
        "undecided": "tied with the best",
        "better": "beats the best",
        "worse": "worse",
        "unjudged": "cannot be judged",
    }[row.judgement]


def _make_context(content: Content) -> dict[str, Any]:
    summary, comparison = content.summary, content.summary.comparison
    shown = comparison.shown if comparison is not None and comparison.yardstick.on_test else ()
    return {
        "summary": summary,
        "origin": summary.provenance,
        "comparison": comparison,
        "verdict": content.verdict,
        "threats": content.threats,
        "profile": None if content.details is None else content.details.profile,
        "sampling": None if content.details is None else content.details.test_sampling,
        "figures": content.figures,
        "next_runs": content.next_runs,
        **_describe_exploration(content.details),
        "pictures": content.pictures,
        "sections": _list_sections(content),
        "tiles": _choose_tiles(comparison, "best" if summary.ablation is None else "base"),
        "other_metrics": [name for name in shown if comparison and name != comparison.yardstick.name],
        "full_metrics": [name for name in shown if comparison and any(name in row.full for row in comparison.rows)],
        "per_series": _list_series(comparison),
        "definitions": [METRICS[name] for name in shown if name in METRICS],
        "searched": [row.name for row in summary.parameters if row.searched not in ("not searched", "fixed by --set")],
        "ranked_series": _list_ranked_series(summary),
        "statuses": sorted({status for counts in summary.trials.values() for status in counts}),
        "failures": _count_failures(summary),
        **_describe_origin(summary.provenance),
        "search_line": describe_search(summary) if summary.ablation is None else describe_runs(summary.ablation),
        "trial_line": _count_trials,
        **_WRITERS,
        **describe_ablation(summary.ablation),
    }


_WRITERS: dict[str, Any] = {
    "score": formatting.format_score,
    "signed": formatting.format_signed,
    "correlation": formatting.format_correlation,
    "whole": formatting.format_count,
    "seconds": formatting.format_seconds,
    "quantity": formatting.format_quantity,
    "value": formatting.format_value,
    "count": formatting.count,
    "join": formatting.join_names,
    "label": label_metric,
    "standing": _describe_standing,
    "describe_sampling": describe_sampling,
    "influence": describe_standing,
    "share": formatting.format_share,
    "minutes": formatting.format_minutes,
}


def _describe_exploration(details: Details | None) -> dict[str, Any]:
    """Describe what the search says of hyperparameters and of cost."""
    importance = None if details is None else details.importance
    return {
        "importance": importance,
        "importance_lines": [] if importance is None else describe_importance(importance),
        "importance_reading": READING,
        "measures": MEASURES,
        "fronts": () if details is None else details.fronts,
        "costs": COSTS,
    }


def _count_failures(summary: Summary) -> int:
    return sum(counts.get(status, 0) for counts in summary.trials.values() for status in ("FAILED", "LOST"))


def _list_sections(content: Content) -> list[tuple[str, str]]:
    summary, comparison = content.summary, content.summary.comparison
    result = [("best", "Best configurations"), ("configuration", "The best one")]
    if summary.ablation is not None:
        result = [*list_sections(summary.ablation), ("best", "The base"), ("configuration", "Its configuration")]
    if _list_series(comparison):
        result.append(("series", "Series by series"))
    if content.figures["forecast"]:
        result.append(("forecast", "What was forecast"))
    if content.figures["learned"]:
        result.append(("learned", "What the model learned"))
    details = content.details
    if details is not None and details.fronts:
        result.append(("pareto", "Score against cost"))
    return [
        ("verdict", "Verdict"),
        ("origin", "Where this comes from"),
        *(result if comparison is not None else ()),
        ("search", "How the search went" if summary.ablation is None else "How the runs went"),
        *([("importance", "Which hyperparameters mattered")] if details and details.importance else ()),
        *([("check", "Does the objective rank?")] if summary.check is not None else ()),
        *([("threats", "What to hold against it")] if comparison is not None else ()),
        *([("next", "What to run next")] if content.next_runs else ()),
        ("appendix", "Appendix"),
    ]


def _choose_tiles(comparison: Comparison | None, winner: str) -> list[tuple[str, Contender]]:
    """Choose the rows that stand large in the verdict."""
    if comparison is None:
        return []
    tiles = [(f"{winner}: {comparison.best.label}", comparison.best)]
    if comparison.published is not None and not comparison.best.is_published:
        tiles.append(("published", comparison.published))
    if comparison.variant is not None and not comparison.best.is_variant:
        tiles.append((comparison.variant.label, comparison.variant))
    baselines = comparison.baselines[:1]
    baselines += tuple(row for row in comparison.baselines[1:] if row.label == label_baseline(RANDOM))
    tiles += [(f"{row.label}, untrained", row) for row in baselines]
    return [(title, row) for title, row in tiles if row.score is not None]


def _list_series(comparison: Comparison | None) -> list[str]:
    """List the series that have a score on the test part."""
    if comparison is None or not comparison.yardstick.on_test:
        return []
    name, rows = comparison.yardstick.name, comparison.rows
    return [series for series in comparison.best.by_series if any(name in row.by_series[series] for row in rows)]


def _list_ranked_series(summary: Summary) -> list[str]:
    """List the series whose own rank correlations stand on the page: several, and no more than a table is wide."""
    rankings = summary.check.rankings if summary.check is not None else ()
    series = list(rankings[0].by_series) if rankings else []
    return series if 1 < len(series) <= MOST_RANKED_SERIES else []


def _describe_origin(origin: Provenance) -> dict[str, str | None]:
    hardware = [str(value) for name, value in origin.hardware.items() if value is not None and name != "cpus"]
    if origin.hardware.get("cpus"):
        hardware.append(formatting.count(origin.hardware["cpus"], "core"))
    changes = {None: "", True: ", with uncommitted changes", False: ", clean"}[origin.git_dirty]
    search = [
        None if origin.budget is None else formatting.count(origin.budget, "trial"),
        origin.sampler,
        origin.scheduler,
        None if origin.max_epochs is None else f"at most {formatting.count(origin.max_epochs, 'epoch')}",
    ]
    created = origin.created_at and re.sub(
        r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*(\+00:00|Z)$", r"\1 \2 UTC", origin.created_at
    )
    return {
        "created_line": created,
        "machine_line": ", ".join(hardware) or None,
        "commit_line": None if origin.git_commit is None else origin.git_commit + changes,
        "version_line": ", ".join(f"{name} {version}" for name, version in origin.versions.items()) or None,
        "sampler_line": ", ".join(part for part in search if part) or None,
    }


def describe_search(summary: Summary) -> str:
    """Say in words how many trials ended how, and what early stopping saved."""
    search, counts = summary.search, summary.trials.get("search", {})
    if not search.n_trials:
        return "No trial has begun."
    failed = counts.get("FAILED", 0) + counts.get("LOST", 0)
    parts = [
        f"{search.n_completed:,} reached full fidelity",
        f"{counts.get('STOPPED', 0):,} stopped early" if counts.get("STOPPED") else "",
        f"{failed:,} failed" if failed else "",
        f"{counts.get('RUNNING', 0):,} not over" if counts.get("RUNNING") else "",
    ]
    text = f"{formatting.count(search.n_trials, 'trial')}: {', '.join(part for part in parts if part)}."
    if search.thrift.saved_share > 0:
        text += (
            f" Early stopping ran {search.thrift.epochs_run:,} of {search.thrift.epochs_without:,} epochs and saved "
            f"{formatting.format_share(search.thrift.saved_share)}."
        )
    if search.exhausted:
        text += " The space held no further configuration."
    return text


def _count_trials(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {status.lower()}" for status, number in counts.items())
