"""Foreign texts are made harmless for a terminal and a spreadsheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinegan.config import InvalidConfigError
from sinegan.printable import in_spreadsheet, printable, printable_lines

NASTY = {
    "title": ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
    "clear": ("a\x1b[2J", r"a\x1b[2J"),
    "back": ("secret\b\b\r", r"secret\x08\x08\r"),
    "C1": ("\x9b31m\x85", r"\x9b31m\x85"),
    "direction": ("\u202eabc\u2066\u200f", r"\u202eabc\u2066\u200f"),
    "hidden": ("a\u200bb\u00adc\ufeff", r"a\u200bb\xadc\ufeff"),
    "lines": ("a\nb\u2028c\u2029d\x0b\x0c", r"a\nb\u2028c\u2029d\x0b\x0c"),
    "broken": ("\udcff\ud800", r"\udcff\ud800"),
    "tags": ("\U000e0041", r"\U000e0041"),
    "delete": ("\x7f\x00", r"\x7f\x00"),
}


@pytest.mark.parametrize(("text", "shown"), NASTY.values(), ids=NASTY)
def test_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["", "µ = 3 ½", "naïve λ 漢字 🙂", "[r1,r2]", "a\\b", "é"])
def test_visible_characters_are_unchanged(text: str) -> None:
    assert printable(text) == text
    assert in_spreadsheet(text) == text


@given(st.text(st.characters()))
def test_a_printable_text_is_one_line_that_any_file_holds(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert printable(shown) == shown
    assert len((shown + "x").splitlines()) == 1


def test_a_message_keeps_its_line_breaks() -> None:
    assert printable_lines("a\x1b\nb\r\n") == "a\\x1b\nb\\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "=1+2",
        "+cmd|' /C calc'!A0",
        "-1+2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "－1+1",
        "＝1",
        "--1",
        "=-1",
    ],
)
def test_no_spreadsheet_cell_is_a_formula(text: str) -> None:
    cell = in_spreadsheet(text)
    assert cell.lstrip()[0] not in "=+-@＝＋－＠\t\r"
    assert in_spreadsheet(cell) == cell


@pytest.mark.parametrize("text", ["-1", "+0.5", "-1e-5", "-inf", "1e8", "-", "[-1,2]", "a=-1", "sine"])
def test_numbers_and_names_are_unchanged_in_a_spreadsheet(text: str) -> None:
    assert in_spreadsheet(text) == text


def test_problems_of_a_configuration_have_no_control_characters() -> None:
    error = InvalidConfigError(["loss = \x1b[2Jx: must be one of a, b", "b\ra"])
    assert error.problems == ["loss = \\x1b[2Jx: must be one of a, b", "b\\ra"]
    assert str(error) == "\n".join(error.problems)
