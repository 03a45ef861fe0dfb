import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search_spaces import SPACES, load_space
from search_spaces.asking import Asker
from search_spaces.space import Restricted, SearchSpace

DEFAULTS = {"a": 1, "b": "x", "c": 0.5, "d": 0.0, "constant": 7}


def suggest(trial: Asker) -> dict[str, object]:
    config: dict[str, object] = {
        "a": trial.suggest_int("a", 1, 4),
        "b": trial.suggest_categorical("b", ("x", "y", None)),
    }
    if config["b"] == "y" and config["a"] == 4:  # reached by two unusual answers together
        config["c"] = trial.suggest_float("c", 0.1, 10.0, log=True)
    config["d"] = trial.suggest_float_or("d", 0.0, 1e-3, 1.0, log=True)
    return config


SPACE = SearchSpace(name="s", family="f", description="", suggest=suggest, defaults=DEFAULTS)


def _ask(restricted: Restricted, n: int = 200) -> list[dict[str, object]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [restricted.configure(study.ask())[0] for _ in range(n)]


def test_probing_finds_every_branch() -> None:
    parameters = {one.name: one for one in Restricted(space=SPACE).parameters}
    assert list(parameters) == ["a", "b", "d", "c"]
    assert parameters["a"].distribution == IntDistribution(1, 4)
    assert parameters["c"].condition == "under several conditions together"
    assert parameters["d"].describe_range() == "0 or 0.001..1 (log)"
    assert parameters["a"].condition == ""


def test_conditions_are_told_in_words() -> None:
    parameters = {one.name: one for one in Restricted(space=SPACES["lightmmoe"]).parameters}
    assert parameters["gate"].condition == "unless n_experts = 1"
    assert parameters["sg_ratio"].condition == "unless n_experts = 1 or gate = specific or shared or average"
    assert parameters["window"].condition == ""


def test_configurations_are_complete_and_know_what_counts() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(100):
        config, active = Restricted(space=SPACE).configure(study.ask())
        assert config.keys() == DEFAULTS.keys()
        assert ("c" in active) == (config["b"] == "y" and config["a"] == 4)
        assert {"a", "b", "d", "constant"} <= active


def test_absent_half_of_the_time() -> None:
    # 400 fair draws: outside 150..250 with a chance of less than 1e-6.
    absent = sum(config["d"] == 0.0 for config in _ask(Restricted(space=SPACE), 400))
    assert 150 < absent < 250


def test_encode_and_configure_are_inverse() -> None:
    restricted = Restricted(space=SPACE)
    study = optuna.create_study()
    for config in _ask(restricted, 50):
        study.enqueue_trial(restricted.encode(config))
        assert restricted.configure(study.ask())[0] == config


def test_encode_refuses_what_lies_outside() -> None:
    with pytest.raises(ValueError, match=r"`a` is 9, but this study searches 1\.\.4"):
        Restricted(space=SPACE).encode({**DEFAULTS, "a": 9})


def test_fixed_parameters_are_not_searched() -> None:
    restricted = Restricted(space=SPACE, fixed={"a": 4, "d": 0.25})
    assert [one.name for one in restricted.parameters] == ["b", "c"]
    assert all(config["a"] == 4 and config["d"] == 0.25 for config in _ask(restricted, 20))


def test_ranges_replace_the_space_s_own() -> None:
    ranges = {"a": IntDistribution(2, 3), "d": FloatDistribution(0.1, 0.2)}
    configs = _ask(Restricted(space=SPACE, ranges=ranges), 60)
    assert {config["a"] for config in configs} == {2, 3}
    assert all(0.1 <= config["d"] <= 0.2 for config in configs)  # a range means: never absent


def test_a_range_for_what_is_not_searched_is_refused() -> None:
    for arguments, said in (
        ({"ranges": {"e": IntDistribution(1, 2)}}, "is not searched; searched are a, b, d, c"),
        ({"ranges": {"a": IntDistribution(1, 2)}, "fixed": {"a": 1}}, "is fixed by --set"),
    ):
        with pytest.raises(ValueError, match=said):
            Restricted(space=SPACE, **arguments)


def test_project_finds_the_nearest_member() -> None:
    restricted = Restricted(space=SPACE, fixed={"b": "y"}, ranges={"a": IntDistribution(3, 4)})
    assert restricted.project(DEFAULTS) == {**DEFAULTS, "a": 3, "b": "y"}
    wide = Restricted(space=SPACES["lightmmoe"], ranges={"window": CategoricalDistribution((32, 64))})
    assert wide.project(SPACES["lightmmoe"].defaults)["window"] == 32


def test_a_configuration_with_its_data_prepared_otherwise() -> None:
    space = SPACES["lightmmoe"]
    others = Restricted(space=space).prepare_otherwise(space.defaults)
    assert [one["clip"] for one in others] == [3.0, 5.0, 10.0, 20.0, 50.0, "auto"]
    assert all({**one, "clip": None} == space.defaults for one in others)
    few = Restricted(space=space, ranges={"clip": CategoricalDistribution((5.0, 10.0))})
    assert [one["clip"] for one in few.prepare_otherwise(space.defaults)] == [5.0, 10.0]
    fixed = Restricted(space=space, fixed={"clip": 5.0})
    assert [one["clip"] for one in fixed.prepare_otherwise(space.defaults)] == [5.0]


def test_what_lies_outside_a_space_is_not_prepared_otherwise() -> None:
    space = SPACES["lightmmoe"]
    assert Restricted(space=space, fixed={"window": 32}).prepare_otherwise(space.defaults) == []


def test_identity_follows_what_is_searched() -> None:
    plain = Restricted(space=SPACE).identity()
    assert plain == Restricted(space=SPACE).identity()
    assert plain != Restricted(space=SPACE, fixed={"a": 1}).identity()
    assert plain != Restricted(space=SPACE, ranges={"a": IntDistribution(1, 3)}).identity()


def test_a_space_that_asks_for_what_has_no_default_is_refused() -> None:
    def ask_more(trial: Asker) -> dict[str, object]:
        return {"z": trial.suggest_float("z", 0, 1)}

    space = SearchSpace(name="s", family="f", description="", suggest=ask_more, defaults={})
    with pytest.raises(ValueError, match="asks for z"):
        _ = Restricted(space=space).parameters


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lightmoe", "known: lightmmoe"),
        ("no.such.module:SPACE", "cannot be imported"),
        ("search_spaces.lightmmoe:PUBLISHED", "is no search space"),
        ("search_spaces.lightmmoe:NOTHING", "is no search space"),
    ],
)
def test_unknown_spaces_are_explained(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_space(name)


def test_a_space_from_outside_the_tree() -> None:
    assert load_space("tests.cluster.simulation:SPACE").name == "toy"
