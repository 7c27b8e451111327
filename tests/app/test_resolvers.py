"""What the YAML files may compute."""

from omegaconf import OmegaConf

from sinegan.app.resolvers import product, register


def test_a_product_is_one_of_numbers_and_anything_else_is_left_to_be_refused() -> None:
    assert product(0.5, 3) == 1.5
    assert product("abc", 3) == "abc"
    assert product(True, 3) is True


def test_it_is_known_to_yaml_however_often_it_is_registered() -> None:
    register()
    register()
    assert OmegaConf.create({"a": 2, "b": 0.25, "c": "${product:${.a},${.b}}"}).c == 0.5
