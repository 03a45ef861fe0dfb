import numpy as np
import pytest

from tests.conftest import make_series
from trainables.data.series import AnomalySeries
from trainables.data.windows import CONTEXT
from trainables.tasks.labelled_part import cut_in_normal_gap, divide, leave_untouched


def _with_events(name: str, starts: list[int], *, n_steps: int = 500, length: int = 5) -> AnomalySeries:
    labels = np.zeros(n_steps, dtype=np.bool_)
    for start in starts:
        labels[start : start + length] = True
    values = np.random.default_rng(0).standard_normal((n_steps, 2)).astype(np.float32)
    return AnomalySeries(name=name, train=values, test=values, labels=labels, features=("a", "b"))


ENOUGH = [70, 100, 150, 300, 350, 400]
TOO_FEW = [70, 300, 350, 400]


def test_the_cut_moves_out_of_an_event() -> None:
    labels = np.zeros(100, dtype=np.bool_)
    labels[35:43] = True
    assert cut_in_normal_gap(labels, 0.4) == 44  # 34 is as good a gap, but farther from 40
    labels[20:50] = True
    assert cut_in_normal_gap(labels, 0.4) == 51
    assert cut_in_normal_gap(np.ones(10, dtype=np.bool_), 0.4) == 4


def test_by_time_tunes_on_the_early_part() -> None:
    part = divide([_with_events("a", ENOUGH)], labelled_by="time")["a"]
    assert part.tuning == range(CONTEXT, 200)
    assert part.untouched == range(200, 500)


def test_a_series_with_too_few_events_is_named_and_only_tested() -> None:
    parts = divide([_with_events("a", ENOUGH), _with_events("b", TOO_FEW)], labelled_by="time")
    assert len(parts["b"].tuning) == 0
    assert parts["b"].untouched == range(CONTEXT, 500)
    assert "too few events" in parts["b"].why


def test_events_before_the_first_scored_step_do_not_count() -> None:
    parts = divide([_with_events("a", ENOUGH), _with_events("b", [10, 100, 150, 300, 350, 400])], labelled_by="time")
    assert len(parts["b"].tuning) == 0


def test_nothing_qualifies_says_what_would() -> None:
    with pytest.raises(ValueError, match=r"b: 1 and 3.*--objective log_gap.*--labelled-by series"):
        divide([_with_events("b", TOO_FEW)], labelled_by="time")


def test_by_series_every_second_one_tunes() -> None:
    series = [_with_events(name, ENOUGH) for name in "abcd"]
    parts = divide(series, labelled_by="series")
    assert [name for name, part in parts.items() if len(part.tuning) > 0] == ["a", "c"]
    assert [name for name, part in parts.items() if len(part.untouched) > 0] == ["b", "d"]


def test_by_series_needs_two() -> None:
    with pytest.raises(ValueError, match="two series"):
        divide([_with_events("a", ENOUGH), _with_events("b", [100])], labelled_by="series")


def test_no_labels_says_so() -> None:
    one = make_series()
    unlabelled = AnomalySeries(name="u", train=one.train, test=one.test, labels=None, features=one.features)
    with pytest.raises(ValueError, match="no labels"):
        divide([unlabelled], labelled_by="time")
    assert leave_untouched([unlabelled])["u"].untouched == range(CONTEXT, 500)
