"""What figures and tables show beyond the summary: curves and lines, too much for ``summary.json``."""

from dataclasses import dataclass

from analysis.contenders import Comparison
from analysis.forecast_scores import MetricRatios, StepProfile, profile_steps, relate_to_last_value
from analysis.forecasts import Forecasts, read_forecasts
from analysis.learned import Learning, follow_learning
from analysis.records import Records


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """The data behind the figures of single rows."""

    forecasts: Forecasts | None
    profile: StepProfile | None
    """Errors by step of the horizon."""
    ratios: tuple[MetricRatios, ...]
    learning: Learning


def look_closely(records: Records, comparison: Comparison | None) -> Details | None:
    """Read and compute what the figures of single rows need; ``None`` where nothing ran to full fidelity.

    Raises:
        ValueError: If a prediction file cannot be read.
    """
    if comparison is None:
        return None
    return Details(
        forecasts=read_forecasts(records, comparison),
        profile=profile_steps(records, comparison),
        ratios=relate_to_last_value(records, comparison),
        learning=follow_learning(records, comparison),
    )
