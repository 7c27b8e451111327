"""The versions that the tests run with are versions that pyproject.toml allows."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# The tests need these extras. Tools of `dev` check the code with one version only, that of constraints.txt.
TESTED = ("dask", "optuna", "slurm", "test")


def needed(extras: tuple[str, ...]) -> list[Requirement]:
    """The requirements of the package and of its extras, without those on its own extras."""
    lines = [
        *PROJECT["dependencies"],
        *(line for e in extras for line in PROJECT["optional-dependencies"][e]),
    ]
    requirements = [Requirement(line) for line in lines]
    return [each for each in requirements if each.name != PROJECT["name"]]


def pins(file: str) -> dict[str, Version]:
    """The version of each package that a file of constraints names."""
    pinned = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            assert pin.operator == "==", line
            pinned[canonicalize_name(requirement.name)] = Version(pin.version)
    return pinned


def test_each_requirement_of_the_tests_has_a_lower_bound() -> None:
    bounded = {each.name for each in needed(TESTED) if any(one.operator == ">=" for one in each.specifier)}
    assert {each.name for each in needed(TESTED)} == bounded


def test_pinned_versions_are_in_the_range() -> None:
    pinned = pins("constraints.txt")
    for requirement in needed((*TESTED, "dev")):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"constraints.txt does not pin {name}"
        assert pinned[name] in requirement.specifier, f"{name} {pinned[name]} is not {requirement}"
