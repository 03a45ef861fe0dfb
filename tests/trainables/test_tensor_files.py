from pathlib import Path

import pytest
import torch

from trainables.tensor_files import DamagedFileError, read_tensors, write_tensors

CONTENT = {"weights": torch.arange(6.0).view(2, 3), "steps": [torch.tensor(3)], "epoch": 2}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    n_bytes = write_tensors(tmp_path / "a.pt", CONTENT)
    assert n_bytes == (tmp_path / "a.pt").stat().st_size
    found = read_tensors(tmp_path / "a.pt", "cpu")
    assert torch.equal(found["weights"], CONTENT["weights"])  # type: ignore[arg-type]
    assert (int(found["steps"][0]), found["epoch"]) == (3, 2)


def test_any_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    write_tensors(path, CONTENT)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(DamagedFileError, match="checksum"):
            read_tensors(path, "cpu")


@pytest.mark.parametrize("kept", [0, 10, 40, -1])
def test_so_is_a_file_that_was_cut(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.pt"
    write_tensors(path, CONTENT)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedFileError, match="checksum"):
        read_tensors(path, "cpu")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match=r"a\.pt cannot be read: .*No such file"):
        read_tensors(tmp_path / "a.pt", "cpu")
