"""Re-tuned arms, worked out by hand: the search is the unit."""

import math

import pytest
from scipy import stats

from analysis.ablation.result import Ablation, study_ablation
from analysis.ablation.retuned import RetunedEffect
from analysis.records import read_records
from tests.analysis.ablation.conftest import AVERAGE, SCORES, TOWERS, AblationBuilder, MakeAblation

Pairs = list[tuple[float | None, float | None]]

TUNED = {**TOWERS, "learning_rate": 0.002}
TUNED_AVERAGE = {**AVERAGE["config"], "learning_rate": 0.004}


def level(mean: float) -> Pairs:
    """Two seeds around a mean over two series, 0.02 apart."""
    return [(mean + 0.11, mean - 0.09), (mean + 0.09, mean - 0.11)]


def retune(
    make_ablation: MakeAblation, *, base: list[float], arm: list[float], trials: dict[str, int] | None = None
) -> AblationBuilder:
    """Searches of the base and of one arm, each with the mean that it reached."""
    builder = make_ablation(arms=[AVERAGE], retune={"trials": 4, "searches": len(base)})
    builder.frozen(TOWERS, SCORES["base"])
    builder.frozen(AVERAGE["config"], SCORES["gate=average"], arm="gate=average")
    for name, config, means in (("base", TUNED, base), ("gate=average", TUNED_AVERAGE, arm)):
        for search, mean in enumerate(means):
            for number in range((trials or {}).get(name, 4)):
                builder.tune({**config, "window": number}, 0.5, arm=name, search=search)
            builder.retuned(config, level(mean), arm=name, search=search)
    builder.look(5)
    builder.finish()
    return builder


def study(builder: AblationBuilder) -> Ablation:
    ablation = study_ablation(read_records(builder.write()))
    assert ablation is not None
    return ablation


def effect_of(builder: AblationBuilder) -> RetunedEffect:
    found = study(builder).arms[0].retuned
    assert found is not None
    return found


def test_differences_are_taken_between_searches_of_the_same_number(make_ablation: MakeAblation) -> None:
    found = effect_of(retune(make_ablation, base=[0.70, 0.74, 0.72], arm=[0.68, 0.70, 0.69]))
    assert found.effect is not None
    # -0.02, -0.04, -0.03: the standard deviation is 0.01 over three searches.
    half = stats.t.ppf(0.975, 2) * 0.01 / math.sqrt(3)
    assert found.effect.interval.mean == pytest.approx(-0.03)
    assert found.effect.interval.low == pytest.approx(-0.03 - half)
    assert [block.difference for block in found.effect.blocks] == pytest.approx([-0.02, -0.04, -0.03])
    assert found.n_searches == 3
    assert found.score is not None
    assert found.score.mean == pytest.approx(0.69)


def test_spread_from_search_to_search_stands_beside_that_of_seeds(make_ablation: MakeAblation) -> None:
    found = effect_of(retune(make_ablation, base=[0.70, 0.74, 0.72], arm=[0.68, 0.70, 0.69]))
    assert found.sd_search == pytest.approx(0.01)
    assert found.sd_seed == pytest.approx(0.02 / math.sqrt(2))  # two seeds, 0.02 apart


def test_what_re_tuning_buys_back_is_re_tuned_minus_frozen(make_ablation: MakeAblation) -> None:
    ablation = study(retune(make_ablation, base=[0.70, 0.74, 0.72], arm=[0.68, 0.70, 0.69]))
    arm = ablation.arms[0]
    assert arm.retuned is not None
    back = arm.retuned.bought_back
    assert back is not None
    assert back.mean == pytest.approx(-0.03 + 0.095)
    # Variances of both means, 0.0001 / 3 on two degrees of freedom and 0.00001 on eight, by Welch.
    terms = (0.0001 / 3, 2), (0.00001, 8)
    total = sum(term for term, _ in terms)
    freedom = total**2 / sum(term**2 / one for term, one in terms)
    assert back.high is not None
    assert back.high - back.mean == pytest.approx(stats.t.ppf(0.975, freedom) * math.sqrt(total))


def test_three_searches_are_judged(make_ablation: MakeAblation) -> None:
    # -0.100, -0.101, -0.099: t = -0.1 / (0.001 / sqrt(3)) = -173 on two degrees of freedom, p = 0.00003.
    found = effect_of(retune(make_ablation, base=[0.70, 0.74, 0.72], arm=[0.60, 0.639, 0.621]))
    assert found.word == "helps"
    assert found.verdict is not None
    assert found.verdict.adjusted_p == pytest.approx(2 * stats.t.sf(0.1 / (0.001 / math.sqrt(3)), 2))


@pytest.mark.parametrize("searches", [1, 2])
def test_fewer_than_three_searches_are_not(make_ablation: MakeAblation, searches: int) -> None:
    found = effect_of(retune(make_ablation, base=[0.70, 0.74][:searches], arm=[0.60, 0.64][:searches]))
    assert found.effect is not None
    assert found.effect.interval.mean == pytest.approx(-0.10)
    assert (found.verdict, found.word, found.n_searches) == (None, "unjudged", searches)
    assert (found.sd_search is None) == (searches == 1)


def test_budgets_are_counted_and_unequal_ones_named(make_ablation: MakeAblation) -> None:
    builder = retune(make_ablation, base=[0.70] * 3, arm=[0.69] * 3, trials={"gate=average": 3})
    ablation = study(builder)
    arm = ablation.arms[0]
    assert arm.retuned is not None
    assert (arm.retuned.spent.trials, arm.retuned.spent.epochs) == (9, 27)
    assert (arm.retuned.base_spent.trials, arm.retuned.base_spent.epochs) == (12, 36)
    assert not arm.retuned.has_equal_budget
    assert list(ablation.unequal) == ["gate=average"]


def test_equal_budgets_are_not_named(make_ablation: MakeAblation) -> None:
    ablation = study(retune(make_ablation, base=[0.70] * 3, arm=[0.69] * 3))
    assert ablation.unequal == {}
    assert ablation.base_retuned is not None
    assert ablation.base_retuned.mean == pytest.approx(0.70)


def test_a_search_without_its_counterpart_is_left_out(make_ablation: MakeAblation) -> None:
    found = effect_of(retune(make_ablation, base=[0.70, 0.74, 0.72], arm=[0.68, 0.70]))
    assert found.effect is not None
    assert found.n_searches == 2
    assert found.effect.interval.mean == pytest.approx(-0.03)


def test_what_was_not_re_tuned_has_no_such_effect(make_ablation: MakeAblation) -> None:
    builder = make_ablation(arms=[AVERAGE], retune={"trials": 4, "searches": 3})
    builder.frozen(TOWERS, SCORES["base"])
    assert study(builder).arms[0].retuned is None
