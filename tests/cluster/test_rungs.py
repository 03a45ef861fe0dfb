import pytest

from cluster.rungs import expected_epochs, passes, rung_epochs


@pytest.mark.parametrize(
    ("grace", "factor", "most", "expected"),
    [(1, 3, 9, (1, 3)), (1, 3, 10, (1, 3, 9)), (2, 2, 9, (2, 4, 8)), (5, 3, 5, ()), (1, 4, 1, ()), (1, 3, 5, (1, 3))],
)
def test_rungs_by_hand(grace: int, factor: int, most: int, expected: tuple[int, ...]) -> None:
    assert rung_epochs(grace_epochs=grace, reduction_factor=factor, max_epochs=most) == expected


def test_a_table_by_hand() -> None:
    """Factor 3: of n arrivals the best max(1, n // 3) go on."""
    arrivals = [0.5, 0.4, 0.6, 0.3, 0.55, 0.58, 0.59, 0.7]
    expected = [True, False, True, False, False, True, True, True]
    #           1 of 1, worse, best, worse, 3rd of 5 (1 goes), 2nd of 6 (2 go), 2nd of 7 (2 go), best
    verdicts = [passes(arrivals[:i], value, reduction_factor=3) for i, value in enumerate(arrivals)]
    assert verdicts == expected


def test_ties_are_broken_and_not_passed() -> None:
    verdicts = [passes([1.0] * i, 1.0, reduction_factor=3) for i in range(9)]
    assert verdicts == [True] + [False] * 8


def test_the_share_that_goes_on_approaches_one_in_factor() -> None:
    import numpy as np

    values = np.random.default_rng(0).standard_normal(3000)
    gone_on = sum(passes(list(values[:i]), value, reduction_factor=3) for i, value in enumerate(values))
    # Asynchronous decisions let a few more pass at the start; 3,000 exchangeable arrivals stay within 4 points of 1/3.
    assert gone_on / 3000 == pytest.approx(1 / 3, abs=0.04)


def test_expected_epochs() -> None:
    assert expected_epochs((), reduction_factor=3, max_epochs=7) == 7
    assert expected_epochs((1, 3), reduction_factor=3, max_epochs=9) == pytest.approx(1 + 2 / 3 + 6 / 9)
