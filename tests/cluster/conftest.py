from collections.abc import Iterator

import pytest

from tests.cluster.simulation import OPEN_LOGS


@pytest.fixture(autouse=True)
def _close_logs() -> Iterator[None]:
    yield
    while OPEN_LOGS:
        OPEN_LOGS.pop().close()
