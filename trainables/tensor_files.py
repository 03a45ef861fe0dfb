"""Tensors on disk, with a checksum: a file is read as it was written or not at all, and nothing in it is ever run."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from trainables.whole_files import replace_file

_DIGEST_BYTES = 32


class DamagedFileError(Exception):
    """A file is missing, or is not as it was written."""


def write_tensors(path: Path, content: Any) -> int:
    """Write tensors in nested dicts and lists, whole or not at all.

    Returns:
        The file's size in bytes.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getvalue()
    # PyTorch itself reads on over most flipped bits and returns other numbers.
    replace_file(path, hashlib.sha256(data).digest() + data)
    return _DIGEST_BYTES + len(data)


def read_tensors(path: Path, device: torch.device | str) -> Any:
    """Read what :func:`write_tensors` wrote.

    Raises:
        DamagedFileError: If the file is missing or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFileError(f"{path} cannot be read: {error}") from error
    digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != digest:
        raise DamagedFileError(f"{path} cannot be read: it is damaged, its checksum does not agree")
    return torch.load(io.BytesIO(data), map_location=device, weights_only=True)
