"""What is decided without a GPU: whether a package is there, and how often its absence is said."""

import importlib.util
import warnings

import pytest
import torch

from trainables.kernels.cuda_packages import load_causal_convolution, load_selective_scan
from trainables.kernels.selective_scan import scan_backend

without_mamba = pytest.mark.skipif(
    importlib.util.find_spec("mamba_ssm") is not None, reason="mamba_ssm is installed here; this is about its absence"
)


@pytest.fixture(autouse=True)
def _forget_what_was_loaded() -> None:
    load_selective_scan.cache_clear()
    load_causal_convolution.cache_clear()


@without_mamba
def test_a_missing_package_is_said_once_and_names_the_extra() -> None:
    with pytest.warns(UserWarning, match=r"`mamba_ssm` cannot be imported .*ablatune\[cuda\]"):
        assert load_selective_scan() is None
    assert load_selective_scan() is None  # a second warning would be an error


@without_mamba
def test_one_warning_stands_for_both_packages() -> None:
    with pytest.warns(UserWarning, match="cannot be imported") as said:
        assert load_causal_convolution() is None
    assert len(said) == 1
    assert load_causal_convolution() is None


@without_mamba
def test_the_backend_of_a_gpu_without_the_package_is_ours_and_said() -> None:
    with pytest.warns(UserWarning, match="mamba_ssm"):
        assert scan_backend(torch.device("cuda")) == "chunked-pytorch"


def test_a_cpu_asks_for_no_package() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scan_backend(torch.device("cpu")) == "chunked-pytorch"
    assert load_selective_scan.cache_info().currsize == 0
