"""One seed, many independent random streams, each with a name.

Nothing in the project draws from a global generator: what a trial does is a function of the study's seed and of the
names on the way to it ("search", 7, "machine-1-6", "epoch", 3), whatever ran before it on the same worker.
"""

import hashlib
import json


def derive_seed(seed: int, *names: str | int) -> int:
    """Derive the seed of a named stream: 63 bits, the same on every machine and in every Python process."""
    digest = hashlib.sha256(json.dumps([seed, *names]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


STAGES = ("search", "confirm", "ablate", "validity", "baseline", "tune")
_SEEDS_PER_STAGE = 1 << 28


def stage_seed(study_seed: int, stage: str, index: int) -> int:
    """Derive the seed of a trial: stages never share one, and it stays short enough to be read and typed."""
    return STAGES.index(stage) * _SEEDS_PER_STAGE + derive_seed(study_seed, stage, index) % _SEEDS_PER_STAGE
