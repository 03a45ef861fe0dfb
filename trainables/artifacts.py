"""What many trials need and only one has to make: pretrained parts of models, in a folder that the cluster shares.

An artifact is addressed by what it was made from, so it is made once for each distinct key, however many trials ask,
wherever they run. Whoever asks first makes it; the others wait for it, and a maker that dies lets the next one in.
"""

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from trainables.tensor_files import DamagedFileError, read_tensors, write_tensors

Tensors = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifacts:
    """The artifacts of one series of a study."""

    folder: Path
    """Shared by all workers."""
    data: str
    """Identifies the series' values and what was made of them."""
    seed: int
    """Of whatever randomness their making has."""

    def get(self, kind: str, key: Mapping[str, object], make: Callable[[int], Tensors]) -> Tensors:
        """Return an artifact, made now if nobody made it before.

        Args:
            kind: What it is, such as ``flow``; part of the file's name.
            key: All that decides its content besides the data and the seed.
            make: Makes it, given the seed.

        Returns:
            Tensors by name, on the CPU.
        """
        content = json.dumps([kind, self.data, self.seed, dict(key)], sort_keys=True)
        name = f"{kind}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        path = self.folder / f"{name}.pt"
        if (found := _read(path)) is not None:
            return found
        with _locked(self.folder / f"{name}.lock"):
            if (found := _read(path)) is not None:  # somebody made it while this worker waited
                return found
            made = make(self.seed)
            write_tensors(path, made)
            with (self.folder / "made.log").open("a") as log:  # how often each was made; appends are atomic
                log.write(f"{name} {content}\n")
            return made


def _read(path: Path) -> Tensors | None:
    """Load an artifact; one that is missing or damaged is made again."""
    try:
        loaded: Tensors = read_tensors(path, "cpu")
    except DamagedFileError:
        return None
    return loaded


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that goes with the process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
