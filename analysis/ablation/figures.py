"""The figures of an ablation."""

from analysis.ablation.forest_figure import draw_forest
from analysis.ablation.joint_figures import draw_joint
from analysis.ablation.level_figure import draw_levels
from analysis.ablation.result import Ablation
from analysis.drawing import Picture


def draw_ablation(ablation: Ablation) -> list[Picture]:
    """Draw what the study has data for; call it within the house style."""
    return [*draw_forest(ablation), *draw_levels(ablation), *draw_joint(ablation)]
