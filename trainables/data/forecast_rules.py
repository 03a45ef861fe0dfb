"""How the rows of a data set become a series to forecast, and what of it the user may choose."""

from collections.abc import Callable
from dataclasses import dataclass

from trainables.data.forecast_series import DIFFERENCES, Difference
from trainables.data.names import enumerate_names

DAY_S = 86_400
DAYS_A_WEEK = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastChoices:
    """What the user may say about the columns; ``None`` leaves it to the data set."""

    timestamp: str | None = None
    """The column with the clock."""
    targets: tuple[str, ...] | None = None
    """The columns that are forecast."""
    difference: Difference | None = None
    """What models are trained on."""

    def __post_init__(self) -> None:
        if self.difference is not None and self.difference not in DIFFERENCES:
            raise ValueError(f"unknown difference {self.difference!r}; known are {enumerate_names(DIFFERENCES)}")
        if self.targets is not None and len(set(self.targets)) != max(len(self.targets), 1):
            raise ValueError(f"the targets {list(self.targets)} must be one or more columns, each named once")


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastRules:
    """How a data set's rows become a series."""

    borders: Callable[[int], tuple[int, int, int]]
    """Where train, validation and test end among so many steps."""
    in_row_order: bool = False
    """Whether every row is a step, whatever the clock says: trading days."""
    season: int | None = None
    """Steps of one season; ``None``: a day, or a week of daily steps, by the clock."""
    default_targets: tuple[str, ...] | None = None
    """What is forecast unless the user says otherwise; ``None``: every column."""
    default_difference: Difference = "none"
    must_be_complete: bool = False
    """Whether cutting at long gaps is refused, because published borders count every row."""
    notes: tuple[str, ...] = ()


def split_by_percent(train: int, test: int) -> Callable[[int], tuple[int, int, int]]:
    """Make borders from shares in percent, as the literature rounds them: both down, validation is what is left."""

    def borders(n_steps: int) -> tuple[int, int, int]:
        return n_steps * train // 100, n_steps - n_steps * test // 100, n_steps

    return borders


def choose_season(season: int | None, step_s: float | None, n_train: int) -> tuple[int, tuple[str, ...]]:
    """Take the known season, else guess it from the clock; one that the train part does not hold twice is none."""
    season, why = (season, ()) if season is not None else _guess_season(step_s)
    if 2 * season > n_train > 0 and season > 1:
        return 1, (f"A season of {season} steps does not fit twice into {n_train} train steps; none is assumed.",)
    return season, why


def _guess_season(step_s: float | None) -> tuple[int, tuple[str, ...]]:
    a_day = 1 if step_s is None else round(DAY_S / step_s)
    if a_day > 1:
        return a_day, (f"The season is taken as a day of {a_day} steps of {step_s:g} s.",)
    if step_s is not None and abs(step_s - DAY_S) < 0.1 * DAY_S:
        return DAYS_A_WEEK, (f"The season is taken as a week of {DAYS_A_WEEK} daily steps.",)
    return 1, ("No season is known.",)
