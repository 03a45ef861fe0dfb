from dataclasses import dataclass
from pathlib import Path

import pytest

from trainables.data.finding import check_takes_option, choose_series, find_in_root, look_up_dataset


@dataclass(frozen=True)
class Set:
    name: str
    layout: str | None


def test_an_unknown_name_is_answered_by_the_known_ones() -> None:
    assert look_up_dataset("a", {"a": 1}) == 1
    with pytest.raises(ValueError, match=r"^unknown data set 'c'; known are 'a', 'b'$"):
        look_up_dataset("c", {"a": 1, "b": 2})


def test_a_built_in_set_has_no_root(tmp_path: Path) -> None:
    assert find_in_root(Set("a", None), None, lambda _: ["x"]) == ["x"]
    with pytest.raises(ValueError, match=r"data set 'a' is built in, but --data-root is"):
        find_in_root(Set("a", None), tmp_path, lambda _: ["x"])


def test_another_one_is_searched_for_in_its_root(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert find_in_root(Set("a", "files"), tmp_path, lambda root: [path.name for path in root.iterdir()]) == ["x"]
    with pytest.raises(ValueError, match=r"^data set 'a' needs --data-root, a folder with files$"):
        find_in_root(Set("a", "files"), None, lambda _: ["x"])
    with pytest.raises(ValueError, match=r"is not a folder; give --data-root a folder with files$"):
        find_in_root(Set("a", "files"), tmp_path / "x", lambda _: ["x"])
    with pytest.raises(ValueError, match=r"^no series of data set 'a' in '.*'; looked for files$"):
        find_in_root(Set("a", "files"), tmp_path, lambda _: [])


def test_series_are_chosen_by_name() -> None:
    assert choose_series(None, ["x", "y"], "a") == ["x", "y"]
    assert choose_series(["y"], ["x", "y"], "a") == ["y"]
    with pytest.raises(ValueError, match=r"^unknown series 'z' of data set 'a'; known are 'x', 'y'$"):
        choose_series(["z"], ["x", "y"], "a")


def test_an_option_is_for_those_who_take_it() -> None:
    check_takes_option("--timestamp", "t", "csv", takes_it=True)
    check_takes_option("--timestamp", None, "a", takes_it=False)
    with pytest.raises(ValueError, match=r"^--timestamp is 't', but data set 'a' knows its own columns"):
        check_takes_option("--timestamp", "t", "a", takes_it=False)
