"""The file that states a study's question, as whoever goes on with the study or builds on it reads it."""

import json
from pathlib import Path
from typing import Any

STUDY_FORMAT = 1


def read_study(folder: Path) -> dict[str, Any]:
    """Read ``study.json``.

    Raises:
        ValueError: If the folder holds no study, or one of another format.
    """
    path = folder / "study.json"
    if not path.is_file():
        raise ValueError(f"{folder} holds no study (no study.json in it); give the folder of a study")
    try:
        study: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}; restore it from a copy") from error
    if study.get("format") != STUDY_FORMAT:
        raise ValueError(f"{path} has format {study.get('format')!r}, but this version reads format {STUDY_FORMAT}")
    return study
