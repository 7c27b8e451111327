"""Every file of a report shows hostile values, keys, messages and folders as harmless text."""

import csv
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from rich.console import Console

from sinegan.printable import printable
from sinegan.report.figures.style import STYLE, plain, png, svg
from sinegan.report.load import load_sweep
from sinegan.report.make import make_report, print_view
from sinegan.report.referee.analysis import Analysis
from sinegan.report.words.escapes import in_file_name, in_latex, in_markdown, markdown_line
from sinegan.report.words.markdown import markdown_table
from sinegan.report.words.tables import shown_table, terminal_table
from sinegan.report.words.views import by_view, pivot_view
from sinegan.storage.files import read_sealed, write_sealed

FileConfiguration = Callable[..., Path]

HOSTILE = [
    "\x1b]0;owned\x07\x1b[2J",
    "\u202egnp.exe\u2066\u200b",
    "a\rb\bc\x9b1m\x85",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](http://127.0.0.1/x.png)",
    "[x][y]",
    "[x]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "```\ncode",
    "`code` **bold** _em_ ~~gone~~",
    "a|b|c\\|d\\",
    "===",
    "    indented",
    "&lt;b&gt; &amp; &#60;",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+1+1",
    "$x^2$ \\$y$",
    r"\input{/etc/passwd}\write18{id}",
    ":smile: [bold red]x[/] [link=http://127.0.0.1]y[/link]",
    "\udcff\ud800",
    "line\u2028separator\nand break",
]


def render(text: str) -> str:
    return str(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


class Page(HTMLParser):
    """The names of the elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory, file_configuration: FileConfiguration
) -> tuple[Path, str]:
    """The folder of a hostile sweep with its report, and the output to the terminal."""
    home = tmp_path_factory.mktemp("sweep")
    for place, (value, other) in enumerate(zip(HOSTILE[::2], HOSTILE[1::2], strict=True)):
        values = {seed: [0.1 * (place + 1) * (1 + 0.1 * seed)] for seed in range(3)}
        folder = home / f"{place} {printable(value).replace('/', ' ')}"
        status = {0: "failed"} if place % 2 else {}  # more would not be told one by one
        message = f"{value} {other}".replace('"', '""').encode(errors="replace").decode()
        overrides = [f"loss={value}", f"b.c={other}"]
        file_configuration(folder, overrides, values, status=status, message=message)
        told = read_sealed(folder / "provenance.json")
        told |= {"command": f"python {value}", "versions": {value: value}}
        write_sealed(folder / "provenance.json", told)
    screen = io.StringIO()
    make_report(home, Console(file=screen, width=80), formats=["latex", "html"])
    return home, screen.getvalue()


def report(hostile: tuple[Path, str], name: str) -> str:
    return (hostile[0] / "report" / name).read_text(encoding="utf-8")


def test_every_file_of_a_report_and_the_terminal_have_no_control_characters(
    hostile: tuple[Path, str],
) -> None:
    texts = {"terminal": hostile[1]}
    for file in (hostile[0] / "report").iterdir():
        if file.suffix != ".png":
            texts[file.name] = file.read_bytes().decode("utf-8")
    assert {"configurations.md", "configurations.csv", "configurations.tex", "intervals.svg"} <= set(texts)
    for name, text in texts.items():
        assert printable(text.replace("\n", "")) == text.replace("\n", ""), name


def test_markdown_has_no_element_that_it_would_not_have_of_harmless_names(hostile: tuple[Path, str]) -> None:
    page = Page(render(report(hostile, "configurations.md")))
    allowed = {"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code", "strong"}
    assert set(page.elements) <= allowed
    assert page.elements.count("h1") == 1
    assert page.elements.count("h2") <= 3
    for value in HOSTILE:
        assert " ".join(printable(value).split()) in " ".join(page.text.split())


def test_no_cell_of_a_csv_file_is_a_formula_and_every_row_has_all_cells(hostile: tuple[Path, str]) -> None:
    files = list((hostile[0] / "report").glob("*.csv"))
    assert len(files) == 4
    for file in files:
        rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))
        assert len({len(row) for row in rows}) == 1
        for cell in (cell for row in rows for cell in row):
            if cell.lstrip()[:1] in tuple("=+-@"):
                float(cell)


def test_html_has_no_element_of_a_name(hostile: tuple[Path, str]) -> None:
    table = Page(report(hostile, "configurations.html"))
    assert not {"script", "img", "b", "a"} & set(table.elements)
    page = Page(report(hostile, "index.html"))
    assert page.elements.count("script") == 1
    assert not re.search(r'href="javascript:', report(hostile, "index.html"))
    for value in HOSTILE:
        assert printable(value) in table.text
        assert printable(value) in page.text


def test_latex_has_no_command_of_a_name(hostile: tuple[Path, str]) -> None:
    text = report(hostile, "configurations.tex")
    commands = set(re.findall(r"\\([a-zA-Z]+|[^a-zA-Z])", text))
    named = {"usepackage", "begin", "end", "toprule", "midrule", "bottomrule", "textbf"}
    signs = {"textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar"}
    assert commands <= named | signs | set("&%$#_{}\\")


def test_pictures_are_well_formed_and_their_words_are_not_mathematics(hostile: tuple[Path, str]) -> None:
    for file in (hostile[0] / "report").glob("*.svg"):
        ElementTree.parse(file)
    assert [file.name for file in (hostile[0] / "report").glob("intervals*.png")]
    with_dollars = Figure()
    for words in ("$x^2$", r"\$x$ and $", "$\\frac{1$", "$$", "a$b"):
        with matplotlib.rc_context(STYLE):
            text = with_dollars.text(0, 0, plain(words))
        assert not text.get_parse_math()
        assert text.get_text() == words
    assert b"PNG" in png(with_dollars)[:8]


def test_all_texts_of_a_picture_are_made_printable() -> None:
    figure = Figure()
    figure.suptitle("metric\x1b[2J\u202e\ud800, less\nis better")
    found = svg(figure)
    ElementTree.fromstring(found)
    assert "\x1b" not in found
    assert "\u202e" not in found


def test_the_terminal_shows_names_letter_for_letter(hostile: tuple[Path, str]) -> None:
    screen = io.StringIO()
    Console(file=screen, width=300).print(
        terminal_table(shown_table(Analysis(load_sweep(hostile[0]))), "A title")
    )
    for value in HOSTILE:
        assert printable(value) in screen.getvalue()


@pytest.mark.parametrize("width", [60, 200])
def test_terminal_tables_read_no_markup_and_no_emoji(
    tmp_path: Path, file_configuration: FileConfiguration, width: int
) -> None:
    names = [":smile:", "[red]x[/red]", "\x1b[31mx"]
    for place, (a, b) in enumerate([(a, b) for a in names for b in names]):
        file_configuration(tmp_path / str(place), [f"a={a}", f"b={b}"], {0: [1.0]})
    sweep = load_sweep(tmp_path)
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system="truecolor")
    print_view(by_view(sweep), console)
    print_view(pivot_view(sweep, "a", "b"), console)
    ours = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue())  # the bold of titles
    assert ours.replace("\n", "").isprintable()
    assert ":smile:" in ours
    assert "[red]x[/red]" in ours
    assert r"\x1b[31mx" in ours


def test_hostile_keys_write_no_file_outside_the_report(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    home = tmp_path / "home" / "sweep"
    key, other = "x[y](javascript:z)\x1b", "../../../up\x1b<b>[red]"
    for place in range(2):
        for which, metric in enumerate(("energy_distance", "rmse")):
            file_configuration(
                home / f"{place}{which}", [f"{key}={place}", f"{other}={which}"], {0: [1.0]}, metric=metric
            )
    screen = io.StringIO()
    make_report(home, Console(file=screen, width=80))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["sweep"]
    page = Page(render((home / "report" / "configurations.md").read_text()))
    assert not {"a", "b", "script"} & set(page.elements)
    assert screen.getvalue().replace("\n", "").isprintable()
    assert "[red]" in screen.getvalue()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters() | st.sampled_from("[]()<>!*_`#-+|\\~$&:\n\t "), max_size=30))
@example("[[a](b)](c)")
@example("`[a](b)`")
@example("\\[a](b)")
@example("a\\")
def test_escaped_markdown_renders_as_the_same_text(text: str) -> None:
    line = Page(render(f"{markdown_line('x' + text)}\n"))
    assert set(line.elements) == {"p"}
    assert line.text.strip() == printable("x" + text).strip()
    alone = Page(render(f"{markdown_line(text)}\n"))
    assert set(alone.elements) <= {"p"}
    item = Page(render(f"- {markdown_line(text)}\n"))
    assert set(item.elements) <= {"ul", "li", "p"}


@settings(max_examples=200)
@given(st.text(st.characters() | st.sampled_from("[]()<>!*_`#-+|\\~$&:\n\t "), max_size=30))
@example("a\\|b")
@example("\\")
def test_an_escaped_markdown_cell_is_one_cell(text: str) -> None:
    page = Page(render(markdown_table(pd.DataFrame({"a": [text], "b": ["end"]}))))
    assert page.elements.count("td") == page.elements.count("th") == 2
    assert set(page.elements) <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert "".join(page.text.split()) == "ab" + "".join(printable(text).split()) + "end"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("rmse by optim.lr", "rmse_by_optim.lr"),
        ("a/../../b", "a_.._.._b"),
        ("\x1b[2J\u202ex", "2J_x"),
        ("x" * 300, "x" * 100),
    ],
)
def test_an_escaped_file_name_leads_to_no_other_folder(text: str, name: str) -> None:
    assert in_file_name(text) == name


def test_ordinary_names_are_unchanged_in_markdown_and_latex() -> None:
    for text in (
        "non_saturating",
        "optim.lr=0.0001",
        "[r1,r2]",
        "0.0235 to 0.0357",
        "-0.5",
        "-",
        "ratio 0.35, 0.27-0.44.",
    ):
        assert in_markdown(text) == text
    assert in_latex("optim.lr") == "optim.lr"
