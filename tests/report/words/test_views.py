"""Tables by key, metric and shape, and their files in every format."""

import io
import math
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from forged import Keys, sweep_of
from rich.console import Console
from values import drawn

from sinegan.report.load import load_sweep
from sinegan.report.make import print_view, write_view
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.run_values import UnknownNameError
from sinegan.report.referee.statistics import median_interval
from sinegan.report.sweep import Sweep
from sinegan.report.words.formats import FORMATS, UnknownFormatError, check_formats, formatted, in_latex
from sinegan.report.words.views import View, by_view, pivot_view
from sinegan.storage.results import parsed_csv, records

FileConfiguration = Callable[..., Path]

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def file_grid(tmp_path: Path, file_configuration: FileConfiguration) -> Callable[..., Path]:
    """A sweep of loss x network; of `other` every run is ten times as good, in the small network alone."""

    def file(names: tuple[str, str] = ("minimax", "other"), runs: int = 6) -> Path:
        rng = np.random.default_rng(0)
        for place in range(4):
            loss, network = names[place // 2], ("tiny", "small")[place % 2]
            scale = 0.1 if place == 3 else 1.0
            values = {seed: [scale * float(np.exp(0.1 * rng.standard_normal()))] for seed in range(runs)}
            file_configuration(tmp_path / "s" / str(place), [f"loss={loss}", f"network={network}"], values)
        return tmp_path / "s"

    return file


@pytest.fixture
def grid(file_grid: Callable[..., Path]) -> Sweep:
    return load_sweep(file_grid())


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sinegan.report", *arguments], capture_output=True, text=True
    )


class Cells(HTMLParser):
    """The texts of a page's cells, and the names of all its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.elements.add(tag)
        if tag in ("td", "th"):
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts and data.strip():
            self.texts[-1] += data


def test_a_table_by_a_key_pools_the_rest_of_the_grid(grid: Sweep) -> None:
    view = by_view(grid, ["network"])
    assert view.full["network"].tolist() == ["tiny", "small"]
    assert list(view.full)[1:] == [
        "n", "lost", "estimate", "low", "high", "median", "median_low", "median_high", "rank", "tie_group",
    ]  # fmt: skip
    values = Analysis(grid).values
    runs = [[values[str(place), seed] for seed in range(6)] for place in range(4)]
    small = np.exp((np.log(runs[1]) + np.log(runs[3])) / 2)
    assert view.full["n"].tolist() == [6, 6]
    assert view.full["estimate"][1] == pytest.approx(math.exp(np.log(small).mean()))
    assert view.full["median"][1] == pytest.approx(np.median(small))
    assert view.full["rank"].tolist() == [2, 1]
    assert view.name == "rmse_by_network"


def test_a_pivot_table_has_the_levels_in_the_order_of_the_sweep(grid: Sweep) -> None:
    view = pivot_view(grid, "network", "loss")
    assert list(view.full) == ["network", "minimax", "other"]
    assert list(view.shown) == ["network", "loss=minimax", "loss=other"]
    estimates = Analysis(grid).table.set_index(["network", "loss"])["estimate"]
    for row in records(view.full):
        for loss in ("minimax", "other"):
            assert row[loss] == pytest.approx(estimates[row["network"], loss])
    assert re.fullmatch(r"0\.1\d* \(0\.\d+ to 0\.\d+\)", view.shown["loss=other"][1])


def test_only_what_is_separated_from_every_other_is_bold(grid: Sweep) -> None:
    pivot = pivot_view(grid, "network", "loss")
    assert pivot.bold.to_numpy().tolist() == [[False, False, False], [False, False, True]]
    assert by_view(grid).bold.any(axis=1).tolist() == [False, False, False, True]
    tied = by_view(grid, ["network"], "d_real")  # half in every run
    assert not tied.bold.to_numpy().any()


def test_a_cell_that_the_sweep_lacks_is_a_dash(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    for place, (a, b) in enumerate([("1", "y"), ("1", "x"), ("2", "x")]):
        file_configuration(tmp_path / str(place), [f"a={a}", f"b={b}"], {0: [1.0]})
    view = pivot_view(load_sweep(tmp_path), "a", "b")
    assert list(view.full) == ["a", "y", "x"]
    assert view.shown.to_numpy().tolist() == [["1", "1", "1"], ["2", "-", "1"]]
    assert view.full["y"].isna().tolist() == [False, True]


def test_who_shares_the_first_rank_does_not_win() -> None:
    keys: dict[Keys, dict[int, float]] = {
        (("target", target), ("loss", loss)): drawn(place, factor)
        for place, (target, loss, factor) in enumerate(
            [("s", "x", 1), ("s", "y", 1), ("s", "z", 9), ("t", "x", 9), ("t", "y", 1), ("t", "z", 9)]
        )
    }
    view = by_view(sweep_of(keys))
    assert view.bold["estimate"].tolist() == [False, False, False, False, True, False]
    assert view.bold["rank"].tolist() == view.bold["estimate"].tolist()
    assert not view.bold["median"].any()


def test_the_margin_reaches_the_comparisons() -> None:
    close = {seed: value * (1.01 if seed % 2 else 0.99) for seed, value in drawn(1).items()}
    sweep = sweep_of({(("loss", "x"), ("a", "1")): drawn(1), (("loss", "y"), ("a", "1")): close})
    for view in (by_view(sweep), pivot_view(sweep, "a", "loss")):
        assert view.comparisons["verdict"].tolist() == ["equal"]
    for view in (by_view(sweep, margin=0.005), pivot_view(sweep, "a", "loss", margin=0.005)):
        assert view.comparisons["verdict"].tolist() == ["undecided"]


def test_of_a_metric_of_which_more_is_better_the_highest_is_first() -> None:
    lost = drawn(3, 5) | {0: math.inf}
    sweep = sweep_of(
        {(("loss", "few"),): drawn(1), (("loss", "many"),): drawn(2, 9), (("loss", "lossy"),): lost}, "modes"
    )
    view = by_view(sweep, metric="modes")
    assert view.full["rank"].tolist() == [3, 1, 2]
    assert view.bold["estimate"].tolist() == [False, True, False]
    few, _, lossy = records(view.full)
    assert few["median_low"] < few["median"] < few["median_high"]
    assert lossy["lost"] == 1
    assert lossy["median"] < np.median([*drawn(3, 5).values()])  # the lost run is the lowest


def test_the_interval_of_a_median_counts_lost_runs(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    values = {seed: [1.0 + seed] for seed in range(8)}
    status = {6: "diverged", 7: "failed"}
    file_configuration(tmp_path / "0", ["a=1"], values, status=status)
    (row,) = records(by_view(load_sweep(tmp_path)).full)
    assert (row["n"], row["lost"], row["median"]) == (6, 2, 4.5)
    assert (row["median_low"], row["median_high"]) == median_interval([1, 2, 3, 4, 5, 6, math.inf, math.inf])


def test_targets_have_rows_of_their_own(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    for place, (target, loss, network) in enumerate(
        [(t, a, n) for t in ("sine", "square") for a in ("x", "y") for n in ("tiny", "small")]
    ):
        overrides = [f"target={target}", f"loss={loss}", f"network={network}"]
        file_configuration(tmp_path / str(place), overrides, {0: [1.0 + place]})
    sweep = load_sweep(tmp_path)
    for name, settings in sweep.settings.items():
        settings["target"] = {"_target_": "sine" if int(name) < 4 else "square"}
    view = pivot_view(sweep, "network", "loss")
    assert view.full["target"].tolist() == ["sine", "sine", "square", "square"]
    assert view.full["x"].tolist() == pytest.approx([1, 2, 5, 6])


def test_steps_to_a_tolerance_are_censored_where_it_is_never_held(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [9.0, 0.5], 1: [9.0, 9.0], 2: [9.0, 9.0]})
    file_configuration(tmp_path / "1", ["a=2"], {seed: [0.5, 0.5] for seed in range(3)})
    view = by_view(load_sweep(tmp_path), metric="steps_to_tolerance", tolerance=1.0)
    assert view.full["lost"].tolist() == [2, 0]
    assert view.full["median"].tolist() == [math.inf, 0]


@pytest.mark.parametrize(("rows", "columns"), [("loss", "los"), ("netwrk", "loss"), ("loss", "loss")])
def test_a_pivot_table_needs_two_swept_keys(grid: Sweep, rows: str, columns: str) -> None:
    with pytest.raises(UnknownNameError):
        pivot_view(grid, rows, columns)


def test_csv_has_every_bit(grid: Sweep) -> None:
    view = by_view(grid)
    read = parsed_csv(formatted(view, "csv").encode())
    assert read["estimate"].tolist() == view.full["estimate"].tolist()
    assert read["low"].tolist() == view.full["low"].tolist()


def test_markdown_is_a_table_that_renders(grid: Sweep) -> None:
    lines = formatted(pivot_view(grid, "network", "loss"), "md").splitlines()
    assert lines[0] == "# rmse by network and loss"
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert [line.count("**") for line in table] == [0, 0, 0, 2]


def test_latex_has_the_rules_of_booktabs_and_as_many_cells_in_each_row(
    file_grid: Callable[..., Path],
) -> None:
    view = by_view(load_sweep(file_grid(("50%_&_$x$", "a#{b}~^\\"))))
    text = formatted(view, "latex")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 5
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1
        assert not re.search(r"(?<!\\)[%$#_]", row)  # all that LaTeX would read is escaped
        assert row.count("{") == row.count("}")
    assert sum(r"\textbf{" in row for row in rows) == 1


def test_html_tables_escape_text(file_grid: Callable[..., Path]) -> None:
    view = by_view(load_sweep(file_grid((SCRIPT, "a&b"))))
    text = formatted(view, "html")
    cells = Cells(text)
    assert "script" not in cells.elements
    assert SCRIPT in cells.texts
    assert cells.texts.count("a&b") == 2
    assert text.count("font-weight: bold") == 1
    assert SCRIPT not in formatted(view, "md")


def test_an_unknown_format_is_refused_by_name() -> None:
    check_formats(list(FORMATS))
    with pytest.raises(
        UnknownFormatError, match="format htlm: must be one of md, csv, latex, html; did you mean html"
    ):
        check_formats(["md", "htlm"])


def test_a_view_is_printed_within_80_columns_without_its_intervals_if_need_be(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(16):
        overrides = [f"network=network_{place // 4}", f"optim.lr=0.000{place % 4 + 1}"]
        values = {seed: [0.01 + 0.001 * seed * (place + 1)] for seed in range(4)}
        file_configuration(tmp_path / str(place), overrides, values)
    sweep = load_sweep(tmp_path)
    for view in (pivot_view(sweep, "network", "optim.lr"), by_view(sweep)):
        screen = io.StringIO()
        print_view(view, Console(width=200, file=screen))
        assert max(len(line.rstrip()) for line in screen.getvalue().splitlines()) <= 80
    assert " to " not in (printed := _printed(pivot_view(sweep, "network", "optim.lr")))
    assert "network_3" in printed
    assert " to " in _printed(by_view(sweep))


def _printed(view: View) -> str:
    screen = io.StringIO()
    print_view(view, Console(width=80, file=screen))
    return screen.getvalue()


def test_a_view_is_written_with_its_comparisons(grid: Sweep, tmp_path: Path) -> None:
    view = by_view(grid, ["loss"])
    written = write_view(view, tmp_path / "r", ["md", "csv", "latex", "html"])
    assert [path.name for path in written] == [
        "rmse_by_loss.md",
        "rmse_by_loss.csv",
        "rmse_by_loss.tex",
        "rmse_by_loss.html",
        "rmse_by_loss_comparisons.csv",
    ]
    assert pd.read_csv(written[-1])["a"].tolist() == ["loss=other"]
    assert all(path.read_text() for path in written)


def test_the_report_command_makes_a_single_table(file_grid: Callable[..., Path]) -> None:
    folder = file_grid()
    done = command(str(folder), "--rows", "network", "--columns", "loss", "--format", "csv,latex")
    assert (done.returncode, done.stderr) == (0, "")
    names = {path.name for path in (folder / "report").iterdir()}
    name = "rmse_by_network_and_loss"
    assert names == {f"{name}.csv", f"{name}.tex", f"{name}_comparisons.csv"}
    assert "loss=minimax" in done.stdout
    assert str(folder / "report" / f"{name}.tex") in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "netwrk"], "key netwrk: was not swept; did you mean network? swept: loss, network"),
        (["--metric", "rsme"], "metric rsme: unknown; did you mean rmse?"),
        (["--format", "pdf"], "format pdf: must be one of md, csv, latex, html"),
        (["--rows", "loss"], "--rows and --columns: give both, a swept key each"),
        (["--by", "loss", "--rows", "loss", "--columns", "network"], "--by and --rows: give one of them"),
        (["--rows", "loss", "--columns", "loss"], "--rows and --columns: both are loss; give two keys"),
        *[
            (["--tolerance", wrong], f"--tolerance {wrong!r}: must be a number above 0, and finite")
            for wrong in ("nan", "inf", "-1", "0", "1e999", "x", "", "0.1,0.2")
        ],
        *[
            (["--by", wrong], f"--by {wrong!r}: must be a list of swept keys, with a name between the commas")
            for wrong in ("", ",", " ", "loss,,", ",network")
        ],
        *[
            (["--format", wrong], f"--format {wrong!r}: must be a list of md, csv, latex, html, with a name")
            for wrong in ("", "md,,csv")
        ],
        (["--metric", ""], "--metric '': must be a name"),
        (["--rows", "", "--columns", "loss"], "--rows '': must be a name"),
        (["--rows", "loss", "--columns", " "], "--columns ' ': must be a name"),
        (["--columns", "loss"], "--rows and --columns: give both, a swept key each"),
    ],
)
def test_the_report_command_refuses_a_mistake_in_one_line(
    file_grid: Callable[..., Path], arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = file_grid()
    monkeypatch.setattr(sys, "argv", ["sinegan.report", str(folder), *arguments])
    with pytest.raises(SystemExit) as caught:  # with a text: printed, and exit code 1
        import_module("sinegan.report.__main__").main()
    assert str(caught.value.code).startswith(f"sinegan.report: {words}")
    assert "\n" not in str(caught.value.code)
    assert not (folder / "report").exists()


def test_the_report_command_writes_merged_sweeps_to_a_separate_report(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for home in ("one", "two"):
        file_configuration(tmp_path / home / "0", [f"loss={home}"], {seed: [1.0 + seed] for seed in range(3)})
    done = command(str(tmp_path / "one"), str(tmp_path / "two"))
    assert (done.returncode, done.stderr) == (0, "")
    merged = pd.read_csv(tmp_path / "one" / "report" / "merged" / "configurations.csv")
    assert merged["loss"].tolist() == ["one", "two"]
    assert done.stdout.splitlines()[-1].endswith(str(Path("one") / "report" / "merged"))


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a_b & 5%", r"a\_b \& 5\%"),
        ("{$#}", r"\{\$\#\}"),
        ("\\x~y^z", r"\textbackslash{}x\textasciitilde{}y\textasciicircum{}z"),
        ("<a>|b", r"\textless{}a\textgreater{}\textbar{}b"),
        ("[1,2]", "{[}1,2{]}"),
        ("a--b\nc", r"a-{}-b\textbackslash{}nc"),
        ("\x1b]0;x\x07", r"\textbackslash{}x1b{]}0;x\textbackslash{}x07"),
        ("1e-05", "1e-05"),
    ],
)
def test_latex_prints_a_text_letter_for_letter(text: str, latex: str) -> None:
    assert in_latex(text) == latex
