"""The figures of a report, drawn from a summary."""

from analysis.drawing import Picture, house_style
from analysis.row_figures import draw_comparison
from analysis.search_figures import draw_search
from analysis.summary import Summary


def draw_figures(summary: Summary) -> tuple[Picture, ...]:
    """Draw every figure for which the study has data."""
    with house_style():
        rows = [] if summary.comparison is None else draw_comparison(summary, summary.comparison)
        return (*rows, *draw_search(summary))
