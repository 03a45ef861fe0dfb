from typing import Any

import pytest

from trainables.data.forecast_rules import ForecastChoices, choose_season, split_by_percent


@pytest.mark.parametrize(
    ("n_steps", "shares", "borders"),
    [
        (7588, (70, 20), (5311, 6071, 7588)),  # exchange rate, as in the literature
        (3019, (70, 15), (2113, 2567, 3019)),
        (100, (70, 10), (70, 90, 100)),
    ],
)
def test_shares_are_rounded_down_and_validation_is_the_rest(
    n_steps: int, shares: tuple[int, int], borders: tuple[int, int, int]
) -> None:
    train, test = shares
    assert split_by_percent(train=train, test=test)(n_steps) == borders


@pytest.mark.parametrize(
    ("step_s", "season"),
    [
        (30, 2880),
        (60, 1440),
        (300, 288),
        (3600, 24),
        (43_200, 2),
        (86_400, 7),
        (130_000, 1),
        (7 * 86_400, 1),
        (None, 1),
    ],
)
def test_the_season_is_a_day_or_a_week_of_days(step_s: float | None, season: int) -> None:
    chosen, notes = choose_season(None, step_s, n_train=10_000)
    assert chosen == season
    assert notes[0] == "No season is known." or str(season) in notes[0]


def test_a_season_has_to_fit_twice_into_the_train_part() -> None:
    assert choose_season(None, 3600, n_train=48)[0] == 24
    assert choose_season(5, None, n_train=10) == (5, ())
    assert choose_season(None, 3600, n_train=47) == (
        1,
        ("A season of 24 steps does not fit twice into 47 train steps; none is assumed.",),
    )


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"difference": "log"}, r"^unknown difference 'log'; known are 'none', 'log_return'$"),
        ({"targets": ()}, r"^the targets \[\] must be one or more columns, each named once$"),
        ({"targets": ("a", "a")}, r"^the targets \['a', 'a'\] must be one or more columns"),
    ],
)
def test_choices_are_checked(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ForecastChoices(**choices)
