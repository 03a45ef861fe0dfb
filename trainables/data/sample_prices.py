"""The built-in prices: two generated series of daily open, high, low, close and volume, with no download.

Generated, and named so: it is there to try things out on and to test with; nothing found on it says anything about
markets. Log returns have clustered volatility (a GARCH(1, 1)), and one small part that can be forecast, put in on
purpose so that there is something to find: ``RISE-1`` carries on a tenth of the day before, ``FALL-1`` takes a tenth of
it back. That explains one percent of the variance of a day's return, which is more than real daily prices offer and far
less than papers promise; whoever finds much more has a leak. Volume grows with the size of the day's move.

``[T]`` = trading days, ``[T, S]`` = trading days and steps within a day.

References:
    Bollerslev, "Generalized autoregressive conditional heteroskedasticity", Journal of Econometrics 31, 1986, eq. 2.
"""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.forecast_rows import ForecastRows, make_series
from trainables.data.forecast_rules import ForecastChoices
from trainables.data.forecast_series import ForecastSeries, ForecastSeriesFound
from trainables.data.ohlcv import OHLCV_COLUMNS, make_ohlcv_rules
from trainables.seeding import derive_seed

CARRIED_ON = {"RISE-1": 0.1, "FALL-1": -0.1}
"""How much of a day's log return the next day repeats, by series: all there is to forecast."""
PRICE_SERIES = tuple(CARRIED_ON)
"""The names of the generated series."""

N_DAYS = 1500
FIRST_DAY = np.datetime64("2018-01-02")
_N_INTRADAY = 24
_DAILY_SD = 0.012
_ALPHA, _BETA = 0.09, 0.88
"""How much of a shock, and of the volatility itself, lasts to the next day."""

# Of ten seeds the one where, in both series and all three parts, consecutive returns are correlated with the planted
# sign, and about as strongly in the train part.
_SEED = 9

_Array = NDArray[np.float64]


def find_sample_prices(_root: Path, choices: ForecastChoices) -> ForecastSeriesFound:
    """Find the generated series; there is no folder to look in."""
    return {name: partial(generate_prices, name, choices) for name in PRICE_SERIES}


def generate_prices(name: str, choices: ForecastChoices | None = None) -> ForecastSeries:
    """Generate one series: the same values in every process.

    Args:
        name: One of :data:`PRICE_SERIES`.
        choices: What is forecast and how; ``None``: log returns of the close.
    """
    returns, volatility = _returns(_stream(name, "returns"), CARRIED_ON[name])
    open_, high, low, close = _bars(_stream(name, "bars"), returns, volatility)
    volume = _volume(_stream(name, "volume"), returns)
    rows = ForecastRows(
        path=Path(name),
        columns=OHLCV_COLUMNS,
        # Cents and whole shares, like real ones: the last bits of a platform's exp() then leave no trace.
        values=np.column_stack([*(price.round(2) for price in (open_, high, low, close)), volume.round()]),
        times=np.busday_offset(FIRST_DAY, np.arange(N_DAYS)).astype("datetime64[s]"),
    )
    generated = "The series is generated, not measured: nothing found on it says anything about markets."
    planted = f"One part can be forecast on purpose: a day repeats {CARRIED_ON[name]:+.0%} of the log return before it."
    return make_series(name, rows, choices or ForecastChoices(), make_ohlcv_rules(generated, planted))


def _stream(name: str, part: str) -> np.random.Generator:
    """Give each part of each series its own random stream, so that a change of one leaves the others alone."""
    return np.random.default_rng(derive_seed(_SEED, "prices", name, part))


def _returns(rng: np.random.Generator, carried_on: float) -> tuple[_Array, _Array]:
    """Generate log returns ``[T]`` and the volatility ``[T]`` they were drawn with."""
    shocks = rng.normal(size=N_DAYS)
    returns, volatility = np.empty(N_DAYS), np.empty(N_DAYS)
    variance, surprise, before = _DAILY_SD**2, 0.0, 0.0
    for day in range(N_DAYS):
        variance = (1 - _ALPHA - _BETA) * _DAILY_SD**2 + _ALPHA * surprise**2 + _BETA * variance
        volatility[day] = np.sqrt(variance)
        surprise = volatility[day] * shocks[day]
        before = carried_on * before + surprise
        returns[day] = before
    return returns, volatility


def _bars(rng: np.random.Generator, returns: _Array, volatility: _Array) -> tuple[_Array, _Array, _Array, _Array]:
    """Draw each day's path ``[T, S]`` from its open to its close; its extremes are high and low."""
    close = np.log(80) + np.cumsum(returns)
    gaps = 0.3 * volatility * rng.normal(size=N_DAYS)
    open_ = np.append(np.log(80), close[:-1]) + gaps
    steps = rng.normal(size=(N_DAYS, _N_INTRADAY)) * (0.9 * volatility / np.sqrt(_N_INTRADAY))[:, None]
    # A bridge: what the steps miss of the close is spread over all of them.
    steps += ((close - open_ - steps.sum(axis=1)) / _N_INTRADAY)[:, None]
    path = np.column_stack([open_, open_[:, None] + np.cumsum(steps, axis=1)])
    path[:, -1] = close
    return np.exp(open_), np.exp(path.max(axis=1)), np.exp(path.min(axis=1)), np.exp(close)


def _volume(rng: np.random.Generator, returns: _Array) -> _Array:
    """Generate shares traded, ``[T]``: more on days that move, and more after a busy day."""
    busy = np.empty(N_DAYS)
    state = 0.0
    for day, noise in enumerate(rng.normal(size=N_DAYS)):
        state = 0.7 * state + 0.2 * noise + 8 * (abs(returns[day]) - 0.8 * _DAILY_SD)
        busy[day] = state
    return np.exp(14.5 + busy)
