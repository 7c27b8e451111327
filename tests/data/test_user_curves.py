"""Targets from the user's files and functions; bad ones are refused with the reason."""

import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from sinegan.config import Config, InvalidConfigError, validate
from sinegan.data.from_file import FromFile
from sinegan.data.from_function import FromFunction
from sinegan.game.mixtures import Gaussian
from sinegan.game.targets import NoisySine, Sine, Target
from sinegan.training.footprint import worker_bytes
from sinegan.training.signature import Run
from sinegan.training.stack import Stack

Array = np.ndarray[Any, Any]


VALID: dict[str, Any] = {
    "network": {"_target_": "sinegan.game.networks.Network"},
    "loss": {"_target_": "sinegan.game.losses.Minimax"},
    "optim": {"_target_": "sinegan.game.optimisers.Adam"},
    "training": {},
    "plot": {},
}


def written_out(target: Target) -> dict[str, Any]:
    kind = type(target)
    return {"_target_": f"{kind.__module__}.{kind.__qualname__}"} | dataclasses.asdict(target)


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
def test_a_csv_curve_is_interpolated_linearly(tmp_path: Path, content: str) -> None:
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


def test_a_missing_file_is_refused_with_the_folder_that_was_searched(tmp_path: Path) -> None:
    (problem,) = FromFile(path=f"{tmp_path}/none.csv").conflicts()
    assert problem == f"path = {tmp_path}/none.csv: no such file (looked for in {Path.cwd()})"
    (problem,) = FromFile(path="???").conflicts()
    assert problem == "path = ???: must be a file of one of .csv, .tsv, .txt, .dat, .npy, .npz"


def test_a_data_set_is_drawn_from_with_replacement(tmp_path: Path) -> None:
    curves = np.arange(12.0).reshape(4, 3) ** 2
    target = FromFile(path=written(tmp_path, curves, "set.npy"), points=3)
    assert target.family
    assert list(target.conflicts()) == []
    drawn = target.draw(200, default_rng(0))
    assert {tuple(row) for row in drawn} == {tuple(row) for row in curves}
    np.testing.assert_array_equal(drawn, target.draw(200, default_rng(0)))
    assert (drawn != target.draw(200, default_rng(1))).any()


def test_a_data_set_on_its_grid_is_in_the_estimate_of_memory(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    few, many = (
        make_config(target=FromFile(path=written(tmp_path, np.zeros((rows, 16)), f"{rows}.npy"), points=600))
        for rows in (4, 5004)
    )
    assert worker_bytes(many.setup, 1) - worker_bytes(few.setup, 1) == 5000 * (600 + 16) * 8


def test_the_curves_of_a_data_set_are_interpolated_linearly(tmp_path: Path) -> None:
    path = written(tmp_path, "t,a,b\n0,0,10\n4,8,10\n")
    target = FromFile(path=path, points=5, curves="columns", x_column="t")
    np.testing.assert_allclose(target.grid(), [0, 1, 2, 3, 4])
    assert {tuple(row) for row in target.draw(50, default_rng(0))} == {(0, 2, 4, 6, 8), (10,) * 5}


def test_the_remark_on_a_file_names_its_columns_and_the_number_of_points(tmp_path: Path) -> None:
    table, array = written(tmp_path, "t;v\n0;1,5\n2;2,5\n"), written(tmp_path, np.ones((30, 50)), "set.npy")
    assert list(FromFile(path=table, points=5).remarks()) == [
        f"target: {table}: x from column t, values from column v, 2 rows, x from 0 to 2, delimiter "
        "semicolon, decimal comma; learned at 5 points"
    ]
    assert list(FromFile(path=array).remarks()) == [
        f"target: {array}: a data set, a curve a row, 30 curves of 50 samples, x 0, 1, 2, …; learned at "
        "16 points"
    ]


def test_the_fingerprint_depends_on_the_content_of_the_file(tmp_path: Path) -> None:
    one, same, other = (
        written(tmp_path, content, f"{name}.csv")
        for name, content in (("one", "1\n2\n"), ("same", "1\n2\n"), ("other", "1\n3\n"))
    )
    prints = [FromFile(path=path).fingerprint() for path in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]


def test_a_pickled_target_carries_the_content_of_its_file(tmp_path: Path) -> None:
    target = FromFile(path=written(tmp_path, "1\n3\n"), points=3)
    assert list(target.conflicts()) == []
    sent = pickle.dumps(target)
    written(tmp_path, "100\n300\n")
    np.testing.assert_allclose(pickle.loads(sent).draw(1, default_rng(0)), [[1, 2, 3]])
    assert pickle.loads(sent).fingerprint() == target.fingerprint()


def test_a_grid_whose_points_cannot_be_distinguished_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f"1.0,5.5\n{1 + 4e-16!r},6.5\n")
    (problem,) = FromFile(path=path).conflicts()
    assert problem.startswith("points = 16: cannot be distinguished")


def test_a_run_on_a_data_set_has_the_same_numbers_alone_and_in_a_stack(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    path = written(tmp_path, np.sin(np.arange(60.0)).reshape(10, 6), "set.npy")
    config = make_config(target=FromFile(path=path, points=6))
    assert config.primary_metric == "energy_distance"
    together, alone = Stack([Run(config.setup, seed) for seed in range(3)]), Stack([Run(config.setup, 2)])
    for stack in (together, alone):
        stack.advance(12)
    found, expected = together.measure(), alone.measure()
    assert "energy_distance_floor" in found
    assert {name: values[2] for name, values in found.items()} == {
        name: values[0] for name, values in expected.items()
    }
    assert len(set(found["energy_distance"])) == 3


@pytest.mark.parametrize(
    ("target", "least"),
    [
        (Sine(amplitude=1e39), 9e38),
        (Sine(amplitude=1e308), 9e307),
        (Sine(end=1e300), 1e300),
        (Sine(start=-1.7e308, end=1.7e308), 1e308),
        (Gaussian(mean=1e300), 1e300),
        (NoisySine(noise=1e30), 1e29),
    ],
)
def test_values_that_float32_cannot_represent_are_refused(target: Target, least: float) -> None:
    extreme = target.extreme()
    assert extreme is not None
    assert not abs(extreme) < least
    with pytest.raises(InvalidConfigError, match=r"has the value .*e\+|has the value (inf|nan)"):
        validate(VALID | {"target": written_out(target)})


def test_ordinary_targets_have_no_extreme_value() -> None:
    for target in (Sine(amplitude=1e17), Gaussian(), NoisySine()):
        assert target.extreme() is None


def test_a_file_with_a_value_that_float32_cannot_represent_is_refused(tmp_path: Path) -> None:
    assert FromFile(path=written(tmp_path, "0\n1e39\n")).extreme() == 1e39
    assert FromFile(path=written(tmp_path, "0\n-1e17\n", "fine.csv")).extreme() is None


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


def test_a_function_with_a_value_that_is_not_finite_is_refused_with_its_x() -> None:
    (problem,) = FromFunction(function=f"{__name__}.infinite", points=3, start=0, end=4).conflicts()
    assert problem == f"function = {__name__}.infinite: is not finite at x = 0"
