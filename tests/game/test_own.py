"""The user's own curves are read as they are, and bad ones are refused with the reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from sinegan.game.own import FromFile, FromFunction

Array = np.ndarray[Any, Any]


def written(folder: Path, content: str | bytes | Array, name: str = "curve.csv") -> str:
    file = folder / name
    if isinstance(content, np.ndarray):
        np.save(file, content)
    else:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


@pytest.mark.parametrize(
    "content",
    [
        "0,1\n2,3\n4,-1\n",
        "seconds,volts\n0,1\n2,3\n4,-1\n",
        "\ufeff0; 1\r\n2; 3\r\n\r\n4; -1",
        "# measured\n0\t1\n2\t3\n4\t-1\n",
    ],
)
def test_a_csv_is_its_samples_and_straight_lines_between(tmp_path: Path, content: str) -> None:
    target = FromFile(path=written(tmp_path, content), points=5)
    assert list(target.conflicts()) == []
    np.testing.assert_allclose(target.grid(), [0, 1, 2, 3, 4])
    np.testing.assert_allclose(target.draw(2, default_rng(0)), [[1, 2, 3, 1, -1]] * 2)
    assert not target.family


@pytest.mark.parametrize("content", [np.array([1.0, 3.0, -1.0]), np.array([[1], [3], [-1]])])
def test_samples_without_x_are_equally_spaced(tmp_path: Path, content: Array) -> None:
    for path in (
        written(tmp_path, content, "curve.npy"),
        written(tmp_path, "value\n1\n3\n-1\n"),
    ):
        target = FromFile(path=path, points=3)
        np.testing.assert_allclose(target.grid(), [0, 1, 2])
        np.testing.assert_allclose(target.draw(1, default_rng(0)), [[1, 3, -1]])


def test_an_array_of_two_columns_has_x_first(tmp_path: Path) -> None:
    target = FromFile(path=written(tmp_path, np.array([[0.0, 5.0], [2.0, 7.0]]), "curve.npy"), points=3)
    np.testing.assert_allclose(target.draw(1, default_rng(0)), [[5, 6, 7]])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("curve.txt", "1\n2\n", "must be a .csv or a .npy file"),
        ("curve.csv", "x,y\n1,2\n3,four\n", "line 3 is not made of numbers: 3,four"),
        ("curve.csv", "1,2\n3\n", "line 2 has 1 columns, the first has 2"),
        ("curve.csv", "1,2,3\n4,5,6\n", "has the shape (2, 3); must be one column, or two with x first"),
        ("curve.csv", "x,y\n1,2\n", "holds 1 samples; must be at least 2"),
        ("curve.csv", "", "holds 0 samples; must be at least 2"),
        ("curve.csv", "1\nnan\n2\n", "sample 2 is not finite; remove it or fill it in"),
        ("curve.csv", "0,1\n2,1\n1,1\n", "x does not rise from sample 2 to 3; sort them, once each"),
        ("curve.csv", b"\xff\xfe\x00", "is no text file"),
        ("curve.npy", b"not an array", "is no array of numbers ("),
        ("curve.npy", np.array(["a", "b"]), "is no array of numbers ("),
        ("curve.npy", np.array([{}, {}], dtype=object), "is no array of numbers ("),
        ("curve.npy", np.zeros((2, 2, 2)), "has the shape (2, 2, 2); must be"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: str | bytes | Array, reason: str
) -> None:
    path = written(tmp_path, content, name)
    (problem,) = FromFile(path=path).conflicts()
    assert problem.startswith(f"path = {path}: {reason}")


def test_a_file_that_is_not_there_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    (problem,) = FromFile(path=f"{tmp_path}/none.csv").conflicts()
    assert problem == f"path = {tmp_path}/none.csv: no such file (looked for in {Path.cwd()})"
    (problem,) = FromFile(path="???").conflicts()
    assert problem == "path = ???: must be a .csv or a .npy file"


def half(x: Array) -> Array:
    return x / 2


def short(x: Array) -> Array:
    return x[:-1]


def infinite(x: Array) -> Array:
    return 1 / (x > 1)


def broken(_: Array) -> Array:
    raise KeyError("volts")


def test_a_function_is_called_on_the_grid() -> None:
    target = FromFunction(function=f"{__name__}.half", points=3, start=0, end=4)
    assert list(target.conflicts()) == []
    np.testing.assert_allclose(target.draw(2, default_rng(0)), [[0, 1, 2]] * 2)
    sinc = FromFunction(function="numpy.sinc", points=3, start=0, end=1)
    np.testing.assert_allclose(sinc.draw(1, default_rng(0)), [[1, 2 / np.pi, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (f"{__name__}.short", "gave the shape (2,) for x of shape (3,); must be the same"),
        (f"{__name__}.broken", "raised KeyError ('volts')"),
        ("numpy.pi", "is no function but float"),
        ("no_such.curve", "cannot be imported (No module named 'no_such'); give module.function"),
        ("curve", "cannot be imported (Empty module name); give module.function"),
    ],
)
def test_a_bad_function_is_refused_with_the_reason(function: str, reason: str) -> None:
    assert list(FromFunction(function=function, points=3).conflicts()) == [f"function = {function}: {reason}"]


def test_a_function_that_is_not_finite_is_told_with_the_place() -> None:
    with np.errstate(divide="ignore"):
        (problem,) = FromFunction(function=f"{__name__}.infinite", points=3, start=0, end=4).conflicts()
    assert problem == f"function = {__name__}.infinite: is not finite at x = 0"
