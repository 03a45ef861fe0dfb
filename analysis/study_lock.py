"""One writer at a time: the lock that a driver holds while it works on a study."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = Path("events") / "lock"
"""Where the engine locks a study; whoever rewrites the study's files must hold the same lock."""


@contextmanager
def hold_study(folder: Path) -> Iterator[None]:
    """Keep drivers and other writers off a study; the system frees it when this process dies, however it dies.

    Raises:
        ValueError: If a driver, or another command, works on it.
        OSError: If the folder cannot be written.
    """
    path = folder / LOCK
    path.parent.mkdir(exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise ValueError(
                f"the study in {folder} is being worked on by {owner}; wait for it to end, or stop it first"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield
