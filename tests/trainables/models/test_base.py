import pytest

from search_spaces.lightmmoe import PUBLISHED
from trainables.models import FAMILIES
from trainables.models.base import column_types
from trainables.models.lightmmoe import LightMMoEConfig


def test_round_trip() -> None:
    config = LightMMoEConfig.from_dict(PUBLISHED)
    assert LightMMoEConfig.from_dict(config.to_dict()) == config


def test_numbers_take_their_field_s_type() -> None:
    config = LightMMoEConfig.from_dict({**PUBLISHED, "window": 16.0, "clip": 5, "weight_decay": 0})
    assert type(config.window) is int
    assert type(config.clip) is float
    assert type(config.weight_decay) is float


def test_none_is_a_value_or_a_choice_s_name_as_the_parameter_has_it() -> None:
    assert LightMMoEConfig.from_dict({**PUBLISHED, "expert_kind": None}).expert_kind == "none"
    assert LightMMoEConfig.from_dict({**PUBLISHED, "clip": "none"}).clip is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"windw": 8}, "no parameter 'windw'"),
        ({"window": 0}, "`window` is 0"),
        ({"window": 65}, "at most 64"),
        ({"window": 8.5}, "whole number"),
        ({"window": True}, "whole number"),
        ({"gate": "mixxed"}, "one of mixed, specific, shared, average"),
        ({"sg_ratio": 1.2}, "`sg_ratio` is 1.2"),
        ({"sg_ratio": float("nan")}, "`sg_ratio` is nan"),
        ({"expert_dropout": 1.0}, "below 1"),
        ({"clip": "wide"}, "a number, auto or none"),
        ({"sg_ratio_learned": 1}, "true or false"),
    ],
)
def test_wrong_values_are_refused_by_name(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match="(?s).*") as caught:
        LightMMoEConfig.from_dict({**PUBLISHED, **changes})
    assert said in str(caught.value)


def test_missing_values_are_named() -> None:
    with pytest.raises(ValueError, match="lacks window, gate"):
        LightMMoEConfig.from_dict({name: value for name, value in PUBLISHED.items() if name not in ("window", "gate")})


def test_column_types_hold_every_value() -> None:
    kinds = column_types(FAMILIES["lightmmoe"].config)
    assert kinds["window"] == "int"
    assert kinds["learning_rate"] == "float"
    assert kinds["sg_ratio_learned"] == "bool"
    assert kinds["gate"] == "string"
    assert kinds["clip"] == "string"  # may be none, which is a value and not a gap
