import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trainables.data.forecast_datasets import list_forecast_series, load_forecast_series
from trainables.data.forecast_published import BITBRAINS_COLUMNS, ETT_COLUMNS
from trainables.data.forecast_series import ForecastSeries

MACHINE = "rnd_2013-8_vm411"


def load(dataset: str, root: Path, name: str | None = None) -> ForecastSeries:
    (series,) = load_forecast_series(dataset, root=root, names=None if name is None else [name])
    return series


def write_ett(path: Path, n_rows: int, step_s: int = 3600) -> None:
    rng = np.random.default_rng(0)
    times = np.datetime64("2016-07-01T00:00:00") + np.arange(n_rows) * np.timedelta64(step_s, "s")
    values = pd.DataFrame(rng.normal(size=(n_rows, 7)).astype(np.float32), columns=list(ETT_COLUMNS))
    path.parent.mkdir(exist_ok=True)
    values.assign(date=times)[["date", *ETT_COLUMNS]].to_csv(path, index=False)


class TestEtt:
    @pytest.mark.parametrize(("name", "a_month", "season"), [("ETTh2", 720, 24), ("ETTm1", 2880, 96)])
    def test_the_published_borders_are_months(self, tmp_path: Path, name: str, a_month: int, season: int) -> None:
        write_ett(tmp_path / "ETT-small" / f"{name}.csv", 20 * a_month + 3, step_s=86_400 // season)
        series = load("ett", tmp_path)
        assert series.name == name
        assert series.borders == (12 * a_month, 16 * a_month, 20 * a_month)
        assert series.season == season
        assert series.targets == tuple(range(7))
        assert "The last 3 steps lie beyond the published borders and are not used." in series.notes

    def test_a_short_file_is_an_error(self, tmp_path: Path) -> None:
        write_ett(tmp_path / "ETTh1.csv", 14_399)
        with pytest.raises(
            ValueError,
            match=r"^.*ETTh1\.csv has 14399 steps, but the published borders of ETTh1 end at 14400; get the whole "
            r"file, or read this one with --data csv$",
        ):
            load("ett", tmp_path)

    def test_a_hole_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "ETTh1.csv"
        write_ett(path, 17_420)
        lines = path.read_text().splitlines()
        path.write_text("\n".join(lines[:100] + lines[130:]))
        with pytest.raises(ValueError, match=r"ETTh1\.csv has a gap of more than 12 steps, but its published borders"):
            load("ett", tmp_path)

    def test_a_missing_column_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "ETTh1.csv").write_text("date,HUFL,OT\n2016-07-01,1,2\n")
        with pytest.raises(ValueError, match=r"ETTh1\.csv lacks 'HULL', 'MUFL', 'MULL', 'LUFL', 'LULL' of the"):
            load("ett", tmp_path)

    def test_text_in_a_column_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "ETTh1.csv"
        write_ett(path, 14_400)
        path.write_text(path.read_text() + "2020-01-01 00:00:00,1,2,3,4,5,6,hot\n")
        with pytest.raises(ValueError, match=r"^row 14401 of column 'OT' in .*ETTh1\.csv is 'hot', not a number"):
            load("ett", tmp_path)

    @pytest.mark.shared
    def test_the_published_csv_and_the_parquet_are_the_same_series(self, shared_data: Path) -> None:
        csv, parquet = load("ett", shared_data / "ett_official_sample"), load("ett", shared_data / "ett")
        np.testing.assert_array_equal(csv.values, parquet.values, strict=True)
        np.testing.assert_array_equal(csv.timestamps, parquet.timestamps, strict=True)
        assert csv.values.shape == (17_420, 7)
        assert csv.borders == parquet.borders == (8_640, 11_520, 14_400)
        assert csv.columns == parquet.columns == ETT_COLUMNS
        assert csv.season == 24
        assert csv.content_hash() == parquet.content_hash()
        assert "The last 3020 steps lie beyond the published borders and are not used." in csv.notes


class TestExchangeRate:
    @pytest.mark.shared
    def test_the_published_text_and_the_parquet_are_the_same_series(self, shared_data: Path) -> None:
        text = load("exchange_rate", shared_data / "exchange_rate_official_sample")
        parquet = load("exchange_rate", shared_data / "exchange_rate")
        assert text.content_hash() == parquet.content_hash()
        assert text.values.shape == (7_588, 8)
        assert text.borders == (5_311, 6_071, 7_588)
        assert text.columns == parquet.columns == tuple(f"c{i}" for i in range(8))
        assert text.season == 7
        assert "Seven rows are taken as a week" in text.notes[0]

    @pytest.mark.shared
    def test_the_changes_repeat_best_after_a_week_of_seven_rows(self, shared_data: Path) -> None:
        """What the season of seven rests on, as the file has no dates."""
        rates = load("exchange_rate", shared_data / "exchange_rate").values.astype(np.float64)
        sizes = np.abs(np.diff(np.log(rates), axis=0))
        sizes = (sizes - sizes.mean(axis=0)) / sizes.std(axis=0)
        repeats = [float((sizes[lag:] * sizes[:-lag]).mean()) for lag in range(2, 14)]
        assert int(np.argmax(repeats)) + 2 == 7

    def test_eight_currencies_are_expected(self, tmp_path: Path) -> None:
        (tmp_path / "exchange_rate.txt.gz").write_bytes(gzip.compress(b"1,2\n3,4\n"))
        with pytest.raises(ValueError, match=r"exchange_rate\.txt\.gz has 2 columns, but the published file has 8"):
            load("exchange_rate", tmp_path)

    def test_two_copies_are_one_too_many(self, tmp_path: Path) -> None:
        for name in ("exchange_rate.txt", "exchange_rate.parquet"):
            (tmp_path / name).touch()
        with pytest.raises(ValueError, match=r"are both series 'exchange_rate'; keep one of them in the folder$"):
            load("exchange_rate", tmp_path)


def write_bitbrains(root: Path, times: np.ndarray, *, folder: str = "rnd/2013-8", text: str = "") -> None:
    rng = np.random.default_rng(0)
    lines = [";\t".join(["Timestamp [ms]", *BITBRAINS_COLUMNS])]
    lines += [";\t".join([str(time), "2", *(f"{cell:.3f}" for cell in rng.random(9))]) for time in times]
    (root / folder).mkdir(parents=True)
    (root / folder / "411.csv").write_text("\n".join(lines) + "\n" + text)


class TestBitbrains:
    times = 1_375_308_176 + 300 * np.arange(1_000)

    @pytest.mark.parametrize("per_second", [1, 1000])
    def test_the_clock_is_in_seconds_whatever_its_name_says(self, tmp_path: Path, per_second: int) -> None:
        write_bitbrains(tmp_path, self.times * per_second)
        series = load("bitbrains", tmp_path, MACHINE)
        assert series.timestamps is not None
        assert str(series.timestamps[0]) == "2013-07-31T22:02:56"
        assert series.season == 288
        # All but the one constant column, the cores.
        assert series.columns == tuple(BITBRAINS_COLUMNS.values())[1:]
        assert series.borders == (700, 800, 1_000)
        assert series.targets == tuple(range(9))

    def test_gaps_are_filled_and_counted(self, tmp_path: Path) -> None:
        write_bitbrains(tmp_path, np.delete(self.times, [5, *range(20, 32)]), folder="fastStorage/2013-8")
        series = load("bitbrains", tmp_path, "fastStorage_2013-8_vm411")
        assert len(series.values) == 1_000
        assert (series.values[20:32] == series.values[19]).all()
        assert "13 of 1000 steps (1.30%) have no value; they repeat the one before them." in series.notes

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1;\t2\n", r"411\.csv cannot be read as text separated by ';'; .*Expected 11 columns, got 2"),
            (";\t".join(["9999999999", *["x"] * 10]), r"^row 1001 of column 'cpu_cores' in .*411\.csv is '.*x', not a"),
            (";\t".join(["5", *["1"] * 10]), r"^row 1001 of column 'Timestamp \[ms\]' .* is not later than the row"),
        ],
    )
    def test_a_broken_file_is_named(self, tmp_path: Path, text: str, message: str) -> None:
        write_bitbrains(tmp_path, self.times, text=text)
        with pytest.raises(ValueError, match=message):
            load("bitbrains", tmp_path)

    @pytest.mark.shared
    def test_the_published_file_is_the_beginning_of_the_parquet(self, shared_data: Path) -> None:
        start = load("bitbrains", shared_data / "bitbrains_official_sample")
        whole = load("bitbrains", shared_data / "workload", MACHINE)
        assert start.name == whole.name
        assert set(start.columns) <= set(whole.columns)  # what stands still at first may move later
        shared = [whole.columns.index(name) for name in start.columns]
        np.testing.assert_array_equal(start.values, whole.values[:2_008, shared], strict=True)
        assert start.timestamps is not None
        assert whole.timestamps is not None
        np.testing.assert_array_equal(start.timestamps, whole.timestamps[:2_008], strict=True)

    @pytest.mark.shared
    def test_every_machine_gets_a_month_of_steps(self, shared_data: Path) -> None:
        series = load_forecast_series("bitbrains", root=shared_data / "workload", names=None)
        assert [one.name for one in series] == [f"rnd_2013-8_vm{vm}" for vm in (270, 338, 384, 392, 411)]
        for one in series:
            assert len(one.values) == 8_640
            assert one.borders == (6_048, 6_912, 8_640)
            assert not set(one.columns) & {"cpu_cores", "cpu_capacity_mhz"}
        # The longest gap of all machines, 61 minutes, is just within the rule.
        assert "21 of 8640 steps (0.24%) have no value; they repeat the one before them." in series[3].notes


@pytest.mark.shared
@pytest.mark.parametrize(
    ("dataset", "name", "shape", "borders", "season"),
    [
        ("alibaba", "alibaba2018_machine_usage_30s", (22_415, 5), (15_690, 17_932, 22_415), 2_880),
        ("alibaba", "alibaba2018_machine_usage_300s", (2_243, 5), (1_570, 1_795, 2_243), 288),
        ("google", "google2019_instance_usage_300s", (8_064, 4), (5_644, 6_452, 8_064), 288),
    ],
)
def test_traces_of_data_centres_have_a_clock_without_a_calendar(
    shared_data: Path,
    dataset: str,
    name: str,
    shape: tuple[int, int],
    borders: tuple[int, int, int],
    season: int,
) -> None:
    series = load(dataset, shared_data / "workload", name)
    assert series.values.shape == shape
    assert series.borders == borders
    assert series.season == season
    assert series.timestamps is None
    assert len(series.notes) == 1  # nothing filled, dropped or constant


def test_a_trace_is_read_from_csv_as_well(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = ("avg_cpu", "avg_mem", "avg_assigned_mem", "avg_cycles_per_instruction")
    table = pd.DataFrame(rng.random((600, 4)), columns=columns)
    table.assign(timestamp=300 * np.arange(600)).to_csv(tmp_path / "google2019.csv", index=False)
    assert load("google", tmp_path).columns == columns
    table.to_csv(tmp_path / "google2019.csv", index=False)
    with pytest.raises(ValueError, match=r"google2019\.csv has no column 'timestamp'; name one of 'avg_cpu'"):
        load("google", tmp_path)


class TestNasa:
    def test_the_gap_between_the_logs_cuts_and_the_outage_stays(self, tmp_path: Path) -> None:
        minutes = np.array([*range(5_000), *range(10_000, 18_000)])
        requests = 1 + minutes % 7
        requests[6_000:6_500] = 0
        times = np.datetime64("1995-07-20T00:00:00") + minutes * np.timedelta64(60, "s")
        pd.DataFrame({"timestamp": times, "requests": requests}).to_csv(tmp_path / "nasa_http_1min.csv", index=False)
        series = load("nasa", tmp_path)
        assert series.values.shape == (8_000, 1)
        assert (series.values[1_000:1_500] == 0).all()
        assert "5000 of 13000 steps are dropped" in series.notes[0]
        assert series.notes[-1] == (
            "No request at all for 500 minutes from 1995-07-27T15:20:00 on: an outage, kept as measured."
        )

    @pytest.mark.shared
    def test_august_is_kept(self, shared_data: Path) -> None:
        series = load("nasa", shared_data / "workload")
        assert series.values.shape == (44_640, 1)
        assert series.borders == (31_248, 35_712, 44_640)
        assert series.season == 1_440
        assert series.timestamps is not None
        assert str(series.timestamps[0]) == "1995-08-01T00:00:00"
        assert "39693 of 84333 steps are dropped" in series.notes[0]
        assert series.notes[-1].startswith("No request at all for 2263 minutes from 1995-08-01T14:53:00 on")


def test_series_are_listed_without_being_read(tmp_path: Path) -> None:
    for name in ("ETTm2.parquet", "ETTh1.csv", "ETTh3.csv", "other.csv"):
        (tmp_path / name).touch()
    assert list_forecast_series("ett", tmp_path) == ("ETTh1", "ETTm2")
