"""What the YAML files may compute: `${product:${.lr},${.lr_ratio}}`."""

from typing import Any

from omegaconf import OmegaConf


def product(one: Any, other: Any) -> Any:
    """The product of two numbers; of anything else the first, so that it is told where it is wrong."""
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other))
    return one * other if numbers else one


def register() -> None:
    """Makes them known to OmegaConf; as often as one likes."""
    OmegaConf.register_new_resolver("product", product, replace=True)
