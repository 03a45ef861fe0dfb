"""What the tests of the loaders share: the real data, and small files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

Columns = Mapping[str, Sequence[object]]


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[Columns, Columns], Path]:
    """Write ``tmp_path/s/train.csv`` and ``test.csv``; returns the root."""

    def write(train: Columns, test: Columns) -> Path:
        (tmp_path / "s").mkdir()
        pd.DataFrame(train).to_csv(tmp_path / "s" / "train.csv", index=False)
        pd.DataFrame(test).to_csv(tmp_path / "s" / "test.csv", index=False)
        return tmp_path

    return write


@pytest.fixture
def write_parquet(tmp_path: Path) -> Callable[[Columns, Columns], Path]:
    """Write ``tmp_path/s/train.parquet`` and ``test.parquet``; returns the root."""

    def write(train: Columns, test: Columns) -> Path:
        (tmp_path / "s").mkdir()
        pd.DataFrame(train).to_parquet(tmp_path / "s" / "train.parquet")
        pd.DataFrame(test).to_parquet(tmp_path / "s" / "test.parquet")
        return tmp_path

    return write
