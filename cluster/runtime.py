"""Connecting to Ray: a small cluster of its own on this machine, or one that is there."""

import contextlib
import gc
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import ray

from cluster.study import Resources
from trainables.devices import count_gpus
from trainables.training import Precision

_CONNECT_TIMEOUT_S = 5.0


def check_address(address: str | None) -> None:
    """Check that something listens where a cluster is said to be.

    Ray itself needs over a minute to give up on an address where nothing listens.

    Raises:
        ValueError: If nothing does.
    """
    if address is None:
        return
    found = _find_local_cluster() if address == "auto" else address
    if found is None:
        raise ValueError(
            "`--address` is 'auto', but no Ray cluster runs on this machine; start one with `ray start --head`, or "
            "leave --address out to run here without one"
        )
    host, _, port = found.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"`--address` is {address!r}, but must be `auto` or HOST:PORT, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise ValueError(
            f"`--address` is {address!r}, but nothing answers there ({error}); check that the head node is up, or "
            "leave --address out to run here"
        ) from error


def check_gpus(resources: Resources) -> None:
    """Check that a trial's GPUs are on this machine, where it is this machine that carries the study out.

    Raises:
        ValueError: If they are not.
    """
    if resources.address is None and resources.gpus_per_trial > (n_gpus := count_gpus()):
        raise ValueError(
            f"`--gpus-per-trial` is {resources.gpus_per_trial:g}, but PyTorch sees {n_gpus} GPUs here; lower it, or "
            "give a cluster by --address"
        )


def check_precision(precision: Precision, resources: Resources) -> None:
    """Check that a trial has a GPU where its precision needs one.

    Raises:
        ValueError: If it has none.
    """
    if precision == "bf16" and resources.gpus_per_trial == 0:
        raise ValueError(
            "`--precision` is 'bf16', which is for GPUs, but trials have none; give --gpus-per-trial, or "
            "leave it at fp32"
        )


@contextlib.contextmanager
def connect(resources: Resources) -> Iterator[int]:
    """Connect to the cluster of a study and yield how many trials it has room for at a time.

    A process that is connected already (a notebook, a test) keeps its connection.

    Raises:
        ValueError: If the cluster cannot be joined, or has no room for a single trial.
    """
    if ray.is_initialized():
        yield _n_workers(resources)
        return
    _start(resources)
    try:
        yield _n_workers(resources)
    finally:
        _disconnect()


def _start(resources: Resources) -> None:
    with warnings.catch_warnings(), _own_sigterm_handler():
        # Ray announces a future default of its GPU variables on every start.
        warnings.simplefilter("ignore", FutureWarning)
        if resources.address is None:
            cpus = max(resources.cpus_per_trial * (resources.max_concurrent or 1), os.cpu_count() or 1)
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=True,
            )
        else:
            _join(resources.address)


@contextlib.contextmanager
def _own_sigterm_handler() -> Iterator[None]:
    """Keep the process's handler of SIGTERM: Ray puts one in its place that ends the process with a stack trace."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _join(address: str) -> None:
    # "auto" is passed on as it is: with it, and with it alone, Ray finds the cluster's token by itself.
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError) as error:
        why = str(error.__cause__ or error).strip().splitlines()[-1].partition(" Note:")[0]
        raise ValueError(
            f"`--address` is {address!r}, but the cluster there cannot be joined ({why}); where it authenticates by "
            "token, set RAY_AUTH_MODE=token and put its token into ~/.ray/auth_token, as for any program of Ray"
        ) from error


def _disconnect() -> None:
    """Leave the cluster.

    Ray 2.60 ends the process, with exit code 1, when another thread frees an object reference while it shuts down; and
    the garbage collector runs in whichever thread allocates, such as the one that writes the report by then. So what is
    garbage is collected first, and nothing more until Ray is gone.
    """
    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()


def _n_workers(resources: Resources) -> int:
    available = ray.cluster_resources()  # type: ignore[no-untyped-call]
    fitting = int(available.get("CPU", 0) // resources.cpus_per_trial)
    if resources.gpus_per_trial > 0:
        fitting = min(fitting, int(available.get("GPU", 0) / resources.gpus_per_trial + 1e-9))
    if fitting < 1:
        wanted = f"{resources.cpus_per_trial} CPUs and {resources.gpus_per_trial:g} GPUs"
        has = f"{available.get('CPU', 0):g} CPUs and {available.get('GPU', 0):g} GPUs"
        raise ValueError(
            f"a trial wants {wanted}, but the cluster has {has}; lower --cpus-per-trial or --gpus-per-trial"
        )
    return min(fitting, resources.max_concurrent or fitting)


def _find_local_cluster() -> str | None:
    """Return the address of the cluster that this machine belongs to, as ``ray start`` leaves it."""
    if address := os.environ.get("RAY_ADDRESS"):
        return address
    with contextlib.suppress(OSError):
        return Path("/tmp/ray/ray_current_cluster").read_text().strip() or None
    return None
