"""Main effects of a random forest: against a forest asked at every point of the space, and against Optuna's own."""

import itertools

import numpy as np
import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from sklearn.ensemble import RandomForestRegressor

from analysis.functional_anova import N_TREES, explain_variance


def draw(n: int, n_levels: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Levels, and a score with an interaction."""
    rng = np.random.default_rng(seed)
    levels = np.stack([rng.integers(0, number, n) for number in n_levels], axis=1)
    return levels, levels[:, 0] * levels[:, 1] + rng.normal(size=n)


def test_a_box_of_levels_is_what_the_forest_says_at_every_point_of_it() -> None:
    n_levels = [3, 4, 7]
    levels, values = draw(60, n_levels)
    forest = RandomForestRegressor(n_estimators=N_TREES, random_state=3).fit(levels, values)
    space = np.array(list(itertools.product(*map(range, n_levels))))
    expected = []
    for tree in forest.estimators_:
        scores = tree.predict(space).reshape(n_levels)
        marginals = [scores.mean(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
        expected.append([marginal.var() / scores.var() for marginal in marginals])
    found = explain_variance(levels, np.array(n_levels), values, seed=3)
    assert found == pytest.approx(np.mean(expected, axis=0), rel=1e-9)
    assert 0 < found.sum() < 1  # the rest is the interaction


def test_optuna_finds_the_same_shares_of_whole_numbers() -> None:
    n_levels = [2, 2, 2, 2]  # of more, Optuna cuts a level in two where a node has not seen it
    levels, values = draw(60, n_levels)
    study = optuna.create_study()
    ranges = {f"x{place}": IntDistribution(0, number - 1) for place, number in enumerate(n_levels)}
    for row, value in zip(levels.tolist(), values.tolist(), strict=True):
        params = {f"x{place}": level for place, level in enumerate(row)}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=ranges, value=value))
    theirs = get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=N_TREES, seed=0))
    ours = explain_variance(levels, np.array(n_levels), values, seed=0)
    assert (ours / ours.sum()).tolist() == pytest.approx([theirs[f"x{place}"] for place in range(4)])


def test_a_flat_score_explains_nothing() -> None:
    levels, _ = draw(20, [3, 4, 7])
    assert explain_variance(levels, np.array([3, 4, 7]), np.full(20, 0.5), seed=0).tolist() == [0, 0, 0]
