"""`python -m sinegan.report compare` as a person uses it."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

TABLE = """dataset,method,seed,accuracy
one,a,0,0.91
one,a,1,0.92
one,a,2,0.90
one,a,3,0.93
one,b,0,0.71
one,b,1,0.72
one,b,2,0.74
one,b,3,0.70
two,a,0,0.51
two,a,1,0.53
two,a,2,0.52
two,a,3,0.50
two,b,0,0.52
two,b,1,0.51
two,b,2,0.50
two,b,3,
"""
OPTIONS = ["--configuration", "method", "--metric", "accuracy", "--more-is-better"]


def compare(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sinegan.report", "compare", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def results(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(TABLE)


def test_the_answer_comes_before_the_table_and_the_files_have_all(tmp_path: Path) -> None:
    arguments = ["results.csv", *OPTIONS, "--problem", "dataset", "--out", "judged"]
    done = compare(*arguments, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("At 4 seeds, a is better than b on one: its accuracy is 1.28 times higher")
    assert "accuracy, more is better" in done.stdout
    assert max(map(len, lines)) <= 80
    folder = tmp_path / "judged"
    assert sorted(path.name for path in folder.iterdir()) == [
        "answer.txt", "comparisons.csv", "configurations.csv", "intervals.png", "intervals.svg",
    ]  # fmt: skip
    rows = pd.read_csv(folder / "comparisons.csv")
    assert rows[["problem", "a", "b", "verdict"]].values.tolist() == [
        ["one", "a", "b", "better"],
        ["two", "a", "b", "undecided"],
    ]
    assert pd.read_csv(folder / "configurations.csv")["lost"].tolist() == [0, 0, 0, 1]
    assert (folder / "answer.txt").read_text().count("\n") == 2
    assert (folder / "intervals.png").read_bytes().startswith(b"\x89PNG")


def test_the_margin_decides_what_is_equal(tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text(
        "".join(TABLE.splitlines(keepends=True)[:1] + TABLE.splitlines(keepends=True)[9:16])
    )
    assert "not separated" in compare("two.csv", *OPTIONS, "--margin", "0.01", folder=tmp_path).stdout
    assert "equal within 50 %" in compare("two.csv", *OPTIONS, "--margin", "0.5", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv"], "sinegan.report: nothing.csv: cannot be read: No such file or directory"),
        (
            ["results.csv"],
            "sinegan.report: column configuration: is not there; there are: dataset, method, seed",
        ),
        (["results.csv", *OPTIONS], "method=a, seed=0: is given more than once"),
        (["results.csv", *OPTIONS, "--margin", "2"], "--margin '2': must be a share below 1"),
        (["results.csv", *OPTIONS, "--problem", "dataset", "--out", "results.csv"], "cannot write"),
    ],
)
def test_what_cannot_be_judged_ends_in_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = compare(*arguments, folder=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.csv"]


def test_comparing_loads_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, pandas, sinegan\n"
        "table = pandas.read_csv('results.csv')\n"
        "sinegan.compare(table, 'accuracy', configuration='method', problem='dataset')\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
