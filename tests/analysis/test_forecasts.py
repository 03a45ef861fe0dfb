"""The numbers behind the figures of forecasts: from prediction files and from test metrics, worked by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.contenders import Comparison, compare
from analysis.error_spread import spread_errors
from analysis.forecast_scores import choose_stretches, profile_steps, relate_to_last_value
from analysis.forecasts import choose_stretch, read_forecasts, spread_out, thin_line
from analysis.records import Records, read_records

DAY = pd.Timestamp("2026-01-01")


def compared(study: Any) -> tuple[Records, Comparison]:
    records = read_records(study.write())
    comparison = compare(records)
    assert comparison is not None
    return records, comparison


def rows(n_origins: int, *, horizon: int = 2, error: float = 0.0, columns: tuple[str, ...] = ("x",)) -> list[Any]:
    """Forecasts of ``value = row of the series``, all off by the same error, one step a day."""
    return [
        (series, origin, step, DAY + pd.Timedelta(days=origin + step - 1), column, at := origin + step - 1, at + error)
        for series in ("a", "b")
        for origin in range(10, 10 + n_origins * horizon, horizon)
        for step in range(1, horizon + 1)
        for column in columns
    ]


def confirmed(study: Any, configs: dict[str, Any], seeds: int = 2) -> dict[str, list[str]]:
    """Two confirmed configurations and both baselines, tested; returns their trials."""
    study.search(configs["published"], [0.9, 0.8, 0.7])
    study.search(configs["good"], [0.8, 0.6, 0.5])
    trials: dict[str, list[str]] = {"good": [], "published": []}
    for block in range(seeds):
        for name, shift in (("good", 0.0), ("published", 1.0)):
            tested = by_step(1 + shift + block, 3 + shift + block)
            trials[name].append(study.confirm(configs[name], block, {"a": 0.5 + shift, "b": 0.7}, tested))
    study.select(configs["good"])
    trials["last_value"] = [study.baseline("last_value", 0, by_step(4, 8), objective={"a": 1.0, "b": 1.0})]
    trials["seasonal_naive"] = [study.baseline("seasonal_naive", 0, by_step(12, 12), objective={"a": 2.0, "b": 2.0})]
    return trials


def by_step(first: float, last: float) -> dict[str, dict[str, float]]:
    """The metrics of a test with a horizon of two; series b does as well as a does."""
    both = {"mse": (first + last) / 2, "mse_at_0001": first, "mse_at_0002": last, "mae": 1.0}
    return {name: {"a": value, "b": value} for name, value in both.items()}


def test_errors_by_step_are_means_over_series_and_seeds(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    confirmed(study, configs)
    profile = profile_steps(*compared(study))
    assert profile is not None
    assert (profile.metric, profile.horizon) == ("mse", 2)
    found = {row.label: {step: interval.mean for step, interval in row.by_step.items()} for row in profile.rows}
    assert found == {
        "search-0001": {1: 1.5, 2: 3.5},  # seeds 1 and 2, 3 and 4
        "published": {1: 2.5, 2: 4.5},
        "last value": {1: 4.0, 2: 8.0},
        "seasonal naive": {1: 12.0, 2: 12.0},
    }
    assert profile.rows[0].seeds == ({1: 1.0, 2: 3.0}, {1: 2.0, 2: 4.0})
    assert list(profile.stretches) == ["1", "2"]


@pytest.mark.parametrize(
    ("horizon", "names"),
    [
        (3, ["1", "2", "3"]),
        (5, ["1", "2", "3 to 4", "5"]),
        (8, ["1", "1 to 2", "3 to 4", "5 to 6", "7 to 8"]),
        (96, ["1", "1 to 24", "25 to 48", "49 to 72", "73 to 96"]),
    ],
)
def test_a_horizon_is_cut_into_its_first_step_and_quarters(horizon: int, names: list[str]) -> None:
    stretches = choose_stretches(range(1, horizon + 1))
    assert list(stretches) == names
    assert {step for part in stretches.values() for step in part} == set(range(1, horizon + 1))


def test_a_stretch_averages_its_steps_within_series_and_seed(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [0.9, 0.8, 0.7])
    for block in range(2):
        tested = {f"mse_at_{step:04d}": {"a": step + block, "b": step + block} for step in range(1, 9)}
        study.confirm(configs["published"], block, {"a": 0.5, "b": 0.5}, {"mse": {"a": 4.5, "b": 4.5}, **tested})
    profile = profile_steps(*compared(study))
    assert profile is not None
    (row,) = profile.rows
    assert {name: interval.mean for name, interval in row.by_stretch.items()} == pytest.approx(
        {"1": 1.5, "1 to 2": 2.0, "3 to 4": 4.0, "5 to 6": 6.0, "7 to 8": 8.0}
    )


def test_one_step_has_no_profile(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [0.9, 0.8, 0.7])
    one = {"mse": {"a": 1.0, "b": 1.0}, "mse_at_0001": {"a": 1.0, "b": 1.0}}
    study.confirm(configs["published"], 0, {"a": 0.5, "b": 0.5}, one)
    assert profile_steps(*compared(study)) is None


def test_ratios_are_to_the_last_value(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    confirmed(study, configs)
    ratios = {ratio.metric: ratio for ratio in relate_to_last_value(*compared(study))}
    assert list(ratios) == ["mse", "mae"]
    assert ratios["mse"].reference == 6.0
    found = {row.label: (row.mean, *row.seeds) for row in ratios["mse"].rows}
    assert found["search-0001"] == pytest.approx((2.5 / 6, 2 / 6, 3 / 6))
    assert found["published"] == pytest.approx((3.5 / 6, 3 / 6, 4 / 6))
    assert found["seasonal naive"] == (2.0,)  # without seeds
    assert {row.mean for row in ratios["mae"].rows} == {1.0}


def test_without_the_last_value_there_is_no_ratio(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    study.search(configs["published"], [0.9, 0.8, 0.7])
    study.confirm(configs["published"], 0, {"a": 0.5, "b": 0.5}, by_step(1, 2))
    assert relate_to_last_value(*compared(study)) == ()


def test_forecasts_are_read_of_the_first_seed_alone(
    make_forecast: Any, configs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_forecast()
    trials = confirmed(study, configs)
    for place, names in enumerate(trials.values()):
        for name in names:
            study.predict(name, rows(50, error=float(place)))
    records, comparison = compared(study)
    asked: list[str] = []
    read = records.predictions
    object.__setattr__(records, "predictions", lambda trial, columns: (asked.append(trial), read(trial, columns))[1])
    forecasts = read_forecasts(records, comparison)
    assert forecasts is not None
    assert sorted(asked) == sorted(names[0] for names in trials.values())
    assert forecasts.trials["search-0001"] == trials["good"][0]
    assert (forecasts.series, forecasts.n_series, forecasts.horizon) == ("a", 2, 2)


def test_lines_stand_where_the_forecasts_were(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    trials = confirmed(study, configs)
    study.predict(trials["good"][0], rows(50, error=0.5))
    study.predict(trials["last_value"][0], rows(50, error=-1.0))
    forecasts = read_forecasts(*compared(study))
    assert forecasts is not None
    (view,) = forecasts.columns
    assert forecasts.has_clock
    first_day = (DAY - pd.Timestamp("1970-01-01")).days
    assert view.actual.x.tolist() == [first_day + row for row in range(10, 110)]
    assert view.actual.y.tolist() == list(range(10, 110))
    assert view.best.y.tolist() == [row + 0.5 for row in range(10, 110)]
    # 30 forecasts of two steps make 60; of 50 they are those from the eleventh on, which begins at row 30.
    assert forecasts.n_zoomed == 30
    assert view.zoomed_actual.y.tolist() == list(range(30, 90))
    assert view.origins == tuple(first_day + row for row in range(30, 90, 2))
    best = view.zoomed["search-0001"].y
    assert best[:5].tolist()[:2] == [30.5, 31.5]
    assert np.isnan(best[2])
    assert best[3] == 32.5
    assert set(view.zoomed) == {"search-0001", "last value"}


def test_without_a_clock_lines_stand_at_the_rows_of_the_series(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    trials = confirmed(study, configs)
    study.predict(trials["good"][0], [(*row[:3], pd.NaT, *row[4:]) for row in rows(3, horizon=1)])
    forecasts = read_forecasts(*compared(study))
    assert forecasts is not None
    assert not forecasts.has_clock
    assert forecasts.columns[0].actual.x.tolist() == [10, 11, 12]
    assert forecasts.columns[0].origins == ()
    assert not np.isnan(forecasts.columns[0].zoomed["search-0001"].y).any()


def test_the_next_seed_stands_in_where_the_first_wrote_nothing(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    trials = confirmed(study, configs)
    study.predict(trials["good"][1], rows(3))
    forecasts = read_forecasts(*compared(study))
    assert forecasts is not None
    assert forecasts.trials == {"search-0001": trials["good"][1]}


def test_without_forecasts_of_the_best_there_are_none(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    trials = confirmed(study, configs)
    study.predict(trials["published"][0], rows(3))
    study.predict(trials["good"][0], pd.DataFrame({"series": ["a"], "score": [1.0], "label": [0]}))
    assert read_forecasts(*compared(study)) is None


def test_a_file_that_cannot_be_read_is_named(make_forecast: Any, configs: dict[str, Any]) -> None:
    study = make_forecast()
    trials = confirmed(study, configs)
    study.predict(trials["good"][0], rows(3))
    (study.folder / "predictions" / f"{trials['good'][0]}.parquet").write_bytes(b"half a fi")
    with pytest.raises(ValueError, match=r"confirm-0000\.parquet cannot be read: .*; move it away"):
        read_forecasts(*compared(study))


@pytest.mark.parametrize(
    ("n_origins", "horizon", "chosen"),
    [(225, 1, range(82, 142)), (29, 96, range(13, 15)), (3, 24, range(3)), (9, 24, range(3, 6)), (1, 96, range(1))],
)
def test_the_stretch_is_about_the_middle(n_origins: int, horizon: int, chosen: range) -> None:
    assert choose_stretch(np.arange(n_origins)[::-1], horizon).tolist() == list(chosen)


def test_columns_are_spread_from_the_first_to_the_last() -> None:
    assert spread_out(list("abcdefg"), 3) == ["a", "d", "g"]
    assert spread_out(["a", "b"], 3) == ["a", "b"]


def test_thinning_keeps_every_peak() -> None:
    x = np.arange(10_000.0)
    y = np.sin(x)
    y[4321], y[8765] = 9.0, -9.0
    line = thin_line(x, y, 400)
    assert len(line.x) <= 400
    assert (np.diff(line.x) > 0).all()
    assert {9.0, -9.0} <= set(line.y)
    assert (line.x[0], line.x[-1]) == (0, 9999)


def test_errors_are_scaled_column_by_column() -> None:
    """Column x has the standard deviation 1 and errors of 0.5, column y 10 and errors of 5; z never varies."""
    table = pd.DataFrame(
        {
            "series": "a",
            "column": ["x", "x", "y", "y", "z", "z"],
            "actual": [0.0, 2.0, 0.0, 20.0, 3.0, 3.0],
            "predicted": [0.5, 2.5, -5.0, 15.0, 4.0, 4.0],
        }
    )
    spread = spread_errors({"one": table, "two": table.assign(predicted=table["actual"])})
    assert spread is not None
    assert spread.n_left_out == 1
    assert (spread.edges[0], spread.edges[-1]) == (-0.5, 0.5)
    one, two = spread.rows
    width = spread.edges[1] - spread.edges[0]
    assert (one.density[0] * width, one.density[-1] * width) == pytest.approx((0.5, 0.5))
    assert sum(one.density[1:-1]) == 0
    assert two.density[len(two.density) // 2] * width == pytest.approx(1)
    assert one.outside == 0


def test_errors_beyond_the_edges_are_counted() -> None:
    actual = np.tile([-1.0, 1.0], 500)
    near = pd.DataFrame({"series": "a", "column": "x", "actual": actual, "predicted": actual + 0.1})
    spread = spread_errors({"one": near.assign(predicted=actual + np.r_[np.full(995, 0.1), np.full(5, 50.0)])})
    assert spread is not None
    assert spread.edges[-1] == pytest.approx(0.1)
    assert spread.rows[0].outside == pytest.approx(0.005)


def test_perfect_forecasts_have_a_spread_too() -> None:
    table = pd.DataFrame({"series": "a", "column": "x", "actual": [0.0, 1.0], "predicted": [0.0, 1.0]})
    spread = spread_errors({"one": table})
    assert spread is not None
    assert spread.rows[0].outside == 0
    assert spread_errors({"one": table.assign(actual=1.0)}) is None
