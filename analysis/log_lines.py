"""The event log as lines, of which it may have millions: from a number on, or in blocks; never whole in memory.

Lines carry rising numbers, so those after a number are found by halving, without reading what stands before them.
"""

import re
from collections.abc import Iterator

import pyarrow as pa

_BLOCK = 8 << 20
_STRIDE = 1 << 18
"""A stretch that is read through rather than halved again."""
_NUMBER = re.compile(rb'\s*\{\s*"seq"\s*:\s*(\d+)')


def read_blocks(stream: pa.NativeFile, size: int = _BLOCK) -> Iterator[bytes]:
    """Iterate over a log in blocks of whole lines; an unfinished last line is left out."""
    rest = b""
    while chunk := stream.read(size):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join((rest, memoryview(chunk)[:end]))
        rest = chunk[end:] if end else rest + chunk


def read_lines_after(file: pa.NativeFile, number: int) -> Iterator[bytes]:
    """Iterate over a log's whole lines with higher numbers than one.

    Args:
        file: Open at any place; it is moved.
        number: That of an event, -1 for all lines.
    """
    file.seek(_find_start(file, number) if number >= 0 else 0)
    for block in read_blocks(file):
        for line in block[:-1].split(b"\n"):
            found = _NUMBER.match(line)
            if found is None or int(found[1]) > number:
                yield line


def _find_start(file: pa.NativeFile, number: int) -> int:
    """Find a place at the start of a line, no later than the first line with a higher number."""
    start, end = 0, file.size()
    while end - start > _STRIDE:
        middle = (start + end) // 2
        place, line = _next_line(file, middle)
        found = _NUMBER.match(line)
        if found is not None and int(found[1]) <= number:
            start = place
        else:
            end = middle
    return start


def _next_line(file: pa.NativeFile, place: int) -> tuple[int, bytes]:
    """Return the first whole line that begins after a place, and where; an empty one where there is none."""
    file.seek(place)
    text = b""
    while text.count(b"\n") < 2 and (chunk := file.read(_STRIDE)):
        text += chunk
    before, _, after = text.partition(b"\n")
    line, line_break, _ = after.partition(b"\n")
    return place + len(before) + 1, line if line_break else b""
