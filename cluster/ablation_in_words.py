"""An ablation in words, before it runs: what is compared with what, and how many runs that takes."""

from cluster.ablation import Ablation
from cluster.plan import count_runs
from cluster.study import StudySpec


def describe_ablation(ablation: Ablation, spec: StudySpec) -> list[str]:
    """Describe base, arms, blocks and what will count as a difference."""
    runs, searched = count_runs(ablation.plan, spec.seeds)
    region = ablation.region
    size = f"{region.value:.3g} of its score" if region.relative else f"{region.value:.3g}"
    lines = [
        f"base        {ablation.base.label}; {ablation.n_params['base']:,} weights over all series",
        f"blocks      {spec.seeds} seeds on every series, the same for all arms; {runs} runs"
        + (f" after {searched} trials of searches" if searched else ""),
        f"region      differences within {size} of the base do not matter",
        f"looks       {spec.looks}: the result may be looked at so often, each time with more seeds",
    ]
    for factor in ablation.factors:
        levels = [
            f"{arm.level}{_ratio(ablation.n_params[arm.name] / ablation.n_params['base'])}"
            for arm in ablation.arms
            if arm.factor == factor.name
        ]
        own = ablation.around.name_of_base(factor)
        lines.append(
            f"arms        {factor.name} ({factor.kind}): {own}*, {', '.join(levels) or 'in the factorial alone'}"
        )
    if ablation.cells:
        lines.append(f"factorial   {' x '.join(ablation.factorial)}: {len(ablation.cells)} combinations")
    if ablation.plan.path:
        lines.append(f"path        from the published configuration: {', '.join(ablation.plan.path)}")
    return lines


def _ratio(ratio: float) -> str:
    return "" if abs(ratio - 1) < 0.005 else f" [{ratio:.2f} x weights]"
