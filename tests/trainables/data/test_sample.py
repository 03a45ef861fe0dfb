import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from trainables.data.sample import QUIET_STEPS, SAMPLE_SERIES, generate_sample
from trainables.data.scaling import StandardScaler
from trainables.data.series import AnomalySeries


@pytest.fixture(scope="module", params=SAMPLE_SERIES)
def series(request: pytest.FixtureRequest) -> AnomalySeries:
    (generated,) = generate_sample([request.param])
    return generated


def segments(series: AnomalySeries) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First steps of the labelled segments, and the steps after their last ones."""
    assert series.labels is not None
    edges = np.diff(series.labels.astype(int), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def test_the_values_are_pinned() -> None:
    """A study on the sample can only be compared with another if both saw the same values."""
    hashes = {generated.name: generated.content_hash() for generated in generate_sample()}
    assert hashes == {
        "sample-1": "dcb3278c4d57e2eb61371337fdf93aea",
        "sample-2": "e781406c676632a09c5c9744059dbabc",
    }


def test_a_series_does_not_depend_on_the_others_or_on_the_process() -> None:
    second = generate_sample()[1]
    assert generate_sample(["sample-2"])[0].content_hash() == second.content_hash()
    code = "from trainables.data.sample import generate_sample as g; print(g(['sample-2'])[0].content_hash())"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == second.content_hash()


def test_the_global_generator_is_left_alone() -> None:
    before = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    generate_sample()
    assert np.random.get_state(legacy=False)["state"]["pos"] == before  # noqa: NPY002


def test_it_looks_like_server_metrics(series: AnomalySeries) -> None:
    assert series.train.shape == series.test.shape == (4_000, 16)
    assert series.train.dtype == series.test.dtype == np.float32
    assert min(series.train.min(), series.test.min()) >= 0
    assert max(series.train.max(), series.test.max()) <= 1
    assert series.notes[0].startswith("The series is generated")
    assert series.notes[1].startswith("1 of 16 features are constant")


def test_some_sensors_hardly_move_in_train_and_explode_in_test(series: AnomalySeries) -> None:
    scaler = StandardScaler.fit(series.train)
    rare = (scaler.sd > 1e-4) & (scaler.sd < 1e-3)
    assert rare.sum() >= 3
    assert (np.abs(scaler.transform(series.test)[:, rare]) > 100).any(axis=0).sum() >= 2


def test_incidents_are_many_short_and_spread(series: AnomalySeries) -> None:
    starts, stops = segments(series)
    lengths = stops - starts
    assert 14 <= len(starts) <= 18
    assert 5 <= np.median(lengths) <= 12
    assert ((lengths >= 30) & (lengths <= 150)).sum() >= 3
    assert (stops <= 0.4 * len(series.test)).sum() >= 5
    assert (starts >= 0.4 * len(series.test)).sum() >= 7
    assert (starts[1:] - stops[:-1]).min() >= QUIET_STEPS


def test_there_are_harmless_excursions_of_single_sensors(series: AnomalySeries) -> None:
    assert series.labels is not None
    scores = StandardScaler.fit(series.train).transform(series.test)
    far_out = np.abs(scores) > 100
    harmless = far_out[~series.labels]
    assert harmless.any(axis=1).sum() >= 5
    assert harmless.sum(axis=1).max() == 1


def test_an_untrained_score_beats_chance_and_is_not_perfect(series: AnomalySeries) -> None:
    assert series.labels is not None
    squares = np.clip(StandardScaler.fit(series.train).transform(series.test), -10, 10) ** 2
    ranks = np.argsort(np.argsort(squares.sum(axis=1)))
    anomalous, normal = ranks[series.labels], ranks[~series.labels]
    area_under_roc = (anomalous.sum() - len(anomalous) * (len(anomalous) - 1) / 2) / (len(anomalous) * len(normal))
    assert 0.6 < area_under_roc < 0.95


def test_an_unknown_name_is_answered_by_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown sample series 'sample-3'; known are 'sample-1', 'sample-2'"):
        generate_sample(["sample-3"])
