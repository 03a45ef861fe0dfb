"""The named data sets of anomaly detection: which there are, where they come from, and their series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainables.data.names import enumerate_names
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
    loader = _look_up(dataset)
    for option, value in (("--label-column", label_column), ("--timestamp", timestamp)):
        if value is not None and not loader.takes_roles:
            raise ValueError(
                f"{option} is {value!r}, but data set {dataset!r} knows its own columns; leave the option out, or read "
                "your own tables with --data csv or --data parquet"
            )
    found = _find(loader, root, ColumnRoles(label_column=label_column, timestamp=timestamp))
    return tuple(found[name]() for name in _choose(names, found, dataset))


def list_series(dataset: str, root: Path | None) -> tuple[str, ...]:
    """List the series of a data set in natural order, without reading them.

    Raises:
        ValueError: If the data set is unknown, or if there is no series of it in the root.
    """
    return tuple(_find(_look_up(dataset), root, ColumnRoles()))


def _look_up(dataset: str) -> DatasetLoader:
    if dataset not in DATASETS:
        raise ValueError(f"unknown data set {dataset!r}; known are {enumerate_names(list(DATASETS), len(DATASETS))}")
    return DATASETS[dataset]


def _find(loader: DatasetLoader, root: Path | None, roles: ColumnRoles) -> SeriesFound:
    if loader.layout is None:
        if root is not None:
            raise ValueError(
                f"data set {loader.name!r} is built in, but --data-root is '{root}'; leave the root out, or say with "
                "--data what lies there"
            )
        return loader.find(Path(), roles)
    if root is None:
        raise ValueError(f"data set {loader.name!r} needs --data-root, a folder with {loader.layout}")
    if not root.is_dir():
        state = "is not a folder" if root.exists() else "does not exist"
        raise ValueError(
            f"the root '{root}' of data set {loader.name!r} {state}; give --data-root a folder with {loader.layout}"
        )
    found = loader.find(root, roles)
    if not found:
        raise ValueError(f"no series of data set {loader.name!r} in '{root}'; looked for {loader.layout}")
    return found


def _choose(names: Sequence[str] | None, found: SeriesFound, dataset: str) -> Sequence[str]:
    if names is None:
        return list(found)
    known = f"known are {enumerate_names(list(found))}"
    if not names:
        raise ValueError(f"no series of data set {dataset!r} is named; name at least one, {known}")
    for name in names:
        if "/" in name or "\\" in name or name == "..":
            raise ValueError(
                f"series {name!r} is a path, but a series of data set {dataset!r} is a plain name; {known}"
            )
        if name not in found:
            raise ValueError(f"unknown series {name!r} of data set {dataset!r}; {known}")
        if list(names).count(name) > 1:
            raise ValueError(f"series {name!r} of data set {dataset!r} is named more than once; name it once")
    return names


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
