"""The Server Machine Dataset: 28 machines, 38 features each, trained and tested one by one; 4.16 % anomalous.

Read as published, ``ServerMachineDataset/{train,test,test_label}/machine-1-6.txt``: comma-separated lines without a
header, one label per line. Read as Parquet as well, ``machine-1-6/train.parquet`` and ``test.parquet`` with the labels
in a column ``label``. The publishers scaled the values to [0, 1]; one step is one minute.

References:
    Su et al., "Robust Anomaly Detection for Multivariate Time Series through Stochastic Recurrent Neural Network",
    KDD 2019; data at github.com/NetManAIOps/OmniAnomaly.
"""

from functools import partial
from pathlib import Path

from trainables.data.columns import to_labels, to_numbers
from trainables.data.files import TableFile, read_plain_text
from trainables.data.names import sort_naturally
from trainables.data.series import AnomalySeries, SeriesFound, note_constant_features
from trainables.data.tables import ColumnRoles, find_table_series

PARTS = ("train", "test", "test_label")


def find_machines(root: Path) -> SeriesFound:
    """Find the machines below the data set's folder or its parent, in natural order.

    Raises:
        ValueError: If the published layout is there only in part.
    """
    for folder in (root, root / "ServerMachineDataset"):
        if any((folder / part).is_dir() for part in PARTS):
            return _find_published(folder)
    return find_table_series(root, ColumnRoles(label_column="label"), suffix="parquet")


def _find_published(folder: Path) -> SeriesFound:
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise ValueError(
            f"{folder / missing[0]} is not there, but the published layout has the folders {', '.join(PARTS)} side by "
            "side; copy it there as well"
        )
    names = sort_naturally(path.stem for path in (folder / "train").glob("[!.]*.txt"))
    return {name: partial(_load_published, folder, name) for name in names}


def _load_published(folder: Path, name: str) -> AnomalySeries:
    train, test, label = (read_plain_text(folder / part / f"{name}.txt") for part in PARTS)
    _check_label_lines(label, test)
    way_out = "write every cell as a number"
    train_values = to_numbers(train, way_out=way_out)
    return AnomalySeries(
        name=name,
        train=train_values,
        test=to_numbers(test, way_out=way_out),
        labels=to_labels(label, label.names[0]),
        features=tuple(train.names),
        notes=(
            "The features have no names in the published files; they are numbered from f00.",
            *note_constant_features(train_values),
        ),
    )


def _check_label_lines(label: TableFile, test: TableFile) -> None:
    if len(label.names) != 1:
        raise ValueError(f"{label.path} has {len(label.names)} cells in a line; a label file has one 0 or 1 per line")
    n_labels, n_steps = label.table.num_rows, test.table.num_rows
    if n_labels != n_steps:
        raise ValueError(
            f"{label.path} has {n_labels} lines, but {test.path} has {n_steps}; give every line of test one label"
        )
