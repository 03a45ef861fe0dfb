"""Losses of stored forecasts, and their resamples in stretches."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.forecast_units import Losses, read_losses
from analysis.records import Records, read_records


def write(make_forecast: Callable[..., Any], configs: dict[str, Any], *, mse: float) -> Records:
    """Two forecasts of two steps and two columns, of which one never varies."""
    study = make_forecast(test_series=["a"])
    trial = study.confirm(configs["good"], 0, {"a": 0.5, "b": 0.5}, {"mse": {"a": mse}, "mae": {"a": 0.6}})
    actual, predicted = [[1.0, 2.0], [3.0, 4.0]], [[1.5, 2.0], [3.0, 5.0]]
    rows = [
        ("a", 10 + 2 * place, step + 1, None, column, actual[place][step] * on, predicted[place][step] * on)
        for column, on in (("x", 1), ("constant", 0))
        for place in (1, 0)  # in no order
        for step in (0, 1)
    ]
    study.predict(trial, rows)
    return read_records(study.write())


def test_losses_keep_their_ratio_and_have_the_recorded_mean(
    make_forecast: Callable[..., Any], configs: dict[str, Any]
) -> None:
    """Squared errors 0.25 and 0, then 0 and 1: 1 to 4; absolute ones 1 to 2."""
    records = write(make_forecast, configs, mse=0.5)
    assert read_losses(records, ["confirm-0000"], "mse")["a"].values.tolist() == [pytest.approx([0.2, 0.8])]
    assert read_losses(records, ["confirm-0000"], "mae")["a"].values.tolist() == [pytest.approx([0.4, 0.8])]
    assert read_losses(records, ["confirm-0000"], "mse")["a"].score == pytest.approx(0.5)


def test_a_seed_without_forecasts_leaves_the_row_out(
    make_forecast: Callable[..., Any], configs: dict[str, Any]
) -> None:
    assert read_losses(write(make_forecast, configs, mse=0.5), ["confirm-0000", "confirm-0001"], "mse") == {}


def test_a_resample_is_made_of_stretches() -> None:
    """27 losses in blocks of 3, circular: every resample is a mean of nine means of neighbours."""
    losses = np.arange(27.0)
    drawn = Losses(values=losses[None]).resample(np.random.default_rng(3), 500)
    blocks = np.array([losses[[start, (start + 1) % 27, (start + 2) % 27]].mean() for start in range(27)])
    expected = blocks[np.random.default_rng(3).integers(27, size=(500, 9))].mean(axis=1)
    np.testing.assert_allclose(drawn, expected)


def test_dependence_widens_the_interval() -> None:
    """An AR(1) series with coefficient 0.8 has a mean three times as uncertain; blocks of 7 of 400 see most of it."""
    generator = np.random.default_rng(5)
    values = np.zeros(400)
    for step in range(1, 400):
        values[step] = 0.8 * values[step - 1] + generator.normal()
    in_time = Losses(values=values[None]).resample(np.random.default_rng(0), 2000).std()
    shuffled = Losses(values=generator.permutation(values)[None]).resample(np.random.default_rng(0), 2000).std()
    assert in_time > 1.7 * shuffled
