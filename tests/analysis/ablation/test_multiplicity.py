"""Corrections for many arms and many looks, against values worked by hand."""

import numpy as np
import pytest

from analysis.ablation.multiplicity import alpha_of_look, holm


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04, and never below the one before.
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))


def test_holm_as_statsmodels_gives_it() -> None:
    # multipletests([0.001, 0.2, 0.013, 0.04, 0.8], method="holm"), statsmodels 0.15.0.
    assert holm([0.001, 0.2, 0.013, 0.04, 0.8]) == pytest.approx((0.005, 0.4, 0.052, 0.12, 0.8))


def test_one_test_needs_no_correction_and_none_gives_none() -> None:
    assert holm([0.03]) == (0.03,)
    assert holm([]) == ()


def test_a_test_that_was_not_made_does_not_count() -> None:
    assert holm([None, 0.02, None, 0.03]) == pytest.approx((None, 0.04, None, 0.04))


def test_no_p_value_exceeds_one() -> None:
    assert holm([0.9, 0.8, 1.0]) == (1.0, 1.0, 1.0)


def test_equal_p_values_have_equal_corrections() -> None:
    assert holm([0.02, 0.02, 0.5]) == pytest.approx((0.06, 0.06, 0.5))


def test_holm_rejects_what_the_step_down_rule_rejects() -> None:
    generator = np.random.default_rng(7)
    for _ in range(200):
        p_values = list(generator.beta(0.3, 2, size=8))
        expected = [False] * 8
        for rank, place in enumerate(np.argsort(p_values)):
            if p_values[place] > 0.05 / (8 - rank):
                break
            expected[place] = True
        assert [p is not None and p <= 0.05 for p in holm(p_values)] == expected


def test_one_look_has_all_of_alpha() -> None:
    assert alpha_of_look(1, 1, 0.05) == 0.05


def test_the_first_of_several_looks_has_most_of_it() -> None:
    assert [alpha_of_look(look, 3, 0.05) for look in (1, 2, 3)] == pytest.approx([0.03, 0.01, 0.01])
    assert [alpha_of_look(look, 2, 0.05) for look in (1, 2)] == pytest.approx([0.03, 0.02])


@pytest.mark.parametrize("looks", range(1, 9))
def test_the_looks_spend_alpha_and_no_more(looks: int) -> None:
    assert sum(alpha_of_look(look, looks, 0.05) for look in range(1, looks + 1)) == pytest.approx(0.05)


@pytest.mark.parametrize(("look", "looks"), [(4, 3), (0, 3), (2, 1)])
def test_a_look_that_was_not_declared_has_nothing(look: int, looks: int) -> None:
    with pytest.raises(ValueError, match=f"Look {look} of {looks} declared ones has no alpha left"):
        alpha_of_look(look, looks, 0.05)
