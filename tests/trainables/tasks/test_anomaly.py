import dataclasses

import numpy as np
import pytest
import torch

from tests.conftest import TINY, make_series
from trainables.data.series import AnomalySeries
from trainables.data.windows import CONTEXT
from trainables.metrics import METRIC_NAMES, anomaly_metrics, best_event_f1
from trainables.models.lightmmoe import LightMMoE, LightMMoEConfig
from trainables.tasks.anomaly import AnomalyTask, PreparedSeries
from trainables.tasks.base import StudyData
from trainables.tasks.clipping import CLIPS
from trainables.tasks.detectors import ForecastDetector, RandomScores, SumOfSquares
from trainables.tasks.objectives import DEFAULT_OBJECTIVE, DEFAULT_OBJECTIVE_WITHOUT_LABELS, OBJECTIVES

CPU = torch.device("cpu")
TASK = AnomalyTask()


def _prepare(*series: AnomalySeries, objective: str | None = None, **options: str) -> StudyData:
    found = series or (make_series(n_steps=2000),)
    return TASK.prepare(found, objective=objective, labelled_by=options.get("labelled_by", "time"), seed=0)


def _detector(data: StudyData, **changes: object) -> tuple[ForecastDetector, LightMMoEConfig, PreparedSeries]:
    config = LightMMoEConfig.from_dict({**TINY, **changes})
    series = next(iter(data.series.values()))
    model = LightMMoE(config, TASK.sizes(series, config), torch.Generator().manual_seed(0))
    return TASK.predictor(model, config, series), config, series


def test_scaled_once_by_the_fitted_part() -> None:
    raw = make_series(n_steps=1000)
    series = _prepare(raw).series["tiny"]
    assert series.n_fit == 800
    assert np.allclose(series.train[:800].mean(axis=0), 0, atol=1e-5)
    assert np.allclose(series.train[:800].std(axis=0), 1, atol=1e-4)
    assert np.allclose(series.test * series.scaler.sd + series.scaler.mean, raw.test, atol=1e-4)


def test_every_window_length_has_the_same_targets() -> None:
    data = _prepare()
    targets = set()
    for window in (8, 64):
        _, config, series = _detector(data, window=window)
        targets.add(TASK.examples(series, config, CPU).targets)
    assert targets == {range(CONTEXT, 1600)}
    scores = [_detector(data, window=window)[0].score(torch.from_numpy(series.test)) for window in (8, 64)]
    assert [len(one) for one in scores] == [len(series.test) - CONTEXT] * 2


def test_scaling_twice_repeats_the_published_mistake_on_train_alone() -> None:
    raw = make_series(n_steps=1000)
    data = _prepare(raw)
    _, config, series = _detector(data, scaling="twice", clip=None)
    windows = TASK.examples(series, config, CPU).windows
    once = (raw.train - series.scaler.mean) / series.scaler.sd
    assert np.allclose(windows.values.numpy(), (once - series.scaler.mean) / series.scaler.sd, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_a_finite_number(name: str) -> None:
    data = _prepare(objective=name)
    detector, config, series = _detector(data)
    values = TASK.validate(detector, series, config=config, names={name}, device=CPU)
    assert list(values) == [name]
    assert np.isfinite(values[name])


def test_all_objectives_at_once_equal_each_alone() -> None:
    data = _prepare()
    detector, config, series = _detector(data)
    together = TASK.validate(detector, series, config=config, names=OBJECTIVES, device=CPU)
    assert together.keys() == OBJECTIVES.keys()
    for name in OBJECTIVES:
        assert TASK.validate(detector, series, config=config, names={name}, device=CPU) == {name: together[name]}


def test_the_labelled_objective_never_sees_the_untouched_part() -> None:
    raw = make_series(n_steps=2000)
    labels = raw.labels.copy()
    data = _prepare(raw)
    detector, config, series = _detector(data)
    before = TASK.validate(detector, series, config=config, names=OBJECTIVES, device=CPU)
    cut = series.part.untouched.start
    labels[cut + 2 :] = ~labels[cut + 2 :]
    test = raw.test.copy()
    test[cut + 2 :] += 100
    changed = AnomalySeries(name="tiny", train=raw.train, test=test, labels=labels, features=raw.features)
    series = TASK.prepare([changed], objective=None, labelled_by="time", seed=0).series["tiny"]
    assert series.part.untouched.start == cut
    assert TASK.validate(detector, series, config=config, names=OBJECTIVES, device=CPU) == before


def test_test_metrics_are_those_of_the_untouched_steps() -> None:
    data = _prepare()
    detector, config, series = _detector(data)
    outcome = TASK.test(detector, series, config=config, full=True, device=CPU)
    start = series.part.untouched.start
    scores = detector.score(torch.from_numpy(series.test))
    expected = anomaly_metrics(scores[start - CONTEXT :], series.labels[start:])
    for name in METRIC_NAMES:
        assert outcome.metrics[f"test_{name}"] == pytest.approx(expected[name], nan_ok=True)
    whole = anomaly_metrics(scores, series.labels[CONTEXT:])
    assert outcome.metrics["full_event_f1_pa_log"] == whole["event_f1_pa_log"]
    assert len(outcome.predictions["score"].to_numpy()) == len(series.test) - CONTEXT


def test_the_threshold_is_fixed_on_the_labelled_part() -> None:
    data = _prepare()
    detector, config, series = _detector(data)
    outcome = TASK.test(detector, series, config=config, full=False, device=CPU)
    stop = series.part.tuning.stop
    scores = detector.score(torch.from_numpy(series.test))[: stop - CONTEXT]
    assert outcome.predictions["threshold"][0].as_py() == best_event_f1(scores, series.labels[CONTEXT:stop])[1]
    assert outcome.threshold_source == "labelled_part"


def test_without_a_labelled_part_the_threshold_is_a_validation_quantile() -> None:
    data = _prepare(objective="log_gap")
    detector, config, series = _detector(data)
    outcome = TASK.test(detector, series, config=config, full=False, device=CPU)
    validation = detector.score(torch.from_numpy(series.train[series.n_fit - CONTEXT :]))
    assert outcome.predictions["threshold"][0].as_py() == np.quantile(validation, 0.999)
    assert outcome.threshold_source == "validation_quantile"


def test_default_objective_follows_the_labels() -> None:
    raw = make_series(n_steps=2000)
    assert _prepare(raw).objective.name == DEFAULT_OBJECTIVE
    unlabelled = AnomalySeries(name="u", train=raw.train, test=raw.test, labels=None, features=raw.features)
    assert _prepare(unlabelled).objective.name == DEFAULT_OBJECTIVE_WITHOUT_LABELS
    short = make_series("short", n_steps=500)  # no incident fits in
    fallen_back = _prepare(short)
    assert fallen_back.objective.name == "labelled_event_f1"
    assert any("no incident fits into short" in note for note in fallen_back.notes)


def test_a_series_without_a_labelled_part_still_has_its_log_gap() -> None:
    raw = make_series(n_steps=2000)
    quiet = make_series("quiet", n_steps=2000)
    late = np.zeros_like(quiet.labels)
    late[-100:-80] = True
    few = AnomalySeries(name="quiet", train=quiet.train, test=quiet.test, labels=late, features=quiet.features)
    data = _prepare(raw, few, objective="labelled_event_f1_and_log_gap")
    assert data.objective_series == ("tiny", "quiet")
    assert _prepare(raw, few, objective="labelled_event_f1").objective_series == ("tiny",)
    detector, config, _ = _detector(data)
    found = {
        name: TASK.validate(detector, data.series[name], config=config, names=OBJECTIVES, device=CPU)
        for name in data.series
    }
    both, f1, gap = "labelled_event_f1_and_log_gap", "labelled_event_f1", "log_gap"
    assert data.series["tiny"].part.n_events == 4
    # A tenth on a series without labels, half of it with three labelled events.
    assert found["tiny"][both] == pytest.approx(found["tiny"][f1] + 0.1 / (1 + 4 / 3) * found["tiny"][gap])
    assert f1 not in found["quiet"]
    assert found["quiet"][both] == pytest.approx(0.1 * found["quiet"][gap])


def test_a_study_that_sees_no_labels_has_no_objective_that_needs_them() -> None:
    data = _prepare(objective="log_gap")
    detector, config, series = _detector(data)
    found = TASK.validate(detector, series, config=config, names=OBJECTIVES, device=CPU)
    assert found.keys() == {name for name, one in OBJECTIVES.items() if not one.needs_labels}


def test_unlabelled_series_are_scored_but_give_no_metrics() -> None:
    raw = make_series(n_steps=2000)
    data = _prepare(AnomalySeries(name="u", train=raw.train, test=raw.test, labels=None, features=raw.features))
    detector, config, series = _detector(data)
    outcome = TASK.test(detector, series, config=config, full=True, device=CPU)
    assert outcome.metrics == {}
    assert np.isfinite(outcome.predictions["score"].to_numpy()).all()


def test_sum_of_squares_by_hand() -> None:
    values = torch.zeros(CONTEXT + 2, 2)
    values[-2:] = torch.tensor([[3.0, -4.0], [1.0, 10.0]])
    assert SumOfSquares(None).score(values).tolist() == [25.0, 101.0]
    assert SumOfSquares(5.0).score(values).tolist() == [25.0, 26.0]


def test_the_baseline_s_clip_is_chosen_by_the_objective_and_not_by_the_test() -> None:
    data = _prepare()
    config, detectors = TASK.baseline("sum_of_squares", data, seed=0, device=CPU)
    series, detector = data.series["tiny"], detectors["tiny"]
    assert isinstance(detector, SumOfSquares)
    chosen = TASK.validate(detector, series, config=None, names={"labelled_event_f1"}, device=CPU)["labelled_event_f1"]
    for clip in CLIPS:
        other = TASK.validate(SumOfSquares(clip), series, config=None, names={"labelled_event_f1"}, device=CPU)
        assert chosen >= other["labelled_event_f1"]
    assert detector.clip == series.resolve_clip(config["clip"])


def test_under_clip_auto_training_and_scores_have_the_series_own_bound() -> None:
    data = _prepare()
    series = data.series["tiny"]
    assert series.auto_clip in CLIPS
    own = dataclasses.replace(series, auto_clip=7.0)
    _, config, _ = _detector(data, clip="auto")
    windows = TASK.examples(own, config, CPU).windows
    assert windows.clip == 7.0
    assert TASK.predictor(torch.nn.Identity(), config, own).clip == 7.0
    _, config, _ = _detector(data, clip=5.0)
    assert TASK.examples(own, config, CPU).windows.clip == 5.0


def test_what_clip_auto_stands_for_is_said() -> None:
    data = _prepare(make_series(n_steps=2000), make_series("short", n_steps=300), objective="val_loss")
    assert not data.series["short"].incidents
    (note,) = [note for note in data.notes if note.startswith("clip = auto")]
    assert "none on short" in note


def test_random_scores_follow_from_their_seed() -> None:
    values = torch.zeros(CONTEXT + 5, 2)
    first, again, other = (RandomScores(np.random.default_rng(seed)).score(values) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@pytest.mark.parametrize(("aggregation", "expected"), [("mean", 4.0), ("max", 9.0), ("top_k", 4.0)])
def test_scores_put_features_together(aggregation: str, expected: float) -> None:
    """A model that predicts zero everywhere: errors are the squared values 1, 2, 9 of three features."""
    values = torch.zeros(CONTEXT + 1, 3)
    values[-1] = torch.tensor([1.0, 2.0**0.5, 3.0])

    class Zero(torch.nn.Module):
        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(windows), windows.shape[2])

    detector = ForecastDetector(Zero(), window=4, clip=None, aggregation=aggregation)
    assert detector.score(values)[0] == pytest.approx(expected)


def test_too_short_series_say_what_they_need() -> None:
    with pytest.raises(ValueError, match="at least 128"):
        _prepare(make_series(n_steps=120), objective="val_loss")


def test_incidents_that_do_not_fit_are_refused_only_where_they_are_needed() -> None:
    short = make_series(n_steps=500)
    assert _prepare(short, objective="val_loss").objective.name == "val_loss"
    with pytest.raises(ValueError, match="no incidents can be injected.*val_loss"):
        _prepare(short, objective="log_gap")


def test_unknown_objective_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"'f1'.*labelled_event_f1.*val_loss"):
        _prepare(objective="f1")
