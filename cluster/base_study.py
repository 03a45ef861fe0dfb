"""What an ablation is built around: the published configuration, or the winner of another study."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.events import LOG_NAME, read_events
from cluster.study_file import read_study

if TYPE_CHECKING:
    from cluster.study import StudySpec

INHERITED = (
    *("data", "data_root", "series", "label_column", "timestamp", "target", "horizon", "difference"),
    *("objective", "labelled_by", "full_test", "max_epochs", "precision", "fixed", "ranges"),
    *("sampler", "scheduler", "reduction_factor", "grace_epochs"),
)
"""Settings that an ablation takes from the study it is built on, unless the user says otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The configuration that every arm changes in one respect."""

    label: str
    config: dict[str, Any]
    is_published: bool
    study: str | None
    """Folder of the study that it won; ``None`` for one that no study found."""


def inherit(spec: "StudySpec") -> "StudySpec":
    """Take from the study named by ``from_study`` what the user left at its default.

    Raises:
        ValueError: If there is no such study, or it is of another space.
    """
    assert spec.from_study is not None
    study = read_study(Path(spec.from_study))
    if study["space"] != spec.space:
        raise ValueError(
            f"`--from` names {spec.from_study}, a study of the space {study['space']!r}, but `--space` is "
            f"{spec.space!r}; leave --space out, or name another study"
        )
    if study.get("ablation"):
        raise ValueError(
            f"`--from` names {spec.from_study}, which is itself an ablation and has no winner; give a study that "
            "searched"
        )
    defaults = {one.name: one.default for one in dataclasses.fields(spec)}
    defaults |= {"fixed": {}, "ranges": {}}
    theirs = type(spec).from_dict(study["spec"])
    changes = {name: getattr(theirs, name) for name in INHERITED if getattr(spec, name) == defaults[name]}
    return dataclasses.replace(spec, **changes, from_study=str(Path(spec.from_study).resolve()))


def read_winner(folder: Path) -> tuple[str, dict[str, Any]]:
    """Return the name and the configuration of the winner that a study fixed.

    Raises:
        ValueError: If it has none yet.
    """
    study = read_study(folder)
    events = read_events(folder / "events") if (folder / "events" / LOG_NAME).exists() else []
    selected = [event.fields["config_hash"] for event in events if event.kind == "selected"]
    if not selected:
        raise ValueError(
            f"{folder} has no winner yet, so there is nothing to build on; finish it by: "
            f"python launch.py --resume {folder}"
        )
    asked = [event.fields for event in events if event.kind == "asked"]
    found = next(fields for fields in asked if fields["config_hash"] == selected[-1])
    label = "published" if found["config"] == study["published"] else f"{found['trial']} of {folder.name}"
    return label, dict(found["config"])
