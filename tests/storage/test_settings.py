"""Stored settings by their dotted keys."""

import pytest

from sinegan.storage.settings import ABSENT, flattened, setting

NESTED = {"optim": {"lr": 1, "more": {"a": None}}, "network": {"generator": [8]}, "seeds": 3, "no": {}}


def test_settings_are_flattened_to_dotted_keys() -> None:
    assert flattened(NESTED) == {"optim.lr": 1, "optim.more.a": None, "network.generator": [8], "seeds": 3}


@pytest.mark.parametrize(
    ("key", "value"),
    [("optim.lr", 1), ("optim.more.a", None), ("optim.beta", ABSENT), ("seeds.lr", ABSENT), ("no", {})],
)
def test_a_setting_is_read_by_its_dotted_key(key: str, value: object) -> None:
    assert setting(NESTED, key) == value
    assert setting(NESTED, "gone", "otherwise") == "otherwise"
