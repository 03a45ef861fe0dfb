"""What is put on record of a study when it begins: the question, and what is needed to judge the answer."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from analysis.trial_table import trial_columns
from cluster.provenance import command_line, describe_code, describe_hardware, describe_versions
from cluster.resolution import ResolvedStudy
from cluster.study_file import STUDY_FORMAT
from search_spaces.probing import Parameter
from trainables.models.base import column_types


def describe_study(resolved: ResolvedStudy, name: str) -> dict[str, Any]:
    """Describe a study for its ``study.json``: the question and what is needed to judge the answer."""
    spec, data, task = resolved.spec, resolved.data, resolved.task
    return {
        "format": STUDY_FORMAT,
        "name": name,
        "created_at": datetime.now(tz=UTC).isoformat(),
        "space": spec.space,
        "space_hash": resolved.restricted.identity(),
        "family": resolved.family.name,
        "task": task.name,
        # Absolute, so that a resume finds the data from wherever it is started.
        "spec": spec.to_dict() | ({"data_root": str(Path(spec.data_root).resolve())} if spec.data_root else {}),
        "objective": {
            "name": data.objective.name,
            "direction": data.objective.direction,
            "primary_metric": data.objective.primary_metric,
            "epoch": data.objective.epoch,
            "description": data.objective.description,
            "evidence": data.objective.evidence.in_words() if data.objective.evidence is not None else "",
        },
        "objectives": list(task.objectives),
        "parameters": [_describe_parameter(parameter) for parameter in resolved.restricted.searched],
        "fixed": {name: resolved.plan.listed[0][name] for name in resolved.restricted.fixed},
        "rungs": list(resolved.plan.rungs),
        "published": dict(resolved.plan.published),
        "preparation": list(resolved.restricted.space.preparation),
        "series": list(data.series),
        "objective_series": list(data.objective_series),
        "test_series": list(data.test_series),
        "baselines": list(task.baselines),
        "notes": list(data.notes),
        "ablation": resolved.describe_ablation(),
        "data_hash": data.data_hash,
        "columns": trial_columns(
            column_types(resolved.family.config), task.validation_metric_names, task.test_metric_names
        ),
        "code": describe_code(),
        "versions": describe_versions(),
        "hardware": describe_hardware(),
        "command": command_line(),
    }


def _describe_parameter(parameter: Parameter) -> dict[str, Any]:
    """Describe a searched parameter in plain values: ``choices``, or ``low``, ``high`` and ``log``."""
    distribution = parameter.distribution
    if isinstance(distribution, CategoricalDistribution):
        domain: dict[str, Any] = {"choices": list(distribution.choices)}
    else:
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        domain = {"low": distribution.low, "high": distribution.high, "log": distribution.log}
    absent = {} if parameter.switch is None else {"absent": parameter.switch.absent}
    return {"name": parameter.name, **domain, **absent, "condition": parameter.condition}
