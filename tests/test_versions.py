"""The versions that pyproject.toml allows are those that the tests run with, at both ends of the range."""

import tomllib
from pathlib import Path

import pytest
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


def lower_bounds() -> dict[str, Version]:
    """The highest lower bound of each package, which may be named twice."""
    bounds: dict[str, Version] = {}
    for requirement in needed(TESTED):
        name = canonicalize_name(requirement.name)
        for each in requirement.specifier:
            if each.operator == ">=":
                bounds[name] = max(Version(each.version), bounds.get(name, Version("0")))
    return bounds


def test_each_requirement_of_the_tests_has_a_lower_bound() -> None:
    assert {canonicalize_name(each.name) for each in needed(TESTED)} == set(lower_bounds())


def test_the_lowest_versions_are_the_lower_bounds() -> None:
    lowest = pins("constraints-lowest.txt")
    assert {name: lowest.get(name) for name in lower_bounds()} == lower_bounds()


@pytest.mark.parametrize(
    ("file", "extras"), [("constraints.txt", (*TESTED, "dev")), ("constraints-lowest.txt", TESTED)]
)
def test_pinned_versions_are_in_the_range(file: str, extras: tuple[str, ...]) -> None:
    pinned = pins(file)
    for requirement in needed(extras):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{file} does not pin {name}"
        assert pinned[name] in requirement.specifier, f"{file}: {name} {pinned[name]} is not {requirement}"
