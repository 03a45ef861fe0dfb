"""What the figures show of training: means over series and seeds, groups by name, the epochs that were kept."""

from typing import Any

import pytest

from analysis.contenders import compare
from analysis.learned import Learning, follow_learning, group_names
from analysis.records import read_records


def follow(study: Any) -> Learning:
    records = read_records(study.write())
    comparison = compare(records)
    assert comparison is not None
    return follow_learning(records, comparison)


def test_names_that_belong_together_form_groups() -> None:
    names = ["alpha", "alpha_10", "alpha_2", "loss_weight_triplet", "loss_weight_forecast", "label_agreement", "beta"]
    assert [(name, list(members.items())) for name, members in group_names(names)] == [
        ("alpha", [("2", "alpha_2"), ("10", "alpha_10")]),
        ("beta", [("", "beta")]),
        ("label_agreement", [("", "label_agreement")]),
        ("loss_weight", [("forecast", "loss_weight_forecast"), ("triplet", "loss_weight_triplet")]),
    ]


def test_losses_are_means_and_the_kept_epochs_are_found(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [0.9, 0.8, 0.7])
    paths = [
        [{"a": 0.6, "b": 0.8}, {"a": 0.4, "b": 0.9}, {"a": 0.5, "b": 1.0}],
        [{"a": 0.7, "b": 0.9}, {"a": 0.6, "b": 0.6}, {"a": 0.5, "b": 0.5}],
    ]
    for block, path in enumerate(paths):
        study.confirm(configs["published"], block, {}, by_epoch=path)
    convergence = follow(study).convergence
    assert convergence is not None
    (course,) = convergence.validation
    assert [list(seed.values()) for seed in course.seeds] == [
        pytest.approx([0.7, 0.65, 0.75]),
        pytest.approx([0.8, 0.6, 0.5]),
    ]
    assert list(course.mean.values()) == pytest.approx([0.75, 0.625, 0.625])
    assert convergence.kept == {"published": ((2, 1), (3, 3))}
    assert convergence.training[0].mean == {1: 0.5, 2: 0.5, 3: 0.5}


def test_what_stopped_early_stands_in_the_mean_with_its_last_value(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [0.9, 0.8, 0.7])
    study.confirm(configs["published"], 0, {}, by_epoch=[0.8, 0.6])
    study.confirm(configs["published"], 1, {}, by_epoch=[0.8, 0.4, 0.2, 0.1])
    learning = follow(study)
    assert learning.convergence is not None
    (course,) = learning.convergence.validation
    assert list(course.seeds[0]) == [1, 2]
    assert list(course.mean.values()) == pytest.approx([0.8, 0.5, 0.4, 0.35])
    assert (learning.n_series, learning.n_seeds) == (2, 2)


def test_a_study_that_keeps_the_last_epoch_has_no_convergence(make_study: Any, configs: dict[str, Any]) -> None:
    study = make_study()
    study.search(configs["published"], [0.1, 0.2, 0.3])
    learning = follow(study)
    assert learning.convergence is None
    assert learning.groups == ()


def test_shares_are_known_by_their_sum(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [0.9, 0.8, 0.7])
    measures = [
        {"expert_usage_0": 0.5, "expert_usage_1": 0.5, "alpha_1": 0.5, "alpha_2": 0.6, "label_agreement": 0.1},
        {"expert_usage_0": 0.7, "expert_usage_1": 0.3, "alpha_1": 0.4, "alpha_2": 0.6, "label_agreement": 0.2},
        {"expert_usage_0": 0.9, "expert_usage_1": 0.1, "alpha_1": 0.3, "alpha_2": 0.6, "label_agreement": 0.4},
    ]
    study.confirm(configs["published"], 0, {"a": 0.5, "b": 0.5}, learned=measures)
    groups = {group.name: group for group in follow(study).groups}
    assert {name: (group.are_shares, group.is_numbered) for name, group in groups.items()} == {
        "alpha": (False, True),
        "expert_usage": (True, True),
        "label_agreement": (False, False),
    }
    assert groups["alpha"].measures[0].courses[0].mean == {1: 0.5, 2: 0.4, 3: 0.3}


def test_an_epoch_that_was_trained_twice_counts_as_the_later_one(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [0.9, 0.8, 0.7])
    trial = study.confirm(configs["published"], 0, {}, by_epoch=[0.8], verdict="running")
    study._report(trial, 1, {"a": 0.4, "b": 0.4}, kept={"a": 0.4, "b": 0.4}, measures={}, train_s=1.0, n_params=1)
    study.event("decided", trial=trial, epoch=1, verdict="complete")
    learning = follow(study)
    assert learning.convergence is not None
    assert learning.convergence.validation[0].mean == {1: 0.4}
