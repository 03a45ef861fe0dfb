"""The engine: what a study is, what happens next, and how Ray carries it out.

From Python it is used by six names:

    from cluster import Resources, StudySpec, resume_study, run_ablation, run_study

    result = run_study(StudySpec(space="lightmmoe", trials=20), name="mine", resources=Resources(max_concurrent=2))

and a ``StudyResult`` comes back.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster.driver import StudyResult, resume_study, run_ablation, run_study
    from cluster.study import Resources, StudySpec

__all__ = ["Resources", "StudyResult", "StudySpec", "resume_study", "run_ablation", "run_study"]

_HOMES = {
    "Resources": "cluster.study",
    "StudyResult": "cluster.driver",
    "StudySpec": "cluster.study",
    "resume_study": "cluster.driver",
    "run_ablation": "cluster.driver",
    "run_study": "cluster.driver",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: Ray and PyTorch take seconds that ``--describe`` need not pay."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
