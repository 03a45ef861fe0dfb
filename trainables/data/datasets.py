"""The named data sets of anomaly detection: which there are, where they come from, and their series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainables.data.finding import check_takes_option, choose_series, find_in_root, look_up_dataset
from trainables.data.sample import SAMPLE_SERIES, generate_sample
from trainables.data.series import AnomalySeries, SeriesFound
from trainables.data.smd import find_machines
from trainables.data.tables import ColumnRoles, find_table_series


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetLoader:
    """One named data set."""

    name: str
    description: str
    """One line: what it is and where it comes from."""
    layout: str | None
    """What is looked for below the root; ``None`` for a built-in set, which has no root."""
    find: Callable[[Path, ColumnRoles], SeriesFound]
    """Finds the series there are, in natural order. All of them are the default of a study."""
    takes_roles: bool = False
    """Whether the user says which columns are the labels and the clock; published sets know their own."""

    @property
    def needs_root(self) -> bool:
        """Whether the data lie in a folder that the user has to name."""
        return self.layout is not None


def load_series(
    dataset: str,
    *,
    root: Path | None,
    names: Sequence[str] | None,
    label_column: str | None = None,
    timestamp: str | None = None,
) -> tuple[AnomalySeries, ...]:
    """Load series of a data set, checked.

    Args:
        dataset: A name in :data:`DATASETS`.
        root: The folder the data lie in; ``None`` for a built-in set.
        names: The series, in the order wanted; ``None``: all there are, in natural order.
        label_column: The column with the labels, for one's own tables; ``None``: ``label`` if it is there.
        timestamp: The column with the clock, for one's own tables; ``None``: there is none.

    Raises:
        ValueError: If anything about the request or the data is wrong, in one line.
    """
    takes_roles = look_up_dataset(dataset, DATASETS).takes_roles
    for option, value in (("--label-column", label_column), ("--timestamp", timestamp)):
        check_takes_option(option, value, dataset, takes_it=takes_roles)
    found = _find(dataset, root, ColumnRoles(label_column=label_column, timestamp=timestamp))
    return tuple(found[name]() for name in choose_series(names, found, dataset))


def list_series(dataset: str, root: Path | None) -> tuple[str, ...]:
    """List the series of a data set in natural order, without reading them.

    Raises:
        ValueError: If the data set is unknown, or if there is no series of it in the root.
    """
    return tuple(_find(dataset, root, ColumnRoles()))


def _find(dataset: str, root: Path | None, roles: ColumnRoles) -> SeriesFound:
    loader = look_up_dataset(dataset, DATASETS)
    return find_in_root(loader, root, lambda folder: loader.find(folder, roles))


def _find_samples(_root: Path, _roles: ColumnRoles) -> SeriesFound:
    return {name: partial(_generate_one, name) for name in SAMPLE_SERIES}


def _generate_one(name: str) -> AnomalySeries:
    (series,) = generate_sample((name,))
    return series


def _find_smd(root: Path, _roles: ColumnRoles) -> SeriesFound:
    return find_machines(root)


def _find_asd(root: Path, _roles: ColumnRoles) -> SeriesFound:
    return find_table_series(root, ColumnRoles(label_column="label"), suffix="parquet")


DATASETS: dict[str, DatasetLoader] = {
    loader.name: loader
    for loader in (
        DatasetLoader(
            name="sample",
            description="Two short generated series of server-like metrics with labelled incidents; built in.",
            layout=None,
            find=_find_samples,
        ),
        DatasetLoader(
            name="smd",
            description="Server Machine Dataset, 28 machines (Su et al., KDD 2019; NetManAIOps/OmniAnomaly).",
            layout=(
                "ServerMachineDataset/{train,test,test_label}/<machine>.txt, or <machine>/{train,test}.parquet with a "
                "column 'label' in test"
            ),
            find=_find_smd,
        ),
        DatasetLoader(
            name="asd",
            description="Application Server Dataset, 12 servers (Li et al., KDD 2021; zhhlee/InterFusion).",
            layout="<server>/{train,test}.parquet with a column 'label' in test",
            find=_find_asd,
        ),
        DatasetLoader(
            name="csv",
            description="Your own series as CSV with a header line, a folder for each.",
            layout="<series>/train.csv and test.csv, or these two files themselves",
            find=partial(find_table_series, suffix="csv"),
            takes_roles=True,
        ),
        DatasetLoader(
            name="parquet",
            description="Your own series as Parquet, a folder for each.",
            layout="<series>/train.parquet and test.parquet, or these two files themselves",
            find=partial(find_table_series, suffix="parquet"),
            takes_roles=True,
        ),
    )
}
"""The data sets by name. A new one is a finder and an entry here."""
