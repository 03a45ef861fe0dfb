import numpy as np

from trainables.data.scaling import SMALLEST_SD, StandardScaler


def test_by_hand() -> None:
    values = np.array([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]], dtype=np.float32)
    scaler = StandardScaler.fit(values)
    assert scaler.mean.tolist() == [2.0, 5.0]
    assert np.allclose(scaler.sd, [np.sqrt(8 / 3), SMALLEST_SD])
    scaled = scaler.transform(values)
    assert np.allclose(scaled[:, 0], [-np.sqrt(1.5), 0, np.sqrt(1.5)])
    assert scaled[:, 1].tolist() == [0.0, 0.0, 0.0]
    assert scaled.dtype == np.float32


def test_a_constant_feature_that_moves_later_stays_finite() -> None:
    scaler = StandardScaler.fit(np.zeros((10, 1), dtype=np.float32))
    assert scaler.transform(np.ones((1, 1), dtype=np.float32))[0, 0] == np.float32(1 / SMALLEST_SD)
