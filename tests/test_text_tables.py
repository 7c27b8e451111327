"""Tables of numbers are read as they were meant, or refused with the setting that decides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sinegan.text_tables import ALONE, BLANKS, COMMA, POINT, UnusableError, read_table

UNNAMED = ("", "")


@pytest.mark.parametrize(
    ("text", "names", "numbers"),
    [
        ("0,1\n2,3\n4,-1\n", UNNAMED, [[0, 1], [2, 3], [4, -1]]),
        ("s,volts\n0,1\n2,3\n", ("s", "volts"), [[0, 1], [2, 3]]),
        ("0; 1\r\n2; 3\r\n\r\n", UNNAMED, [[0, 1], [2, 3]]),
        ("0;1\r2;3", UNNAMED, [[0, 1], [2, 3]]),
        ("# measured\n\n# twice\n s\tv\n0\t1\n# pause\n2\t3\n", ("s", "v"), [[0, 1], [2, 3]]),
        ('"t; s";"v"\n"1,5";"2,5"\n"2,5";"-3"', ("t; s", "v"), [[1.5, 2.5], [2.5, -3]]),
        ('"1,5","2,5"\n"2,5","3"', UNNAMED, [[1.5, 2.5], [2.5, 3]]),
        ("1,5;2,5\n2,5;3,5", UNNAMED, [[1.5, 2.5], [2.5, 3.5]]),
        ("1.5;2.5\n2.5;3.5", UNNAMED, [[1.5, 2.5], [2.5, 3.5]]),
        ("0,5\t2,5\n1,5\t3", UNNAMED, [[0.5, 2.5], [1.5, 3]]),
        ("  t     y\n 1.0  2e-1\n10.0 -2E+3\n", ("t", "y"), [[1, 0.2], [10, -2000]]),
        ("1,5  2,5\n2,5  3", UNNAMED, [[1.5, 2.5], [2.5, 3]]),
        ("1|2\n3|4", UNNAMED, [[1, 2], [3, 4]]),
        ("sep=;\nx;y\n1;2", ("x", "y"), [[1, 2]]),
        ("x;y;\n1;2;\n3;4;\n", ("x", "y"), [[1, 2], [3, 4]]),
        ("x;y\n1;2;\n3;4;\n", ("x", "y"), [[1, 2], [3, 4]]),
        ("1;2;\n3;4;\n;;\n", UNNAMED, [[1, 2], [3, 4]]),
        ('"x" "y"\n"1" 0 5\n"2" 1 6', ("", "x", "y"), [[1, 0, 5], [2, 1, 6]]),
        (",0,1\n0,0.1,0.2\n1,0.3,0.4", ("", "0", "1"), [[0, 0.1, 0.2], [1, 0.3, 0.4]]),
        ("Measured on Monday\n1;2\n2;3", UNNAMED, [[1, 2], [2, 3]]),
        ("0,1\n0.1,0.9\n0.2,0.8\n0.3,0.7", UNNAMED, [[0, 1], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]),
    ],
)
def test_the_layout_of_a_table_is_found_out(
    text: str, names: tuple[str, ...], numbers: list[list[float]]
) -> None:
    table = read_table(text)
    assert table.names == names
    np.testing.assert_array_equal(table.numbers(range(len(names))), numbers)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1.5\n2\n", [1.5, 2]),
        ("height\n1,5\n2\n3,1\n", [1.5, 2, 3.1]),
        ("0,0\n0,0998\n0,1987\n", [0, 0.0998, 0.1987]),
        ("-0,5\n1,5\n", [-0.5, 1.5]),
        ('"1,5"\n"2,5"\n', [1.5, 2.5]),
        ("height;\n1,5;\n2,5;\n", [1.5, 2.5]),
    ],
)
def test_a_column_alone_may_have_decimal_commas(text: str, values: list[float]) -> None:
    np.testing.assert_array_equal(read_table(text).numbers([0])[:, 0], values)


def test_commas_that_may_be_decimal_or_between_columns_are_decided_by_the_user() -> None:
    text = "1,5\n2,5\n3,1\n"
    with pytest.raises(UnusableError, match=r"line 1 \(1,5\) may be two numbers, or one") as refused:
        read_table(text)
    assert "set target.delimiter=comma or target.decimal=comma" in str(refused.value)
    two, one = read_table(text, delimiter=COMMA), read_table(text, decimal=COMMA)
    assert two.numbers([0, 1]).tolist() == [[1, 5], [2, 5], [3, 1]]
    assert one.numbers([0]).tolist() == [[1.5], [2.5], [3.1]]
    assert read_table(text, decimal=POINT).layout == two.layout
    for unsure in ("1,2\n3\n", "0,1\n2,1\n1,1\n"):
        with pytest.raises(UnusableError, match="may be two numbers"):
            read_table(unsure)


@given(start=st.integers(-50, 5000), tenths=st.integers(1, 400), rows=st.integers(12, 60))
@settings(max_examples=200, deadline=None)
def test_what_counts_up_is_x_and_no_ramp_of_decimals_is_taken_for_it(
    start: int, tenths: int, rows: int
) -> None:
    counted = "\n".join(f"{place},{place % 7}" for place in range(rows))
    assert read_table(counted).layout.delimiter == COMMA
    hundredths = [10 * start + 10 * place * tenths // 4 for place in range(rows)]
    ramp = "\n".join(f"{value / 100:.2f}".rstrip("0").rstrip(".").replace(".", ",") for value in hundredths)
    if COMMA in ramp:
        try:
            assert read_table(ramp).layout.delimiter == ALONE
        except UnusableError as refused:
            assert "may be two numbers" in str(refused)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no numbers"),
        ("# nothing\n\n", "holds no numbers"),
        ("x,y\n", "holds no numbers below its header (line 1)"),
        ("x,y\n1,2\n3\n", "line 3 has 1 column, line 2 has 2"),
        ("x,y\n1,2\n3,4,5\n", "line 3 has 3 columns, line 2 has 2"),
        ("x,y,z\n1,2\n", "line 2 has 2 columns, the header (line 1) names 3"),
        ("x,y\n1,5,2,5\n", "line 2 has 4 columns, the header (line 1) names 2"),
        ('x,y\n1,"2\n3,4\n', "line 2 has a quote that does not end"),
        ("1,2\n0.5,0.7\n0.9,0.8\n1.5,2.5", "line 1 (1,2) may be names or numbers; set target.header=true or"),
        ("x;y\n1;1,234\n2;5,678", "holds 1,234, which may be thousands or a decimal comma"),
        ("1,5;2.5\n2,5;3", "holds 1,5 and 2.5: remove what separates thousands"),
        ("1;2;\n" * 20_000 + "1;2;3", "line 20001 has 3 columns, line 1 has 2"),
        (",".join(["1"] * 20_000), "line 1 has 20,000 columns; must be at most 10,000"),
        ("x,y\n" + "1" * 200_000 + ",2\n", "is no table (field larger"),
    ],
)
def test_what_is_no_regular_table_is_refused_with_the_line(text: str, why: str) -> None:
    with pytest.raises(UnusableError) as refused:
        read_table(text)
    assert str(refused.value).startswith(why)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("", "is empty; fill it in or remove the line"),
        ("nan", "nan is not finite"),
        ("NA", "NA is not finite"),
        ("inf", "inf is not finite"),
        ("1e400", "1e400 is not finite"),
        ("four", "four is no number"),
        ("TRUE", "TRUE is no number"),
        ("1D-3", "1D-3 is no number; write 1e-3"),
        ("1_000", "1_000 is no number"),
        ("0x10", "0x10 is no number"),
        ("5%", "5% is no number"),
        ("1'234", "1'234 is no number"),
        ("1.234.567", "1.234.567 separates thousands; write the digits alone"),
        ("1,234.5", "1,234.5 separates thousands"),
        (
            "2024-01-31",
            "2024-01-31 is no number but a date; count the seconds, say, or number the rows: target.x=0",
        ),
        ("12:30:00", "12:30:00 is no number but a date"),
        ("1\u00a0234", "1?234 is no number"),
        ("٣", "٣ is no number"),
    ],
)
@pytest.mark.parametrize("lines", [0, 1500])
def test_a_cell_that_is_no_number_is_told_with_its_line(cell: str, why: str, lines: int) -> None:
    table = read_table("x;y\n# a comment\n" + "1;2.5\n" * (lines + 1) + f"2;{cell}\n" + "3;4.5\n")
    with pytest.raises(UnusableError) as refused:
        table.numbers([0, 1])
    assert str(refused.value).startswith(f"line {lines + 4}, column y: {why}")
    assert len(table.numbers([0])) == lines + 3, "other columns may be read"


def test_what_is_told_is_not_found_out() -> None:
    text = "1,2\n0.5,0.7\n0.9,0.8"
    assert read_table(text, header=True).names == ("1", "2")
    assert read_table(text, header=False).numbers([0]).tolist() == [[1], [0.5], [0.9]]
    assert read_table("x,y\n1 2\n", delimiter=BLANKS).numbers([1]).tolist() == [[2]]
    assert read_table("1:2\n3:4", delimiter=":").numbers([1]).tolist() == [[2], [4]]
    assert read_table("x;y\n1;1,234\n2;5,678", decimal=COMMA).numbers([1]).tolist() == [[1.234], [5.678]]
    with pytest.raises(UnusableError, match=r"line 1, column 1: x is no number"):
        read_table("x,y\n1,2", header=False).numbers([0])
    with pytest.raises(UnusableError, match=r"2.5 has another decimal mark than ,; set target.decimal=point"):
        read_table("x;y\n1;2.5", decimal=COMMA).numbers([1])


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers()), min_size=1, max_size=30
    ),
    st.sampled_from([";", "\t", "|"]),
    st.sampled_from([POINT, COMMA]),
)
@settings(max_examples=100, deadline=None)
def test_numbers_have_the_bits_that_python_reads(
    rows: list[tuple[float, int]], delimiter: str, decimal: str
) -> None:
    text = f"x{delimiter}y\n" + "".join(f"{a!r}{delimiter}{b}\n" for a, b in rows)
    table = read_table(text.replace(POINT, decimal), decimal=decimal)
    assert table.numbers([0, 1]).tolist() == [[a, float(b)] for a, b in rows]
