"""Which blocks may be seen, and what a look may spend."""

from pathlib import Path

import pytest

from analysis.ablation.declared import Declaration, read_declaration
from analysis.ablation.interim import choose_seen, find_look
from analysis.records import Log, Look, read_records
from tests.analysis.ablation.conftest import declare


def declaration_of(**changes: object) -> Declaration:
    found = read_declaration({"ablation": declare(**changes)})
    assert found is not None
    return found


def test_before_the_first_look_nothing_may_be_spent() -> None:
    look = find_look(Log(), declaration_of())
    assert (look.number, look.spendable, look.left, look.is_beyond) == (None, None, 3, False)


@pytest.mark.parametrize(
    ("number", "spendable", "left"), [(1, pytest.approx(0.03), 2), (2, pytest.approx(0.01), 1), (4, None, 0)]
)
def test_each_declared_look_has_its_share(number: int, spendable: float | None, left: int) -> None:
    looks = [Look(number=one, seeds=4 + one) for one in range(1, number + 1)]
    look = find_look(Log(looks=looks), declaration_of())
    assert (look.number, look.seeds, look.left) == (number, 4 + number, left)
    assert look.spendable == spendable
    assert look.is_beyond == (spendable is None)


def test_seeds_that_came_after_the_look_are_not_seen(ablated: Path) -> None:
    trials = read_records(ablated).of_stage("ablate_frozen")
    seen = choose_seen(trials, Log(looks=[Look(number=1, seeds=2)]))
    assert {trial.block for trial in seen} == {"seed-0", "seed-1"}
    assert choose_seen(trials, Log()) == trials
