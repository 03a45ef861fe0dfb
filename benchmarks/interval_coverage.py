"""What the statistics of an ablation hold of what they promise: coverage, false verdicts, verdicts that are found.

    python benchmarks/interval_coverage.py [--studies 2000]    # minutes on one core; writes docs/statistics.md's tables

Simulated studies through the code that judges real ones (:mod:`analysis.ablation`). ``[A, S, K]`` = arms with the base
in place 0, series, seeds. Every arm shares the base and its blocks, as in a study.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from analysis.ablation.multiplicity import alpha_of_look
from analysis.ablation.paired import PairedEffect, paired_effect
from analysis.ablation.verdicts import judge_parts
from analysis.intervals import sampling_error

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Values]
"""Noise of mean zero."""

ALPHA = 0.05
N_ARMS = 7
LOOKS = (5, 8, 12)
"""Seeds at each look."""
DOCUMENT = Path(__file__).parent.parent / "docs" / "statistics.md"

SHAPES: dict[str, Draw] = {
    "normal": lambda generator, size: generator.normal(size=size),
    "skewed (exponential)": lambda generator, size: generator.exponential(size=size) - 1,
    "strongly skewed (lognormal)": lambda generator, size: generator.lognormal(size=size) - np.exp(0.5),
    "one run in ten collapses by 5 sd": lambda generator, size: (
        generator.normal(size=size) - 5 * (generator.random(size) < 0.1) + 0.5
    ),
}
SPREADS: dict[str, tuple[float, ...]] = {
    "1 series": (1,),
    "2 series, equal": (1, 1),
    "2 series, sd 1 and 3": (1, 3),
    "2 series, sd 1 and 6": (1, 6),
    "3 series, sd 1, 1, 4": (1, 1, 4),
    "5 series, equal": (1,) * 5,
    "5 series, one with sd 6": (1, 1, 1, 1, 6),
}


def measure_coverage(draw: Draw, n_seeds: int, n_studies: int, *, n_resamples: int = 999) -> dict[str, float | None]:
    """Return the share of 95 % intervals over one series that hold the true difference, which is zero."""
    generator = np.random.default_rng(20261122)
    held: dict[str, list[bool]] = {"t": [], "bootstrap-t": [], "percentile bootstrap": []}
    for _ in range(n_studies):
        values = draw(generator, (1, n_seeds))
        effect = paired_effect(values, np.zeros((1, 1)), n_resamples=n_resamples)
        assert effect is not None
        for name, interval in (("t", effect.interval), ("bootstrap-t", effect.bootstrap)):
            if interval is not None and interval.low is not None and interval.high is not None:
                held[name].append(interval.low <= 0 <= interval.high)
        if n_resamples:
            means = generator.choice(values[0], size=(n_resamples, n_seeds)).mean(axis=1)
            low, high = np.quantile(means, [0.025, 0.975])
            held["percentile bootstrap"].append(bool(low <= 0 <= high))
    return {name: float(np.mean(one)) if one else None for name, one in held.items()}


def measure_stratified(
    sds: Sequence[float], n_seeds: int, n_studies: int, *, series_sd: float = 2.0
) -> dict[tuple[int, str], float]:
    """Return how often a t test errs, by how many arms alpha is divided by, and by the rule for degrees of freedom.

    Args:
        sds: ``[S]``, of the differences in each series.
        n_seeds: In each series.
        n_studies: Simulated.
        series_sd: Of the differences' true means over the series; they add up to nothing.

    Returns:
        For one arm the share of errors at alpha; for seven that at alpha / 7, as Holm's first step tests, times seven.
    """
    generator = np.random.default_rng(20261123)
    errs = {(n_arms, rule): 0 for n_arms in (1, N_ARMS) for rule in ("Satterthwaite", "cautious", "fewest")}
    for _ in range(n_studies):
        centre = generator.normal(scale=series_sd, size=(len(sds), 1))
        values = centre - centre.mean() + generator.normal(size=(len(sds), n_seeds)) * np.array(sds)[:, None]
        error = sampling_error(list(values))
        rules = {"Satterthwaite": error.freedom, "cautious": error.cautious_freedom, "fewest": n_seeds - 1}
        for n_arms, rule in errs:
            critical = stdtrit(rules[rule], 1 - ALPHA / n_arms / 2)
            errs[n_arms, rule] += bool(abs(values.mean()) > critical * error.standard_error)
    return {(n_arms, rule): count / n_studies * n_arms for (n_arms, rule), count in errs.items()}


def draw_scores(
    generator: np.random.Generator,
    effects: Sequence[float],
    sds: Sequence[float],
    n_seeds: int,
    *,
    draw: Draw = SHAPES["normal"],
    series_sd: float = 3.0,
    seed_sd: float = 3.0,
) -> Values:
    """Draw scores ``[1 + A, S, K]`` of the base and of arms that differ from it by ``effects`` ``[A]``.

    Series differ, and seeds move all arms alike; both cancel within blocks. What is left has the sd of its series.
    """
    n_series = len(sds)
    shared = generator.normal(scale=series_sd, size=(n_series, 1)) + generator.normal(scale=seed_sd, size=(n_seeds,))
    noise = draw(generator, (1 + len(effects), n_series, n_seeds)) * np.array(sds)[:, None]
    scores: Values = shared + noise + np.array([0.0, *effects])[:, None, None]
    return scores


def compare_all(scores: Values) -> list[PairedEffect | None]:
    """Compare every arm of scores ``[1 + A, S, K]`` with the base."""
    return [paired_effect(arm, scores[0], n_resamples=0) for arm in scores[1:]]


def count_false_differences(sds: Sequence[float], n_studies: int, *, draw: Draw = SHAPES["normal"]) -> dict[str, int]:
    """Count null studies in which any arm is called ``helps`` or ``hurts``, by what was looked at.

    Args:
        sds: ``[S]``
        n_studies: Simulated, each of seven arms without effect.
        draw: The shape of the noise of every arm, the base's too.

    Returns:
        At the first look with all of alpha; at any of three with alpha divided; at any of three with all of it at each.
    """
    generator = np.random.default_rng(20261124)
    found = {"one look": 0, "three looks, alpha divided": 0, "three looks, alpha not divided": 0}
    divided = [alpha_of_look(look, len(LOOKS), ALPHA) for look in range(1, len(LOOKS) + 1)]
    plans = [[ALPHA], divided, [ALPHA] * len(LOOKS)]
    for _ in range(n_studies):
        scores = draw_scores(generator, [0.0] * N_ARMS, sds, LOOKS[-1], draw=draw)
        looks = [compare_all(scores[:, :, :n_seeds]) for n_seeds in LOOKS]
        for name, alphas in zip(found, plans, strict=True):
            found[name] += any(_errs(effects, alpha) for effects, alpha in zip(looks, alphas, strict=False))
    return found


def count_words(
    effects: Sequence[float], n_studies: int, *, n_seeds: int, region: float, sds: Sequence[float] = (0.7, 0.7)
) -> dict[str, int]:
    """Count studies with the given word for any of the arms, whose true differences are ``effects`` ``[A]``."""
    generator = np.random.default_rng(20261125)
    words: dict[str, int] = dict.fromkeys(("helps", "hurts", "equivalent", "inconclusive"), 0)
    for _ in range(n_studies):
        scores = draw_scores(generator, effects, sds, n_seeds)
        verdicts = judge_parts(compare_all(scores), region=region, alpha=ALPHA, higher_is_better=True)
        for word in {verdict.word for verdict in verdicts}:
            words[word] += 1
    return words


def tabulate(n_studies: int) -> dict[str, list[str]]:
    """Return the tables of the document, as lines of Markdown."""
    return {
        "coverage": _coverage_table(n_studies),
        "freedom": _freedom_table(5 * n_studies),
        "looks": _looks_table(n_studies),
        "words": _words_table(n_studies),
    }


def main() -> None:
    """Measure, print, and write the tables into the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    options = parser.parse_args()
    tables = tabulate(options.studies)
    text = DOCUMENT.read_text()
    for name, lines in tables.items():
        print("\n".join(lines), end="\n\n")
        before, _, rest = text.partition(f"<!-- {name} -->")
        _, _, after = rest.partition(f"<!-- end of {name} -->")
        text = f"{before}<!-- {name} -->\n" + "\n".join(lines) + f"\n<!-- end of {name} -->{after}"
    DOCUMENT.write_text(text)


def _coverage_table(n_studies: int) -> list[str]:
    lines = ["| differences | seeds | t | bootstrap-t | percentile bootstrap |", "| --- | --- | --- | --- | --- |"]
    for shape, draw in SHAPES.items():
        for n_seeds in (3, 5, 10, 20):
            shares = measure_coverage(draw, n_seeds, n_studies)
            cells = ["none" if share is None else f"{share:.1%}" for share in shares.values()]
            lines.append(f"| {shape} | {n_seeds} | {' | '.join(cells)} |")
    return lines


def _freedom_table(n_studies: int) -> list[str]:
    lines = [
        "| differences | seeds | Satterthwaite | **cautious** | fewest | Satterthwaite, 7 arms | **cautious, 7 arms** "
        "| fewest, 7 arms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for label, sds in SPREADS.items():
        for n_seeds in (3, 5, 10):
            cells = [f"{share:.1%}" for share in measure_stratified(sds, n_seeds, n_studies).values()]
            lines.append(f"| {label} | {n_seeds} | {' | '.join(cells)} |")
    return lines


def _looks_table(n_studies: int) -> list[str]:
    cases = [(f"normal, {label}", sds, SHAPES["normal"]) for label, sds in SPREADS.items()]
    cases += [(f"{shape}, 2 series, equal", (1, 1), draw) for shape, draw in list(SHAPES.items())[1:]]
    rows = {label: count_false_differences(sds, n_studies, draw=draw) for label, sds, draw in cases}
    lines = [f"| scores | {' | '.join(rows[cases[0][0]])} |", "| --- | --- | --- | --- |"]
    for label, counts in rows.items():
        lines.append(f"| {label} | {' | '.join(f'{count / n_studies:.1%}' for count in counts.values())} |")
    return lines


def _words_table(n_studies: int) -> list[str]:
    lines = [
        "| true difference | seeds | helps or hurts | equivalent | inconclusive |",
        "| --- | --- | --- | --- | --- |",
    ]
    for effect in (0.0, 0.5, 1.0, 2.0, 9.0):
        for n_seeds in (5, 10, 20):
            words = count_words([-effect], n_studies, n_seeds=n_seeds, region=1.0)
            shares = (words["helps"] + words["hurts"], words["equivalent"], words["inconclusive"])
            lines.append(f"| {effect:g} | {n_seeds} | {' | '.join(f'{share / n_studies:.1%}' for share in shares)} |")
    return lines


def _errs(effects: Sequence[PairedEffect | None], alpha: float) -> bool:
    # A region too small for any equivalence, which would hide a false difference.
    verdicts = judge_parts(effects, region=1e-9, alpha=alpha, higher_is_better=True)
    return any(verdict.word in ("helps", "hurts") for verdict in verdicts)


if __name__ == "__main__":
    main()
