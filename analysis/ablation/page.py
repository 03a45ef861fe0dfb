"""What the templates of an ablation's report need besides its result."""

from typing import Any

from analysis.ablation.result import Ablation
from analysis.ablation.side_statements import format_points
from analysis.ablation.wording import format_p
from analysis.contenders import Contender
from analysis.formatting import count

MOST_SERIES = 8
"""With columns of their own; the CSV file has all."""


def describe_ablation(ablation: Ablation | None) -> dict[str, Any]:
    """Make the templates' variables; of an ablation that there is not, only that."""
    if ablation is None:
        return {"ablation": None}
    return {
        "ablation": ablation,
        "expected_arms": [arm for arm in ablation.arms if arm.expectation is not None],
        "retuned_arms": [arm for arm in ablation.arms if arm.retuned is not None],
        "over_series": any(arm.over_series is not None for arm in ablation.arms),
        "most_series": MOST_SERIES,
        "points": format_points,
        "standing": _describe_standing,
        "p_value": lambda p: "-" if p is None else format_p(p),
    }


def _describe_standing(row: Contender) -> str:
    if row.is_best:
        return "base"
    words = {"undecided": "tied with the base", "better": "beats the base", "worse": "worse"}
    return words.get(row.judgement, "cannot be judged")


def list_sections(ablation: Ablation) -> list[tuple[str, str]]:
    """List the sections that the study has data for."""
    return [
        ("parts", "Which parts earn their place"),
        *([("interactions", "Do the parts add up?")] if ablation.interactions else []),
        *([("path", "From published to base")] if ablation.path else []),
    ]


def describe_runs(ablation: Ablation) -> str:
    """Say in words what ran."""
    distinct = len({arm.config_hash for arm in ablation.arms})
    text = f"The base and {count(distinct, 'other configuration')} under {count(ablation.base.n_seeds, 'seed')} each"
    if distinct < len(ablation.arms):
        text += f" ({len(ablation.arms)} arms; those that share a configuration share its runs)"
    if ablation.retuning is not None:
        text += f"; {count(ablation.retuning.searches, 'search', 'searches')} of {ablation.retuning.trials} trials "
        "for each"
        text += " re-tuned arm"
    return f"{text}."
