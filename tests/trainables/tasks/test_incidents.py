import numpy as np
import pytest

from trainables.tasks.incidents import FIRST_START, FREE_STEPS_BETWEEN, InjectedIncidents, inject_incidents
from trainables.tasks.label_free import COMMON_CLIP, log_gap, relative_loss

C, D = 10, 12


def _inject(n_steps: int = 5000, *, seed: int = 0, amplitude: float = 8.0) -> tuple[np.ndarray, InjectedIncidents]:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((C + n_steps, D)).astype(np.float32)
    sd = np.ones(D, dtype=np.float32)
    sd[-2:] = 0  # two constant features
    injected = inject_incidents(values, sd, n_context=C, amplitude=amplitude, generator=np.random.default_rng(seed))
    assert injected is not None
    return values, injected


@pytest.mark.parametrize("seed", range(5))
def test_forty_incidents_apart_from_each_other(seed: int) -> None:
    _, injected = _inject(seed=seed)
    assert len(injected.starts) == 40
    assert injected.starts[0] >= FIRST_START
    assert (injected.starts[1:] - injected.stops[:-1] >= FREE_STEPS_BETWEEN).all()
    assert injected.stops[-1] <= 5000
    assert injected.labels().sum() == (injected.stops - injected.starts).sum()


def test_nothing_changes_outside_the_incidents_and_in_constant_features() -> None:
    values, injected = _inject()
    changed = injected.values != values
    assert not changed[:C].any()
    assert not changed[C:][~injected.labels()].any()
    assert not changed[:, -2:].any()
    assert changed[C:][injected.starts].any(axis=1).all()  # the first two features move at the onset


def test_a_larger_amplitude_moves_more() -> None:
    sizes = []
    for amplitude in (3.0, 8.0):
        values, injected = _inject(amplitude=amplitude)
        difference = np.abs(injected.values - values)
        sizes.append(np.median(difference[difference > 0]))
    assert sizes[1] > 1.8 * sizes[0]


def test_a_short_part_gets_fewer_and_a_shorter_one_none() -> None:
    assert 3 <= len(_inject(n_steps=800)[1].starts) < 40
    values = np.zeros((C + 120, D), dtype=np.float32)
    generator = np.random.default_rng(0)
    assert inject_incidents(values, np.ones(D, np.float32), n_context=C, amplitude=3, generator=generator) is None


def test_log_gap_by_hand() -> None:
    injected = InjectedIncidents(
        values=np.zeros((200, 1), np.float32), n_context=0, starts=np.array([100]), stops=np.array([104])
    )
    quiet = np.where(np.arange(200) % 2 == 0, np.e, 1 / np.e)  # log scores of +1 and -1: mean 0, sd 1
    scores = quiet.copy()
    scores[102] = np.e**5
    scores[104:136] = 1e9  # within 32 steps of the incident: does not count
    scores[:32] = 1e9  # nor do the first 32
    assert log_gap(scores, injected) == pytest.approx(5.0, abs=1e-6)


def test_log_gap_is_free_of_scale_and_power() -> None:
    _, injected = _inject()
    scores = np.random.default_rng(0).lognormal(size=5000) + 1
    scores[injected.labels()] *= 20
    assert log_gap(scores, injected) > 1
    assert log_gap(7 * scores**2, injected) == pytest.approx(log_gap(scores, injected), rel=1e-6)


def test_log_gap_of_constant_scores_is_zero() -> None:
    assert log_gap(np.ones(5000), _inject()[1]) == 0.0


def test_relative_loss_is_one_for_the_last_value_and_zero_for_the_truth() -> None:
    values = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32) * 4
    actual, previous = values[1:], values[:-1]
    assert relative_loss(previous, actual, previous) == pytest.approx(1.0)
    assert relative_loss(actual, actual, previous) == 0.0


def test_relative_loss_does_not_depend_on_what_lies_beyond_the_common_clip() -> None:
    actual = np.array([[0.0], [100.0], [0.0]], dtype=np.float32)
    previous = np.zeros_like(actual)
    assert relative_loss(np.full_like(actual, COMMON_CLIP), actual, previous) == pytest.approx(2.0)
