"""Lines of a log: those after a number, found by halving, against all lines read; blocks of any size."""

import io
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from analysis import log_lines
from analysis.log_lines import read_blocks, read_lines_after


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """Lines of very different lengths, some longer than a stretch that is read at once."""
    draw = random.Random(3)
    return [
        json.dumps({"seq": number, "time": 1.0, "kind": "x" * draw.choice([3, 50, 900])}).encode()
        for number in range(400)
    ]


@pytest.fixture(autouse=True)
def short_strides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halve down to less than a line, so that small logs are halved too."""
    monkeypatch.setattr(log_lines, "_STRIDE", 300)


@pytest.mark.parametrize("number", [-1, 0, 1, 7, 200, 398, 399, 1000])
def test_lines_after_a_number(lines: list[bytes], number: int, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    with pa.OSFile(str(path)) as file:
        assert list(read_lines_after(file, number)) == lines[number + 1 :]


def test_every_number_is_found(lines: list[bytes]) -> None:
    text = b"".join(line + b"\n" for line in lines[:60])
    for number in range(60):
        assert next(read_lines_after(pa.BufferReader(text), number), None) == (lines[:60][number + 1 :] or [None])[0]


def test_an_unfinished_line_is_left_out(lines: list[bytes]) -> None:
    text = b"\n".join(lines[:50])
    assert list(read_lines_after(pa.BufferReader(text), 10)) == lines[11:49]
    assert list(read_lines_after(pa.BufferReader(b""), 10)) == []


def test_a_line_without_a_number_is_left_to_the_caller() -> None:
    assert list(read_lines_after(pa.BufferReader(b'{"seq": 1}\ntorn\n'), 0)) == [b'{"seq": 1}', b"torn"]


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_blocks_hold_whole_lines(lines: list[bytes], size: int) -> None:
    text = b"".join(line + b"\n" for line in lines[:20]) + b"unfinished"
    blocks = list(read_blocks(pa.PythonFile(io.BytesIO(text), mode="r"), size))
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) == text.removesuffix(b"unfinished")
