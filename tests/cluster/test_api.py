"""The Python API under the names that the documentation gives."""

import subprocess
import sys

import pytest

import cluster
from cluster import driver, study
from tests.conftest import ROOT


def test_every_documented_name_is_there() -> None:
    assert cluster.run_study is driver.run_study
    assert cluster.resume_study is driver.resume_study
    assert cluster.StudySpec is study.StudySpec
    assert all(hasattr(cluster, name) for name in cluster.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'run_studies'"):
        _ = cluster.run_studies  # type: ignore[attr-defined]


def test_the_package_alone_imports_neither_ray_nor_pytorch() -> None:
    code = "import sys, cluster; print({'ray', 'torch', 'optuna'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
