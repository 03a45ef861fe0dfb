"""Anomaly detection: split, scaling, objectives, metrics, threshold rule and untrained baselines.

Every series has a normal train part and a test part. The last 20 % of the train part is for validation; one scaler is
fitted on the rest. A detector is judged on steps of the test part that the search never saw.

``[T, D]`` = train steps, features; ``[N]`` = test steps; ``[C]`` = context before the first scored step.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.datasets import load_series
from trainables.data.scaling import StandardScaler
from trainables.data.series import AnomalySeries
from trainables.data.windows import CONTEXT, WindowExamples, Windows, as_tensor
from trainables.metrics import (
    METRIC_NAMES,
    anomaly_metrics,
    average_precision,
    best_event_f1,
    f1_at_threshold,
    grow_segments,
)
from trainables.models.base import DetectorConfig, Model, Sizes, TaskName
from trainables.seeding import derive_seed
from trainables.tasks.base import DataRequest, Objective, Outcome, StudyData, Workload
from trainables.tasks.clipping import CLIPS, Clip, choose_clip
from trainables.tasks.detectors import Detector, ForecastDetector, RandomScores, SumOfSquares
from trainables.tasks.incidents import InjectedIncidents, inject_incidents
from trainables.tasks.label_free import log_gap, relative_loss
from trainables.tasks.labelled_part import LabelledBy, LabelledPart, divide, leave_untouched
from trainables.tasks.objectives import OBJECTIVES, add_log_gap, choose_objective

MARGIN = (0, 5)
"""Steps by which labelled segments grow to the left and right, as published tables have it."""
VALIDATION_SHARE = 0.2
VALIDATION_QUANTILE = 0.999
"""Without labels to fix it on, the alarm threshold lets one validation step in a thousand through."""
INCIDENT_AMPLITUDES = (3.0, 8.0)

FIXED_THRESHOLD_NAMES = tuple(
    f"fixed_threshold_{name}{part}"
    for name in ("point_f1", "point_f1_pa", "event_f1_pa_log", "event_f1_pa_squeeze")
    for part in ("", "_precision", "_recall")
)
TEST_METRIC_NAMES = (*METRIC_NAMES, *FIXED_THRESHOLD_NAMES)

PREDICTION_SCHEMA = pa.schema(
    [
        ("series", pa.string()),
        ("step", pa.int64()),  # of the test part, from 0
        ("score", pa.float32()),
        ("label", pa.bool_()),  # null where nobody labelled the series
        ("untouched", pa.bool_()),  # whether results are stated on this step
        ("threshold", pa.float64()),  # fixed before the test part was opened
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedSeries:
    """One series, standardised by the scaler of its fitted part; nothing is clipped yet."""

    name: str
    train: NDArray[np.float32]
    """``[T, D]``; the first ``n_fit`` steps are fitted on, the rest is for validation."""
    n_fit: int
    test: NDArray[np.float32]
    """``[N, D]``"""
    labels: NDArray[np.bool_] | None
    """``[N]``"""
    part: LabelledPart
    scaler: StandardScaler
    incidents: tuple[InjectedIncidents, ...]
    """The validation part with incidents of each of :data:`INCIDENT_AMPLITUDES`; empty where it is too short."""
    auto_clip: float | None
    """What ``clip = auto`` stands for."""

    @property
    def n_features(self) -> int:
        """Return ``D``."""
        return int(self.train.shape[1])

    def resolve_clip(self, clip: Clip) -> float | None:
        """Return the bound itself."""
        return self.auto_clip if clip == "auto" else clip


class AnomalyTask:
    """Anomaly detection by scores per time step."""

    name: TaskName = "anomaly"
    objectives: Mapping[str, Objective] = OBJECTIVES
    baselines: tuple[str, ...] = ("sum_of_squares", "random")
    validation_metric_names: tuple[str, ...] = tuple(OBJECTIVES)
    test_metric_names: tuple[str, ...] = TEST_METRIC_NAMES

    def open(self, request: DataRequest) -> StudyData:
        """Load, check, split and scale the data, once for a study."""
        _refuse_forecasting_options(request)
        series = load_series(
            request.data,
            root=request.root,
            names=request.series,
            label_column=request.label_column,
            timestamp=request.timestamp,
        )
        labelled_by = request.labelled_by or "time"
        if labelled_by not in get_args(LabelledBy):
            raise ValueError(
                f"`--labelled-by` is {labelled_by!r}, but must be one of {', '.join(get_args(LabelledBy))}"
            )
        return self.prepare(
            series, objective=request.objective, labelled_by=cast(LabelledBy, labelled_by), seed=request.seed
        )

    def prepare(
        self, series: Sequence[AnomalySeries], *, objective: str | None, labelled_by: LabelledBy, seed: int
    ) -> StudyData:
        """Split, scale and inject, once for a study.

        Args:
            series: The raw series.
            objective: Name of the objective; ``None`` takes the default (:mod:`trainables.tasks.objectives`).
            labelled_by: How an objective that needs labels gets its labelled part.
            seed: The study's seed, for the injected incidents.

        Raises:
            ValueError: If the objective is unknown, or the data cannot give it; the message says what would.
        """
        chosen = choose_objective(objective, labelled=any(one.labels is not None for one in series))
        parts = divide(series, labelled_by=labelled_by) if chosen.needs_labels else leave_untouched(series)
        prepared = {one.name: _prepare_one(one, parts[one.name], seed) for one in series}
        notes = [f"{one.name}: {note}" for one in series for note in (*one.notes, parts[one.name].why)]
        short = [one.name for one in prepared.values() if not one.incidents]
        if objective is None and chosen.needs_labels and short:
            notes.append(f"the objective does without a log gap, for no incident fits into {', '.join(short)}")
            chosen = OBJECTIVES["labelled_event_f1"]
        objective_series = tuple(
            name for name, one in prepared.items() if not chosen.only_labelled_series or len(one.part.tuning) > 0
        )
        _check_incidents(chosen, prepared.values())
        return StudyData(
            objective=chosen,
            series=prepared,
            objective_series=objective_series,
            test_series=tuple(name for name, one in prepared.items() if len(one.part.untouched) > 0),
            notes=(*notes, _explain_auto_clip(list(prepared.values()))),
            data_hash=f"{derive_seed(0, *(part for one in series for part in (one.name, one.content_hash()))):016x}",
        )

    def has_test_scores(self, data: StudyData) -> bool:
        """Tell whether any series will have metrics on its untouched part: it needs labels, and an event there."""
        return any(_has_event(series, series.part.untouched) for series in data.series.values())

    def sizes(self, series: PreparedSeries, config: DetectorConfig) -> Sizes:
        """Return what a model must know of a series: every feature is predicted, one step ahead."""
        del config
        return Sizes.one_step(series.n_features, n_examples=len(_fitted_targets(series)))

    def examples(self, series: PreparedSeries, config: DetectorConfig, device: torch.device) -> WindowExamples:
        """Return the windows of the fitted part with the steps to predict, the same for every window length."""
        values = _as_trained(_to_device(series.train, device), series.scaler, config)
        windows = Windows(values, window=config.window, clip=series.resolve_clip(config.clip))
        return WindowExamples(windows, _fitted_targets(series))

    def predictor(self, model: Model, config: DetectorConfig, series: PreparedSeries) -> ForecastDetector:
        """Make a detector of a model that was trained on a series."""
        clip = series.resolve_clip(config.clip)
        return ForecastDetector(model, window=config.window, clip=clip, aggregation=config.score_aggregation)

    def validate(
        self,
        predictor: Detector,
        series: PreparedSeries,
        *,
        config: DetectorConfig | None,
        names: Collection[str],
        device: torch.device,
    ) -> dict[str, float]:
        """Compute objectives on one series; those that it or the detector cannot give are left out.

        Args:
            predictor: What scores the steps.
            series: The series.
            config: Of its model, whose training decides the scale of the train part; ``None`` for others.
            names: The objectives wanted.
            device: Where it computes.
        """
        values: dict[str, float] = {}
        if any(OBJECTIVES[name].needs_labels for name in names) and len(series.part.tuning) > 0:
            values |= _labelled_objectives(predictor, series, device)
        if any(OBJECTIVES[name].needs_incidents for name in names) and series.incidents:
            values["log_gap"] = _mean_log_gap(predictor, series, config, device)
            if series.part.labels_tune:
                both = add_log_gap(values.get("labelled_event_f1"), values["log_gap"], n_events=series.part.n_events)
                values["labelled_event_f1_and_log_gap"] = both
        if "val_loss" in names and isinstance(predictor, ForecastDetector):
            assert config is not None
            values["val_loss"] = _relative_validation_loss(predictor, series, config, device)
        return {name: value for name, value in values.items() if name in names}

    def test(
        self,
        predictor: Detector,
        series: PreparedSeries,
        *,
        config: DetectorConfig | None,
        full: bool,
        device: torch.device,
    ) -> Outcome:
        """Open the untouched part: score the whole test part, and state the metrics on what no search has seen.

        Args:
            predictor: What scores the steps.
            series: The series.
            config: As in :meth:`validate`.
            full: Also state the metrics on the whole published test part, which overlaps the labelled one.
            device: Where it computes.
        """
        scores = predictor.score(_to_device(series.test, device))
        threshold, source = _fix_threshold(predictor, series, scores, config, device)
        metrics = _metrics_on(series, series.part.untouched, scores, threshold, prefix="test_")
        if full:
            metrics |= _metrics_on(series, range(CONTEXT, len(series.test)), scores, threshold, prefix="full_")
        table = _to_table(series, scores.astype(np.float32), threshold)
        return Outcome(metrics=metrics, predictions=table, threshold_source=source)

    def baseline(
        self, name: str, data: StudyData, *, seed: int, device: torch.device
    ) -> tuple[dict[str, Clip], dict[str, Detector]]:
        """Make an untrained baseline, with its only hyperparameter chosen as a search chooses its own.

        Args:
            name: One of :attr:`baselines`.
            data: The study's data.
            seed: Of the random scores.
            device: Where values lie.

        Returns:
            Its configuration, and its detector for every series.
        """
        if name == "random":
            generator = np.random.default_rng(seed)
            return {}, dict.fromkeys(data.series, RandomScores(generator))
        assert name == "sum_of_squares"
        clip = self._best_clip(data, device)
        return {"clip": clip}, {key: SumOfSquares(series.resolve_clip(clip)) for key, series in data.series.items()}

    def workload(self, predictor: ForecastDetector, series: PreparedSeries, device: torch.device) -> Workload:
        """Return what a speed measurement times: from standardised values to scores."""
        values = _to_device(series.test, device)
        one_window = values[: CONTEXT + 1]
        return Workload(
            one=lambda: predictor.score(one_window), many=lambda: predictor.score(values), n_many=len(values) - CONTEXT
        )

    def _best_clip(self, data: StudyData, device: torch.device) -> Clip:
        """Choose a clip by the study's objective, ``auto`` included; by the log gap where it needs predictions."""
        name = "log_gap" if data.objective.name == "val_loss" else data.objective.name

        def value(clip: Clip) -> float:
            judged = [data.series[one] for one in data.objective_series]
            found = [
                self.validate(SumOfSquares(one.resolve_clip(clip)), one, config=None, names=(name,), device=device)
                for one in judged
            ]
            return float(np.mean([part.get(name, 0.0) for part in found]))

        return max((*CLIPS, "auto"), key=value)


def _prepare_one(series: AnomalySeries, part: LabelledPart, seed: int) -> PreparedSeries:
    n_fit = len(series.train) - round(VALIDATION_SHARE * len(series.train))
    _check_length(series, n_fit)
    scaler = StandardScaler.fit(series.train[:n_fit])
    train = scaler.transform(series.train)
    sd = train[:n_fit].std(axis=0)
    incidents = [
        inject_incidents(
            train[n_fit - CONTEXT :],
            sd,
            n_context=CONTEXT,
            amplitude=amplitude,
            generator=np.random.default_rng(derive_seed(seed, "incidents", series.name, round(amplitude))),
        )
        for amplitude in INCIDENT_AMPLITUDES
    ]
    injected = tuple(one for one in incidents if one is not None)
    return PreparedSeries(
        name=series.name,
        train=train,
        n_fit=n_fit,
        test=scaler.transform(series.test),
        labels=series.labels,
        part=part,
        scaler=scaler,
        incidents=injected,
        auto_clip=choose_clip(injected),
    )


def _explain_auto_clip(series: Sequence[PreparedSeries]) -> str:
    chosen = ", ".join(f"{'none' if one.auto_clip is None else f'{one.auto_clip:g}'} on {one.name}" for one in series)
    return f"clip = auto stands for {chosen}: by the log gap of the untrained sum of squares"


def _check_length(series: AnomalySeries, n_fit: int) -> None:
    fewest = 2 * CONTEXT
    for part, length in (("train part without its validation fifth", n_fit), ("test part", len(series.test))):
        if length < fewest:
            raise ValueError(
                f"the {part} of series {series.name!r} has {length} steps, but needs at least {fewest}, twice the "
                f"{CONTEXT} steps of context before the first prediction; give a longer series"
            )


def _check_incidents(objective: Objective, prepared: Collection[PreparedSeries]) -> None:
    if not objective.needs_incidents:
        return
    if short := [one.name for one in prepared if not one.incidents]:
        raise ValueError(
            f"no incidents can be injected into the validation part of {', '.join(short)}, which --objective "
            f"{objective.name} needs (three of them and two varying features); give longer series, or use val_loss"
        )


def _refuse_forecasting_options(request: DataRequest) -> None:
    for flag, value in (
        ("--target", request.target),
        ("--horizon", request.horizon),
        ("--difference", request.difference),
    ):
        if value is not None:
            raise ValueError(
                f"`{flag}` is given, but anomaly detectors predict every column one step ahead; leave it out, or "
                "search a space of forecasters (--list-spaces)"
            )


def _fitted_targets(series: PreparedSeries) -> range:
    return range(CONTEXT, series.n_fit)


def _to_device(values: NDArray[np.float32], device: torch.device) -> Tensor:
    return as_tensor(values).to(device)


def _as_trained(values: Tensor, scaler: StandardScaler, config: DetectorConfig | None) -> Tensor:
    """Bring standardised values of the train part onto the scale that the model is trained on.

    ``scaling = twice`` repeats the published loader's mistake: train is standardised twice with the same mean and
    standard deviation, test once.
    """
    if config is None or config.scaling == "once":
        return values
    mean, sd = (torch.from_numpy(part).to(values.device) for part in (scaler.mean, scaler.sd))
    return ((values - mean) / sd).contiguous()


def _labelled_objectives(detector: Detector, series: PreparedSeries, device: torch.device) -> dict[str, float]:
    steps = series.part.tuning
    assert series.labels is not None
    assert steps.start == CONTEXT
    scores = detector.score(_to_device(series.test[: steps.stop], device))
    labels = series.labels[CONTEXT : steps.stop]
    return {
        "labelled_event_f1": best_event_f1(scores, labels, margin=MARGIN)[0],
        "labelled_auprc": average_precision(scores, grow_segments(labels, MARGIN)),
    }


def _mean_log_gap(
    detector: Detector, series: PreparedSeries, config: DetectorConfig | None, device: torch.device
) -> float:
    """Compute the log gap as the mean over both amplitudes."""
    gaps = []
    for incidents in series.incidents:
        scores = detector.score(_as_trained(_to_device(incidents.values, device), series.scaler, config))
        gaps.append(log_gap(scores, incidents))
    return float(np.mean(gaps))


def _relative_validation_loss(
    detector: ForecastDetector, series: PreparedSeries, config: DetectorConfig, device: torch.device
) -> float:
    values = series.train[series.n_fit - CONTEXT :]
    trained_scale = _as_trained(_to_device(values, device), series.scaler, config)
    predicted = detector.predict(trained_scale).cpu().numpy()
    if config.scaling == "twice":
        predicted = predicted * series.scaler.sd + series.scaler.mean
    return relative_loss(predicted, values[CONTEXT:], values[CONTEXT - 1 : -1])


def _fix_threshold(
    detector: Detector,
    series: PreparedSeries,
    test_scores: NDArray[np.float64],
    config: DetectorConfig | None,
    device: torch.device,
) -> tuple[float, str]:
    """Fix the alarm threshold: the best for event F1 on the labelled part, without one a high validation quantile."""
    steps = series.part.tuning
    if len(steps) > 0:
        assert series.labels is not None
        labels = series.labels[CONTEXT : steps.stop]
        return best_event_f1(test_scores[: len(labels)], labels, margin=MARGIN)[1], "labelled_part"
    validation = _to_device(series.train[series.n_fit - CONTEXT :], device)
    scores = detector.score(_as_trained(validation, series.scaler, config))
    return float(np.quantile(scores, VALIDATION_QUANTILE)), "validation_quantile"


def _to_table(series: PreparedSeries, scores: NDArray[np.float32], threshold: float) -> pa.Table:
    """Put the scores ``[N - C]`` of a test part beside its labels."""
    steps = np.arange(CONTEXT, len(series.test))
    untouched = (steps >= series.part.untouched.start) & (steps < series.part.untouched.stop)
    labels = pa.nulls(len(steps), pa.bool_()) if series.labels is None else pa.array(series.labels[CONTEXT:])
    columns = [
        pa.array([series.name] * len(steps)),
        pa.array(steps),
        pa.array(scores),
        labels,
        pa.array(untouched),
        pa.array(np.full(len(steps), threshold)),
    ]
    return pa.table(columns, schema=PREDICTION_SCHEMA)


def _has_event(series: PreparedSeries, steps: range) -> bool:
    return series.labels is not None and bool(series.labels[steps.start : steps.stop].any())


def _metrics_on(
    series: PreparedSeries, steps: range, scores: NDArray[np.float64], threshold: float, *, prefix: str
) -> dict[str, float]:
    """Compute all metrics on a range of test steps; as in EasyTSAD, a part without any event counts nowhere."""
    if not _has_event(series, steps):
        return {}
    assert series.labels is not None
    part_scores = scores[steps.start - CONTEXT : steps.stop - CONTEXT]
    labels = series.labels[steps.start : steps.stop]
    metrics = anomaly_metrics(part_scores, labels, margin=MARGIN)
    fixed = f1_at_threshold(part_scores, labels, threshold, margin=MARGIN)
    metrics |= {f"fixed_threshold_{name}": value for name, value in fixed.items()}
    return {f"{prefix}{name}": value for name, value in metrics.items()}
