"""The import arrows: launch -> cluster -> {trainables, search_spaces, analysis}, and heavy libraries in their homes."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "search_spaces": {"trainables", "analysis", "cluster", "launch", "ray", "torch"},
    "trainables": {"search_spaces", "analysis", "cluster", "launch", "optuna"},
    "analysis": {"search_spaces", "trainables", "cluster", "launch", "ray", "torch"},
    "cluster": {"launch"},
}
HOMES = {
    "ray": {"cluster/tuner.py", "cluster/runtime.py", "trainables/trainable.py"},
    "optuna": {"cluster/proposer.py", "cluster/resolution.py", "cluster/study_record.py", "analysis/importance.py"},
}
PURE = {
    *("cluster/decide.py", "cluster/decide_ablation.py", "cluster/handing_out.py", "cluster/actions.py"),
    *("cluster/state.py", "cluster/plan.py", "cluster/rungs.py"),
}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package: str) -> None:
    for path in _sources(package):
        tops = {name.partition(".")[0] for name in _imports(path)}
        assert not tops & FORBIDDEN[package], path


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_has_one_home(library: str) -> None:
    for package in ("cluster", "trainables", "analysis"):
        for path in _sources(package):
            name = path.relative_to(ROOT).as_posix()
            tops = {imported.partition(".")[0] for imported in _imports(path)}
            assert library not in tops or name in HOMES[library], path


def test_the_core_is_pure() -> None:
    for name in PURE:
        tops = {imported.partition(".")[0] for imported in _imports(ROOT / name)}
        assert not tops & {"ray", "torch", "time", "datetime", "os", "pathlib", "random", "numpy", "optuna"}, name


def test_cluster_uses_only_the_tables_of_analysis() -> None:
    allowed = {"analysis.trial_table", "analysis.tensorboard_log"}
    for path in _sources("cluster"):
        used = {imported for imported in _imports(path) if imported.startswith("analysis")}
        assert used <= allowed, path
