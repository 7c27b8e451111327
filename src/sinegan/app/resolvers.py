"""The functions that YAML files may call: `${product:${.lr},${.lr_ratio}}`."""

from typing import Any

from omegaconf import OmegaConf


def product(one: Any, other: Any) -> Any:
    """The product of two numbers. For anything else, the first value, so that its own key is reported."""
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other))
    return one * other if numbers else one


def register() -> None:
    """Registers the functions with OmegaConf; may be called again."""
    OmegaConf.register_new_resolver("product", product, replace=True)
