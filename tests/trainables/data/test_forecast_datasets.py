from pathlib import Path
from typing import Any

import pytest

from trainables.data.forecast_datasets import FORECAST_DATASETS, list_forecast_series, load_forecast_series

BUILT_IN = ("sample_workload", "sample_prices")


def test_every_data_set_describes_itself_in_one_line() -> None:
    for name, dataset in FORECAST_DATASETS.items():
        assert dataset.name == name
        assert dataset.description.endswith(".")
        assert "\n" not in dataset.description
        assert dataset.needs_root == (name not in BUILT_IN)
        assert dataset.horizon >= 1
        assert dataset.takes_roles == (name in {"csv", "parquet"})


def test_the_samples_need_no_root() -> None:
    assert list_forecast_series("sample_workload", None) == ("web-1", "batch-1")
    assert list_forecast_series("sample_prices", None) == ("RISE-1", "FALL-1")


@pytest.mark.parametrize("name", FORECAST_DATASETS)
class TestRequest:
    def test_a_root_is_needed_or_refused(self, name: str, tmp_path: Path) -> None:
        built_in = name in BUILT_IN
        message = "is built in, but --data-root" if built_in else "needs --data-root, a folder with"
        with pytest.raises(ValueError, match=f"data set '{name}' {message}"):
            list_forecast_series(name, tmp_path if built_in else None)

    def test_an_empty_root_is_answered_by_the_layout(self, name: str, tmp_path: Path) -> None:
        if name not in BUILT_IN:
            with pytest.raises(ValueError, match=rf"no series of data set '{name}' in '.*'; looked for .*\.") as caught:
                list_forecast_series(name, tmp_path)
            assert "\n" not in str(caught.value)

    def test_the_clock_is_only_named_for_ones_own_tables(self, name: str) -> None:
        if not FORECAST_DATASETS[name].takes_roles:
            with pytest.raises(ValueError, match=f"--timestamp is 't', but data set '{name}' knows its own columns"):
                load_forecast_series(name, root=None, names=None, timestamp="t")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"dataset": "smd"},
            r"^unknown data set 'smd'; known are 'sample_workload', 'sample_prices', 'ett', .*'parquet'$",
        ),
        ({"names": ["web-2"]}, r"^unknown series 'web-2' of data set 'sample_workload'; known are 'web-1', 'batch-1'$"),
        ({"names": ["web-1", "web-1"]}, r"is named more than once; name it once$"),
        ({"names": ["../web-1"]}, r"^series '\.\./web-1' is a path"),
        ({"target": ["load"]}, r"^target 'load' is no column of web-1; name one or more of 'cpu', 'memory'"),
        ({"target": []}, r"^the targets \[\] must be one or more columns"),
        ({"difference": "log"}, r"^unknown difference 'log'; known are 'none', 'log_return'$"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load_forecast_series(**{"dataset": "sample_workload", "root": None, "names": None, **request_})
    assert "\n" not in str(caught.value)


def test_choices_reach_the_series() -> None:
    (series,) = load_forecast_series(
        "sample_prices", root=None, names=["FALL-1"], target=["close", "open"], difference="none"
    )
    assert series.name == "FALL-1"
    assert series.targets == (3, 0)
    assert series.difference == "none"
