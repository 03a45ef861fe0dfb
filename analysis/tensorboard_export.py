"""Makes a study's TensorBoard files anew from its event log, byte for byte as the driver wrote them."""

from contextlib import nullcontext
from pathlib import Path

from analysis.event_log import read_log
from analysis.reading import StudyFolder
from analysis.study_lock import hold_study
from analysis.tensorboard_log import FILE_NAME, TensorBoardLog


def export_tensorboard(path_or_uri: str | Path, target: Path | None = None) -> tuple[Path, int]:
    """Write the files; those that are right already are not touched.

    Args:
        path_or_uri: The study's folder.
        target: Where to; the study's own ``tensorboard/`` where it is not given.

    Returns:
        Where the files are, and how many.

    Raises:
        ValueError: If there is no study, its log cannot be read, or a driver writes these files at the moment.
        OSError: If a file cannot be written.
    """
    study = StudyFolder(path_or_uri)
    if target is None and "://" in str(path_or_uri):
        raise ValueError(f"TensorBoard's files of {path_or_uri} can be made on a local disk alone; give --to DIR")
    own = Path(study.root) / "tensorboard"
    target = own if target is None else target
    with hold_study(Path(study.root)) if target.resolve() == own.resolve() else nullcontext():
        events = ((event["seq"], event["time"], event["kind"], event) for event in read_log(study))
        try:
            TensorBoardLog(target, study.study, events)
        except KeyError as error:
            raise ValueError(
                f"an event of {path_or_uri} has no entry {error}: another version made this study"
            ) from error
    return target, sum(1 for _ in target.rglob(FILE_NAME))
