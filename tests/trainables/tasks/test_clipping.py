import numpy as np

from trainables.tasks.clipping import CLIPS, choose_clip
from trainables.tasks.incidents import InjectedIncidents, inject_incidents

C, N_STEPS, D = 64, 3000, 8


def _incidents(values: np.ndarray) -> InjectedIncidents:
    generator = np.random.default_rng(0)
    found = inject_incidents(values, np.ones(D, np.float32), n_context=C, amplitude=8.0, generator=generator)
    assert found is not None
    return found


def _normal() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((C + N_STEPS, D)).astype(np.float32)


def test_well_behaved_values_are_clipped_loosely_or_not_at_all() -> None:
    assert choose_clip([_incidents(_normal())]) in (None, 50.0)


def test_harmless_jumps_of_one_feature_ask_for_a_tight_clip() -> None:
    """A feature that jumps to 1,000 standard deviations now and then hides every incident in the others."""
    values = _normal()
    jumps = np.random.default_rng(2).random(C + N_STEPS) < 0.1
    values[jumps, 0] = 1000.0
    chosen = choose_clip([_incidents(values)])
    assert chosen is not None
    assert chosen <= 10


def test_a_series_too_short_for_incidents_is_not_clipped() -> None:
    assert choose_clip([]) is None


def test_what_is_tried_begins_with_what_changes_least() -> None:
    bounds = [float("inf") if clip is None else clip for clip in CLIPS]
    assert bounds == sorted(bounds, reverse=True)
