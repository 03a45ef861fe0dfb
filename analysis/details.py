"""What a report shows beyond the summary: curves and lines, and what takes seconds to compute."""

from dataclasses import dataclass

from analysis.contenders import Comparison
from analysis.forecast_scores import MetricRatios, StepProfile, profile_steps, relate_to_last_value
from analysis.forecasts import Forecasts, read_forecasts
from analysis.importance import Importance, assess_importance
from analysis.learned import Learning, follow_learning
from analysis.pareto import Front, find_fronts
from analysis.records import Records
from analysis.sampled_test_part import SampledPart, sample_test_part
from analysis.slices import Slice, cut_slices


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """The data behind figures and tables."""

    forecasts: Forecasts | None
    profile: StepProfile | None
    """Errors by step of the horizon."""
    ratios: tuple[MetricRatios, ...]
    learning: Learning
    importance: Importance | None
    """``None`` where there was no search."""
    slices: tuple[Slice, ...]
    fronts: tuple[Front, ...]
    test_sampling: SampledPart | None
    """``None`` where no predictions are stored that the yardstick follows from."""


def look_closely(records: Records, comparison: Comparison | None) -> Details | None:
    """Read and compute what figures and tables need; ``None`` where nothing ran to full fidelity.

    Raises:
        ValueError: If a prediction file cannot be read.
    """
    if comparison is None:
        return None
    is_ablation = bool(records.study.get("ablation"))  # its searches, if any, have each their own question
    importance = None if is_ablation else assess_importance(records)
    return Details(
        forecasts=read_forecasts(records, comparison),
        profile=profile_steps(records, comparison),
        ratios=relate_to_last_value(records, comparison),
        learning=follow_learning(records, comparison),
        importance=importance,
        slices=() if importance is None else cut_slices(records, importance),
        fronts=() if is_ablation else find_fronts(records, comparison),
        test_sampling=sample_test_part(records, comparison),
    )
