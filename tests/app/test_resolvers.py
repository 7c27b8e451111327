"""The resolver `product` of the YAML files."""

from omegaconf import OmegaConf

from sinegan.app.resolvers import product, register


def test_the_product_resolver_multiplies_numbers_and_returns_other_values_unchanged() -> None:
    assert product(0.5, 3) == 1.5
    assert product("abc", 3) == "abc"
    assert product(True, 3) is True


def test_the_product_resolver_may_be_registered_repeatedly() -> None:
    register()
    register()
    assert OmegaConf.create({"a": 2, "b": 0.25, "c": "${product:${.a},${.b}}"}).c == 0.5
