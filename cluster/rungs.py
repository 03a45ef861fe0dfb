"""ASHA's arithmetic as pure functions: where the rungs are, and who passes them.

References:
    Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA), Algorithm 2, in the stopping form
    that never pauses a trial. We depart in one point: ties are broken by order of arrival, so that equal values cannot
    all pass.
"""

from collections.abc import Sequence


def rung_epochs(*, grace_epochs: int, reduction_factor: int, max_epochs: int) -> tuple[int, ...]:
    """List the epochs at which a trial may be stopped: grace, grace * factor, ... below the full fidelity."""
    rungs = []
    epoch = grace_epochs
    while epoch < max_epochs:
        rungs.append(epoch)
        epoch *= reduction_factor
    return tuple(rungs)


def passes(earlier: Sequence[float], value: float, *, reduction_factor: int) -> bool:
    """Tell whether a trial goes on from a rung: it must be among the best 1 / factor of all that came there so far.

    Args:
        earlier: Values of the trials that came before, higher being better.
        value: The trial's own value.
        reduction_factor: 1 / share of trials that go on; at least one always does.

    Returns:
        True for the first trial at a rung; for a value equal to an earlier one, the earlier one ranks higher.
    """
    n_going_on = max(1, (len(earlier) + 1) // reduction_factor)
    rank = sum(other >= value for other in earlier)
    return rank < n_going_on


def expected_epochs(rungs: Sequence[int], *, reduction_factor: int, max_epochs: int) -> float:
    """Estimate the mean epochs of a trial when scores are exchangeable: each rung lets 1 / factor of them pass."""
    total, share, start = 0.0, 1.0, 0
    for stop in (*rungs, max_epochs):
        total += share * (stop - start)
        share, start = share / reduction_factor, stop
    return total
