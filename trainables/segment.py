"""What a worker needs to know to go on with a trial: some of its epochs, or its test.

A trial is one configuration under one seed over several series. A segment takes it up at its last checkpoint.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Work = Literal["train", "test", "baseline"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """What a worker needs to know, besides the data, to go on with a trial."""

    trial_id: str
    attempt: int
    work: Work
    family: str
    arm: str
    config: Mapping[str, Any]
    seed: int
    series: tuple[str, ...]
    from_epoch: int
    """The epoch whose checkpoint it starts from; 0 starts afresh."""
    max_epochs: int
    checkpoint_epochs: tuple[int, ...]
    """Epochs after which a checkpoint is always written."""
    checkpoint_folder: str
    prediction_file: str
    artifact_folder: str
    """Of what trials share, such as pretrained parts."""
    artifact_seed: int
    """Of what is made for that folder: the same for all trials that shall share it."""
    precision: Literal["fp32", "bf16"]
    full_test: bool
    all_objectives: bool
    """Whether the last epoch computes every objective and not just the study's."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Segment":
        """Rebuild a segment from :meth:`to_dict`."""
        lists = {name: tuple(values[name]) for name in ("series", "checkpoint_epochs")}
        return cls(**{**values, **lists})

    def to_dict(self) -> dict[str, Any]:
        """Return the segment as plain values, which Ray passes to a worker."""
        return asdict(self)
