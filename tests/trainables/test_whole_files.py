from pathlib import Path

import pytest

from trainables.whole_files import replace_file


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file.bin"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]  # nothing unfinished among what readers see


def test_a_death_in_between_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder" / "file.bin"
    replace_file(path, b"old")

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(SystemExit):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
