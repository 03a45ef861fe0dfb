from trainables.seeding import STAGES, derive_seed, stage_seed


def test_streams_are_stable_across_processes_and_versions() -> None:
    assert derive_seed(0, "search", 3) == 3288344493886962228
    assert stage_seed(7, "confirm", 0) == 404461843


def test_names_and_order_matter() -> None:
    seeds = {derive_seed(0), derive_seed(1), derive_seed(0, "a"), derive_seed(0, "a", "b"), derive_seed(0, "b", "a")}
    assert len(seeds) == 5
    assert derive_seed(0, "ab") != derive_seed(0, "a", "b")
    assert derive_seed(0, 1) != derive_seed(0, "1")


def test_stages_never_share_a_seed() -> None:
    by_stage = {stage: {stage_seed(0, stage, index) for index in range(2000)} for stage in STAGES}
    assert sum(len(seeds) for seeds in by_stage.values()) >= 2000 * len(STAGES) - 100  # repeats within one are harmless
    for first in STAGES:
        for second in STAGES:
            assert first == second or by_stage[first].isdisjoint(by_stage[second])
