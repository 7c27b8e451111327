"""The folder of the YAML files."""

from pathlib import Path


def conf_folder() -> Path:
    """The folder of the YAML files: inside an installed package, else next to the sources."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf"
