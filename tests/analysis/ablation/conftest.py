"""Ablation studies written by hand: the folder that an engine would have left, with scores that are easy to add up."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.conftest import BASE, PUBLISHED, StudyBuilder, hash_config, one_metric

TOWERS = {**PUBLISHED, "towers": "separate", "experts": 4}
"""The published configuration of the toy family that is ablated."""

Arm = Mapping[str, Any]
Scores = Sequence[tuple[float | None, float | None]]
"""Primary metric on series a and b, seed by seed; ``None`` for a run that failed."""


def make_arm(factor: str, level: Any, changes: Mapping[str, Any], **entries: Any) -> dict[str, Any]:
    """An arm around the published base, as ``study.json`` has it."""
    config = {**TOWERS, **changes}
    return {
        "name": f"{factor}={level}",
        "factor": factor,
        "level": level,
        "kind": "component",
        "config": config,
        "config_hash": hash_config(config),
        "expected": None,
        "value": None,
        "size_ratio": 1.0,
        **entries,
    }


AVERAGE = make_arm("gate", "average", {"gate": "average"}, expected=-9.0)
SPECIFIC = make_arm("gate", "specific", {"gate": "specific"}, expected=-4.0)
SHARED = make_arm("towers", "shared", {"towers": "shared"}, size_ratio=0.8)
EXPERTS = [
    make_arm("experts", str(number), {"experts": number}, kind="curve", value=float(number), size_ratio=number / 4)
    for number in (1, 2, 8)
]
ARMS = [AVERAGE, SPECIFIC, SHARED, *EXPERTS]
FACTORS = [
    {"name": "gate", "kind": "component", "parameters": ["gate"], "base_level": "mixed"},
    {"name": "towers", "kind": "component", "parameters": ["towers"], "base_level": "separate"},
    {"name": "experts", "kind": "curve", "parameters": ["experts"], "base_level": "4", "base_value": 4.0},
]


def declare(arms: Sequence[Arm] = ARMS, **changes: Any) -> dict[str, Any]:
    """The ``ablation`` entry of ``study.json``."""
    names = {arm["factor"] for arm in arms}
    return {
        "base": {
            "label": "published",
            "config": TOWERS,
            "config_hash": hash_config(TOWERS),
            "is_published": True,
            "study": None,
        },
        "factors": [factor for factor in FACTORS if factor["name"] in names],
        "arms": list(arms),
        "factorial": None,
        "path": None,
        "region": {"value": 0.01, "relative": False},
        "alpha": 0.05,
        "looks": 3,
        "retune": None,
        **changes,
    }


class AblationBuilder(StudyBuilder):
    """Writes the events of an ablation."""

    metrics: Callable[..., dict[str, dict[str, float]]] = staticmethod(one_metric)
    """Makes a test's metrics from one value by series."""

    def frozen(self, config: Arm, scores: Scores, *, arm: str = "base", first: int = 0, **options: Any) -> list[str]:
        """One configuration under one seed after another, from seed number ``first`` on."""
        return [
            self._run("ablate_frozen", arm, config, f"seed-{first + place}", first + place, pair, **options)
            for place, pair in enumerate(scores)
        ]

    def retuned(self, config: Arm, scores: Scores, *, arm: str, search: int, **options: Any) -> list[str]:
        """What one search of an arm found, under one seed after another."""
        return [
            self._run("ablate_retuned", arm, config, f"search-{search}/seed-{place}", place, pair, **options)
            for place, pair in enumerate(scores)
        ]

    def tune(self, config: Arm, value: float, *, arm: str, search: int, epochs: int = 3) -> str:
        """A trial of a search of an arm."""
        return self._train("search", arm, config, [value] * epochs, "complete", block=f"search-{search}", seed=300)

    def look(self, seeds: int, number: int = 1) -> None:
        """Every block is tested: the result may be looked at."""
        self.event("looked", look=number, seeds=seeds)

    def finish(self) -> None:
        """Leave nothing to do."""
        self.event("finished")

    def write(self, *, lines: int | None = None) -> Path:
        """As for any study; the wanted number of seeds is what the base has."""
        blocks = [event.get("block") or "" for event in self._events if event.get("stage") == "ablate_frozen"]
        self._events[1]["seeds"] = len(set(blocks))
        return super().write(lines=lines)

    def _run(
        self,
        stage: str,
        arm: str,
        config: Arm,
        block: str,
        place: int,
        pair: tuple[float | None, float | None],
        *,
        tested: bool = True,
        part: Mapping[str, str] | None = None,
        **options: Any,
    ) -> str:
        verdict = "RuntimeError: out of memory" if None in pair else "complete"
        values = {"a": 0.5, "b": 0.5} if None in pair else {"a": pair[0] - 0.02, "b": pair[1] - 0.02}
        trial = self._train(
            stage, arm, config, [values] * 3, verdict, block=block, seed=700 + place, part=part, **options
        )
        if verdict == "complete" and tested:
            scores = {name: value for name, value in zip("ab", pair, strict=True) if value is not None}
            self.test(trial, self.metrics(**scores), config=config)
        return trial


SCORES: dict[str, Scores] = {
    "base": [(0.80, 0.60), (0.82, 0.64), (0.84, 0.62), (0.81, 0.61), (0.83, 0.63)],
    # a: -0.09, -0.10, -0.11, -0.09, -0.11; b: -0.08, -0.10, -0.09, -0.08, -0.10: mean -0.095
    "gate=average": [(0.71, 0.52), (0.72, 0.54), (0.73, 0.53), (0.72, 0.53), (0.72, 0.53)],
    # a: 0.02, -0.03, -0.02, 0.01, -0.02; b: -0.04, 0.01, -0.02, 0.01, -0.03: mean -0.011
    "gate=specific": [(0.82, 0.56), (0.79, 0.65), (0.82, 0.60), (0.82, 0.62), (0.81, 0.60)],
    # a: 0.001, -0.001, 0, 0.001, -0.001; b: 0.002, 0, 0.001, 0.002, 0: mean 0.0005
    "towers=shared": [(0.801, 0.602), (0.819, 0.64), (0.84, 0.621), (0.811, 0.612), (0.829, 0.63)],
    "experts=1": [(0.76, 0.55), (0.77, 0.58), (0.78, 0.57), (0.77, 0.56), (0.77, 0.57)],
    "experts=2": [(0.78, 0.59), (0.81, 0.61), (0.82, 0.60), (0.79, 0.60), (0.80, 0.61)],
    "experts=8": [(0.81, 0.61), (0.82, 0.63), (0.83, 0.63), (0.82, 0.61), (0.83, 0.62)],
}
"""By arm; differences to the base are worked out in the comments."""

MakeAblation = Callable[..., AblationBuilder]


def begin(folder: Path, study: Mapping[str, Any] | None = None, **changes: Any) -> AblationBuilder:
    """Begin an ablation in a folder; arguments replace entries of its ``study.json`` and of its declaration."""
    columns = {**BASE["columns"], "p_towers": "string", "p_experts": "int"}
    entries = {"published": TOWERS, "columns": columns, "ablation": declare(**changes), **(study or {})}
    return AblationBuilder(folder, **{"name": folder.name, **entries})


@pytest.fixture
def make_ablation(tmp_path: Path) -> MakeAblation:
    """Begin an ablation, by the arguments of :func:`begin`."""

    def make(name: str = "parts", **changes: Any) -> AblationBuilder:
        return begin(tmp_path / name, **changes)

    return make


def run_all(study: AblationBuilder, *, seeds: int = 5, scores: Mapping[str, Scores] = SCORES) -> AblationBuilder:
    """Run every arm that has scores under every seed, and look at it."""
    study.frozen(TOWERS, scores["base"][:seeds])
    for arm in (one for one in study.study["ablation"]["arms"] if one["name"] in scores):
        part = {"factor": arm["factor"], "level": arm["level"]}
        size = round(1000 * arm["size_ratio"])
        study.frozen(arm["config"], scores[arm["name"]][:seeds], arm=arm["name"], part=part, n_params=size)
    study.event("test_opened")
    study.baseline("sum_of_squares", 0, one_metric(a=0.6, b=0.5), objective={"a": 0.55, "b": 0.45})
    study.look(seeds)
    study.finish()
    return study


@pytest.fixture
def ablated(make_ablation: MakeAblation) -> Path:
    """A finished ablation of one factor at a time, frozen."""
    return run_all(make_ablation()).write()
