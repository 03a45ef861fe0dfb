"""Command lines to copy: the study's own, and one that gives a configuration the confirmed scores it has."""

import shlex
from collections.abc import Mapping
from typing import Any

from analysis.formatting import format_exactly

_WIDTH = 100
_BREAK = " \\\n    "


def study_command(study: Mapping[str, Any]) -> str:
    """Write the command that started the study; empty where it was not recorded."""
    command = study.get("command")
    return shlex.join(["python", *command]) if command else ""


def reproduce_command(study: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Write a command that runs a configuration again as the study confirmed it.

    It is a study with every searched parameter set. Seeds of a confirmation are a function of the study's seed and of
    nothing that a search does, so the same seeds, and with them the same scores, come out.
    """
    spec = study["spec"]
    flags: list[tuple[str, object]] = [
        ("--space", spec["space"]),
        ("--data", spec["data"]),
        ("--data-root", spec.get("data_root")),
        ("--series", ",".join(spec["series"]) if spec.get("series") else None),
        ("--label-column", spec.get("label_column")),
        ("--timestamp", spec.get("timestamp")),
        ("--target", ",".join(spec["target"]) if spec.get("target") else None),
        ("--horizon", spec.get("horizon")),
        ("--difference", spec.get("difference")),
        ("--objective", study["objective"]["name"]),
        ("--labelled-by", None if spec.get("labelled_by") == "time" else spec.get("labelled_by")),
        ("--seed", spec["seed"]),
        ("--trials", 1),
        ("--max-epochs", spec["max_epochs"]),
        ("--precision", None if spec.get("precision", "fp32") == "fp32" else spec["precision"]),
        ("--confirm-top", 1),
        ("--confirm-seeds", spec["confirm_seeds"]),
    ]
    words = [shlex.join([flag, str(value)]) for flag, value in flags if value is not None]
    words += ["--full-test"] if spec.get("full_test") else []
    words += [shlex.join(["--set", f"{name}={format_exactly(config[name])}"]) for name in _names_to_set(study, config)]
    return _wrap(["python launch.py", *words])


def _names_to_set(study: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """List what a study must not search, and what differs from what it would take by itself."""
    searched = {parameter["name"] for parameter in study["parameters"]}
    published = study["published"]
    return [
        name
        for name, value in config.items()
        if name in searched or name in study["fixed"] or name not in published or value != published[name]
    ]


def _wrap(words: list[str]) -> str:
    """Join words to lines that a shell reads as one."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return _BREAK.join(lines)
