"""The figures of a report, drawn from a summary and the details behind it."""

from analysis.ablation.figures import draw_ablation
from analysis.details import Details
from analysis.drawing import Picture, house_style
from analysis.forecast_figures import draw_forecasts
from analysis.importance_figures import draw_importance
from analysis.learned_figures import draw_learning
from analysis.pareto_figures import draw_fronts
from analysis.row_figures import draw_comparison
from analysis.search_figures import draw_search
from analysis.summary import Summary


def draw_figures(summary: Summary, details: Details | None) -> dict[str, tuple[Picture, ...]]:
    """Draw every figure for which the study has data, by the section of the report that shows it."""
    with house_style():
        sections: dict[str, list[Picture]] = {"comparison": [], "forecast": [], "learned": []}
        sections |= {"importance": [], "pareto": []}
        if summary.comparison is not None:
            sections["comparison"] = draw_comparison(summary, summary.comparison)
            if details is not None:
                forecast = (details.forecasts, details.profile, details.ratios)
                sections["forecast"] = draw_forecasts(summary.comparison, *forecast)
                sections["learned"] = draw_learning(details.learning)
                sections["pareto"] = draw_fronts(details.fronts)
                if details.importance is not None:
                    objective = summary.provenance.objective
                    sections["importance"] = draw_importance(details.importance, details.slices, objective)
        sections["ablation"] = draw_ablation(summary.ablation) if summary.ablation is not None else []
        sections["search"] = draw_search(summary)
        return {name: tuple(pictures) for name, pictures in sections.items()}
