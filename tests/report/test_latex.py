"""The LaTeX tables in a real LaTeX: they compile, and each name is printed as it was typed."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sinegan.report.load import load_sweep
from sinegan.report.words.formats import formatted
from sinegan.report.words.views import by_view, pivot_view

pytestmark = pytest.mark.slow

FileConfiguration = Callable[..., Path]

NAMES = [
    "non_saturating",
    "50% & more",
    "#1 {a} [b]",
    r"C:\new\table",
    "<script>alert(1)</script>",
    "~x^2 $y$",
    "[1,2]",
    "a|b--c",
    "naïve",
    "a" * 60,
]


@pytest.fixture(scope="module")
def latex() -> str:
    found = shutil.which("pdflatex")
    known = shutil.which("kpsewhich")
    styled = (
        known and subprocess.run([known, "booktabs.sty"], capture_output=True, check=False).returncode == 0
    )
    if found is None or not styled:
        pytest.skip("needs LaTeX with booktabs: apt-get install texlive-latex-base texlive-latex-recommended")
    return found


def compiled(latex: str, folder: Path, table: str) -> str:
    """The log of a document with a table. Fails when LaTeX does."""
    document = (
        "\\documentclass{article}\n\\usepackage{booktabs}\n"
        f"\\begin{{document}}\n{table}\n\\end{{document}}\n"
    )
    (folder / "table.tex").write_text(document, encoding="utf-8")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "table.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-3000:]
    assert (folder / "table.pdf").stat().st_size > 1000
    return log


def sweep_of_names(folder: Path, file_configuration: FileConfiguration) -> Path:
    for place, name in enumerate(NAMES):
        for other in ("x_1", "y&2"):
            values = {seed: [0.1 * (place + 1) * (1 + seed / 9)] for seed in range(3)}
            overrides = [f"loss={name}", f"optim.a_b={other}"]
            file_configuration(folder / f"{place}{other[0]}", overrides, values)
    return folder


def test_a_table_of_nasty_names_compiles(
    latex: str, tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    sweep = load_sweep(sweep_of_names(tmp_path / "sweep", file_configuration))
    log = compiled(latex, tmp_path, formatted(by_view(sweep, ["loss"]), "latex"))
    assert "Missing character" not in log


@pytest.mark.usefixtures("latex")
def test_letters_that_pdflatex_lacks_compile_with_lualatex(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    other = shutil.which("lualatex")
    if other is None:
        pytest.skip("needs lualatex, which texlive-latex-base depends on")
    for place, name in enumerate(["λ", "naïve"]):
        file_configuration(tmp_path / "sweep" / str(place), [f"loss={name}"], {0: [1.0]})
    compiled(other, tmp_path, formatted(by_view(load_sweep(tmp_path / "sweep")), "latex"))


def test_a_pivot_table_compiles_whatever_its_columns_are_called(
    latex: str, tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    sweep = load_sweep(sweep_of_names(tmp_path / "sweep", file_configuration))
    compiled(latex, tmp_path, formatted(pivot_view(sweep, "optim.a_b", "loss"), "latex"))
