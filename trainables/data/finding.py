"""How a named data set is looked up, searched for in a folder, and how its series are chosen, whatever it is for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from trainables.data.names import enumerate_names


class FolderLayout(Protocol):
    """What a data set says of the folder it lies in."""

    @property
    def name(self) -> str:
        """The name after ``--data``."""

    @property
    def layout(self) -> str | None:
        """What is looked for below the root; ``None`` for a built-in set, which has no root."""


_Dataset = TypeVar("_Dataset")
_Found = TypeVar("_Found", bound=Collection[str])


def look_up_dataset(name: str, known: Mapping[str, _Dataset]) -> _Dataset:
    """Look up a data set by its name.

    Raises:
        ValueError: If there is none of that name; the message lists those there are.
    """
    if name not in known:
        raise ValueError(f"unknown data set {name!r}; known are {enumerate_names(list(known), len(known))}")
    return known[name]


def find_in_root(dataset: FolderLayout, root: Path | None, find: Callable[[Path], _Found]) -> _Found:
    """Find the series of a data set in the user's folder, or those that are built in.

    Raises:
        ValueError: If the root is missing, no folder, or holds no series; or if a built-in set is given one.
    """
    if dataset.layout is None:
        if root is not None:
            raise ValueError(
                f"data set {dataset.name!r} is built in, but --data-root is '{root}'; leave the root out, or say with "
                "--data what lies there"
            )
        return find(Path())
    if root is None:
        raise ValueError(f"data set {dataset.name!r} needs --data-root, a folder with {dataset.layout}")
    if not root.is_dir():
        state = "is not a folder" if root.exists() else "does not exist"
        raise ValueError(
            f"the root '{root}' of data set {dataset.name!r} {state}; give --data-root a folder with {dataset.layout}"
        )
    found = find(root)
    if not found:
        raise ValueError(f"no series of data set {dataset.name!r} in '{root}'; looked for {dataset.layout}")
    return found


def choose_series(names: Sequence[str] | None, found: Collection[str], dataset: str) -> Sequence[str]:
    """Check the user's choice of series, plain names each named once; without one, take all.

    Raises:
        ValueError: If the choice is empty, or holds a path, an unknown name or one name twice.
    """
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


def check_takes_option(option: str, value: str | None, dataset: str, *, takes_it: bool) -> None:
    """Refuse an option that names a column where the data set knows its own columns.

    Raises:
        ValueError: If it is given to such a data set.
    """
    if value is not None and not takes_it:
        raise ValueError(
            f"{option} is {value!r}, but data set {dataset!r} knows its own columns; leave the option out, or read "
            "your own tables with --data csv or --data parquet"
        )
