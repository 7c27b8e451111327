"""Curve files are read correctly or refused with a remedy; none is read as another curve."""

import io
import os
import zipfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinegan.data import array_files
from sinegan.data.curve_files import Curves, ReadingOptions, read_curves
from sinegan.data.table import UnusableError

X, VALUES = [0.0, 0.5, 2.0], [1.25, -3.5, 4.0]


def file_of(folder: Path, content: str | bytes, name: str = "curve.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **how: Any) -> Curves:
    return read_curves(str(path), ReadingOptions(**how))


def refusal(path: Path, **how: Any) -> str:
    with pytest.raises(UnusableError) as caught:
        read(path, **how)
    return str(caught.value)


TABLES = {
    "commas": "0,1.25\n0.5,-3.5\n2,4\n",
    "a header": "seconds,volts\n0,1.25\n0.5,-3.5\n2,4\n",
    "semicolons": "0;1.25\n0.5;-3.5\n2;4\n",
    "semicolons and decimal commas": "t;v\n0;1,25\n0,5;-3,5\n2;4\n",
    "tabs": "0\t1.25\n0.5\t-3.5\n2\t4\n",
    "tabs and decimal commas": "0\t1,25\n0,5\t-3,5\n2,0\t4\n",
    "bars": "0|1.25\n0.5|-3.5\n2|4\n",
    "blanks": "  0   1.25\n  0.5 -3.5\n  2   4\n",
    "blanks and decimal commas": "0,0 1,25\n0,5 -3,5\n2,0 4,0\n",
    "commas and blanks": "0, 1.25\n0.5, -3.5\n2, 4\n",
    "quotes": '"t","v"\n"0","1.25"\n"0.5","-3.5"\n"2","4"\n',
    "quoted decimal commas": '"t","v"\n"0","1,25"\n"0,5","-3,5"\n"2","4"\n',
    "CR LF": "0,1.25\r\n0.5,-3.5\r\n2,4\r\n",
    "CR": "0,1.25\r0.5,-3.5\r2,4\r",
    "no end": "0,1.25\n0.5,-3.5\n2,4",
    "a comment before the header": "# made by hand\n\n% again\nt,v\n0,1.25\n\n0.5,-3.5\n# so far\n2,4\n",
    "Excel's first line": "sep=;\nt;v\n0;1.25\n0.5;-3.5\n2;4\n",
    "delimiters at the ends": "0;1.25;\n0.5;-3.5;\n2;4;\n",
    "delimiters at the ends and a header": "t;v;\n0;1.25;\n0.5;-3.5;\n2;4;\n",
    "pandas' index": ",t,v\n0,0.0,1.25\n1,0.5,-3.5\n2,2.0,4.0\n",
    "exponents": "0e0,1.25E0\n5e-1,-35e-1\n2E+0,4\n",
    "a decimal comma in the first row alone": "0,0;1,25\n0,5;-3,5\n2;4\n",
    "blanks before commas": "0 ,1.25\n0.5 ,-3.5\n2 ,4\n",
    "Excel's first line in quotes": '"SEP=|"\nt|v\n0|1.25\n0.5|-3.5\n2|4\n',
    "Excel's first line with a tab": "sep=\t\nt\tv\n0\t1.25\n0.5\t-3.5\n2\t4\n",
    "a name of two lines": '"time\n(s)",v\n0,1.25\n0.5,-3.5\n2,4\n',
    "a header that ends in a delimiter": "t,v,\n0,1.25\n0.5,-3.5\n2,4\n",
    "commas in names": '"t, s";"v, m"\n0;1,25\n0,5;-3,5\n2;4\n',
    "quoted blanks": '"the time" "the volts"\n0 1.25\n0.5 -3.5\n2 4\n',
    "R's index": '"","t","v"\n"1",0,1.25\n"2",0.5,-3.5\n"3",2,4\n',
}
ENCODINGS = {
    "with a mark": "utf-8-sig",
    "of Windows": "cp1252",
    "of 16 bits": "utf-16",
    "of 32 bits": "utf-32",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("name", ["curve.csv", "CURVE.CSV", "a b,c=d.txt", "curve.tsv", "curve.dat"])
def test_a_table_is_its_x_and_its_values(tmp_path: Path, text: str, name: str) -> None:
    found = read(file_of(tmp_path, text, name))
    assert found.x.tolist() == X
    assert found.curves.tolist() == [VALUES]
    assert not found.data_set


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_the_encoding_is_detected(tmp_path: Path, encoding: str) -> None:
    found = read(file_of(tmp_path, "Zeit µs;Höhe\n0;1,25\n0,5;-3,5\n2;4\n".encode(encoding)))
    assert (found.x.tolist(), found.curves.tolist()) == (X, [VALUES])
    assert "x from column Zeit µs, values from column Höhe" in found.description


def test_an_encoding_without_a_mark_can_be_set(tmp_path: Path) -> None:
    path = file_of(tmp_path, "t,v\n0,1.25\n0.5,-3.5\n2,4\n".encode("utf-16-le"))
    assert "set target.encoding" in refusal(path)
    assert read(path, encoding="utf-16-le").curves.tolist() == [VALUES]
    assert "is not known" in refusal(path, encoding="a\0b")
    assert refusal(path, encoding="none-such") == "target.encoding = none-such: is not known; use utf-8, say"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1\n2\n4\n", [1, 2, 4]),
        ("height\n1.5\n2\n4\n", [1.5, 2, 4]),
        ("height\n1,5\n2,5\n4,0\n", [1.5, 2.5, 4]),
        ("1,5\n2\n4,25\n", [1.5, 2, 4.25]),
        ("1;\n2;\n4;\n", None),
        (" 1\n-2\n+4\n", [1, -2, 4]),
    ],
)
def test_a_single_column_is_read_as_values(tmp_path: Path, text: str, values: list[float] | None) -> None:
    path = file_of(tmp_path, text)
    if values is None:
        assert "the second column is empty" in refusal(path)
        return
    found = read(path)
    assert found.x.tolist() == [0, 1, 2]
    assert found.curves.tolist() == [values]


def test_an_ambiguous_decimal_comma_is_refused_until_it_is_set(tmp_path: Path) -> None:
    path = file_of(tmp_path, "0,5\n1,5\n2,5\n")
    assert refusal(path) == (
        "could be one column with decimal commas or two of whole numbers (1,5); "
        "set target.decimal=comma or target.delimiter=comma"
    )
    assert read(path, decimal="comma").curves.tolist() == [[0.5, 1.5, 2.5]]
    pair = read(path, delimiter="comma")
    assert (pair.x.tolist(), pair.curves.tolist()) == ([0, 1, 2], [[5, 5, 5]])


def test_a_long_count_of_whole_numbers_is_read_as_x(tmp_path: Path) -> None:
    found = read(file_of(tmp_path, "".join(f"{2 * place},{place % 5}\n" for place in range(12))))
    assert found.x.tolist() == list(range(0, 24, 2))
    assert "set target.decimal=comma" in refusal(
        file_of(tmp_path, "".join(f"{place**2},{place % 5}\n" for place in range(12)), "other.csv")
    )


def test_a_file_that_was_rewritten_is_read_again(tmp_path: Path) -> None:
    path = file_of(tmp_path, "1\n2\n")
    assert read(path).curves.tolist() == [[1, 2]]
    path.unlink()
    assert read(file_of(tmp_path, "7\n8\n9\n")).curves.tolist() == [[7, 8, 9]]


def test_names_that_no_file_can_have_are_refused(tmp_path: Path) -> None:
    assert "File name too long" in refusal(tmp_path / f"{'a' * 300}.csv")
    assert "cannot be read (" in refusal(Path("~no-such-user-here/a.csv"))


def test_an_ambiguous_column_name_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, "t,a,a\n0,1,2\n1,3,4\n")
    assert "has several columns a; set target.value_column to the number of one" in refusal(
        path, value_column="a"
    )
    assert read(path, x_column="t", value_column=3).curves.tolist() == [[2, 4]]


def test_an_archive_without_arrays_and_an_endless_cell_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("notes.txt", "no array")
    assert "holds notes.txt, which is no array" in refusal(tmp_path / "text.npz")
    assert "field larger than field limit" in refusal(file_of(tmp_path, f"1,2.5\n2,{'9' * 200_000}\n"))


def test_a_header_decides_between_delimiter_and_decimal_comma(tmp_path: Path) -> None:
    pair = read(file_of(tmp_path, "x,y\n0,5\n1,6\n2,7\n"))
    assert (pair.x.tolist(), pair.curves.tolist()) == ([0, 1, 2], [[5, 6, 7]])
    assert read(file_of(tmp_path, "y\n0,5\n1,6\n2,7\n", "one.csv")).curves.tolist() == [[0.5, 1.6, 2.7]]


def test_columns_can_be_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = file_of(tmp_path, "a,t,b\n7,0,1\n8,1,2\n9,2,3\n")
    assert refusal(path) == (
        "has 3 columns (a, t, b); set target.value_column (and target.x_column) to the name or number of "
        "one, or target.curves=columns or rows for a data set"
    )
    for x_column, value_column in (("t", "b"), (2, 3), ("2", "3"), ("t", 3)):
        found = read(path, x_column=x_column, value_column=value_column)
        assert (found.x.tolist(), found.curves.tolist()) == ([0, 1, 2], [[1, 2, 3]])
    assert read(path, value_column="a").x.tolist() == [0, 1, 2]
    assert "has no column c; set target.value_column to one of a, t, b" in refusal(path, value_column="c")
    assert "has no column 4" in refusal(path, value_column=4)
    assert "has no column 0" in refusal(path, value_column=0)
    assert "cannot be x and the values" in refusal(path, x_column="b", value_column=3)


@pytest.mark.parametrize("other", ["ab", "2024-01-01", "", "nan", "#N/A", "1.2.3", "5%"])
def test_the_content_of_unused_columns_is_ignored(tmp_path: Path, other: str) -> None:
    header, first, second = f"id,t,v\n{other},0.5,1\n{other},2,3\n".splitlines()
    for text, columns in ((f"{header}\n{first}\n{second}\n", ("t", "v")), (f"{first}\n{second}\n", (2, 3))):
        found = read(file_of(tmp_path, text), x_column=columns[0], value_column=columns[1])
        assert (found.x.tolist(), found.curves.tolist()) == ([0.5, 2], [[1, 3]])
    trailing = file_of(tmp_path, f"t,v,id\n0.5,1,{other}\n2,3,{other}\n", "last.csv")
    assert read(trailing, x_column="t", value_column="v").curves.tolist() == [[1, 3]]


def test_x_column_0_counts_rows_instead_of_dates(tmp_path: Path) -> None:
    path = file_of(tmp_path, "date,v\n2024-01-01,1.5\n2024-01-02,2.5\n")
    assert "2024-01-01 is no number" in refusal(path)
    assert refusal(path, value_column="v").endswith("or set target.x_column=0 to count the rows instead")
    for how in ({"x_column": 0}, {"x_column": "0", "value_column": "v"}):
        found = read(path, **how)
        assert (found.x.tolist(), found.curves.tolist()) == ([0, 1], [[1.5, 2.5]])
    columns = read(file_of(tmp_path, "a,b\n1.5,2\n2,3\n"), x_column=0, curves="columns")
    assert (columns.x.tolist(), columns.curves.tolist()) == ([0, 1], [[1.5, 2], [2, 3]])


def test_a_csv_of_a_pandas_series_is_read_as_values(tmp_path: Path) -> None:
    found = read(file_of(tmp_path, ",0\n0,0.1\n1,0.3\n2,0.2\n"))
    assert (found.x.tolist(), found.curves.tolist()) == ([0, 1, 2], [[0.1, 0.3, 0.2]])


def test_with_one_of_two_columns_named_the_other_is_inferred(tmp_path: Path) -> None:
    path = file_of(tmp_path, "v,t\n5,0\n6,1\n4,2\n")
    for how in ({"value_column": "v"}, {"x_column": "t"}):
        found = read(path, **how)
        assert (found.x.tolist(), found.curves.tolist()) == ([0, 1, 2], [[5, 6, 4]])


REFUSED = {
    "empty": ("", "holds 0 samples; must be at least 2"),
    "comments": ("# nothing\n\n", "holds 0 samples; must be at least 2"),
    "a header alone": ("x,y\n", "holds a header alone; must be at least 2 samples"),
    "a row": ("x,y\n1,2\n", "holds 1 sample; must be at least 2"),
    "a number": ("1\n", "holds 1 sample; must be at least 2"),
    "an empty value column": ("x,y\n0,\n1,\n2,\n", "column y is empty"),
    "an empty value column without a header": ("0.5,\n1.5,\n", "the second column is empty"),
    "an empty cell": ("x,y\n0,1.5\n1,\n2,3.5\n", "line 3 lacks a value"),
    "NaN": ("1\nnan\n2\n", "line 2 lacks a value"),
    "NA": ("x,y\n1,NA\n2,1.5\n", "line 2 lacks a value"),
    "infinite": ("1\n2\ninf\n", "line 3: inf is not finite"),
    "too large for a float": ("1\n2\n1e400\n", "line 3: 1e400 is not finite"),
    "units": ("x,y\ns,V\n0,1.5\n1,2.5\n", "line 2: s is no number"),
    "text": ("x,y\n1,2.5\n3,four\n", "line 3: four is no number"),
    "dates": ("t,y\n2024-01-01,1.5\n2024-01-02,2.5\n", "line 2: 2024-01-01 is no number"),
    "Fortran's exponents": ("0,1.5D-3\n1,2.5D-3\n", "line 1: 1.5D-3 is no number"),
    "underscores": ("1\n1_000\n", "line 2: 1_000 is no number"),
    "ragged": ("0,1.5\n1,2.5,3\n2,3.5\n", "line 2 has 3 columns, line 1 has 2"),
    "ragged below": ("0;1.5\n1;2.5\n2;3.5\n4\n", "line 4 has 1 column, line 1 has 2"),
    "a short header": ("t\n0;1.5\n1;2.5\n", "has 2 columns under a header of 1 (t)"),
    "thousands": ("t;v\n0;1.234,5\n1;1.300,5\n", "line 2: 1.234,5 has thousands separators"),
    "points and commas": (
        "t;v\n0.5;1,5\n1.5;2,5\n",
        "has decimal commas (line 2: 1,5) and points (line 2: 0.5)",
    ),
    "falling": (
        "0,1.5\n2,1.5\n1,1.5\n",
        "x does not rise between lines 2 and 3 (2, 1); sort them",
    ),
    "twice": ("t,v\n0,1.5\n0,2.5\n", "x does not rise between lines 2 and 3 (0, 0)"),
    "a broken first number": ("1.2.3\n1\n2\n", "line 1: 1.2.3 is no number; begin lines that are no data"),
    "a typed first number": ("1O\n2\n3\n", "line 1: 1O is no number"),
    "a minus that is none": ("\u22121\n1\n2\n", "line 1: \u22121 is no number"),
    "Excel's error first": ("#N/A\n1\n2\n", "line 1 lacks a value"),
    "Excel's error in x": ("#DIV/0!;1\n1;2\n2;3\n", "column 1, line 1 lacks a value"),
    "names and numbers": ("t;2019\n0.5;1\n1;2\n", "line 1 has names and numbers (t, 2019)"),
    "a broken number beside one": ("x;5\n1;2\n2;3\n", "line 1 has names and numbers (x, 5)"),
    "names that pandas gave": ("0,1\n0.1,0.5\n0.2,0.7\n", "line 1 (0,1) could be a header of pandas"),
    "thousands in quotes": (
        't,v\n1,"1,234"\n2,"2,345"\n',
        "line 2: 1,234 could have a decimal comma or one for",
    ),
    "thousands by tabs": (
        "t\tv\n1\t1,234\n2\t2,345\n",
        "set target.decimal=comma, or write thousands without",
    ),
    "thousands with points": ('t,v\n1,"1,234.5"\n2,"2"\n', "line 2: 1,234.5 has thousands separators"),
    "thousands with blanks": ("1 000\n2 500\n", "set target.delimiter=blank, or write them without"),
    "a ramp of decimal commas": (
        "".join(f"{n},5\n" for n in range(14)),
        "set target.decimal=comma or target.delimiter=comma",
    ),
    "a ramp of hundredths": (
        "".join(f"{n},{n:02}\n" for n in range(9)) + "9,09\n10,10\n11,11\n12,12\n",
        "set target.decimal=comma or target.delimiter=comma",
    ),
    "ragged commas": ("0,1.5\n1,2.5\n2,3.5\n4\n", "line 4 has 1 column, line 1 has 2"),
    "ragged blanks": ("0 1.5\n1 2.5\n2\n", "line 3 has 1 column, line 1 has 2"),
    "a title": (
        "Measured by me\n1;2\n2;3\n",
        "under a header of 1 (Measured by me); begin lines that are no data",
    ),
    "a title of two words": ("Voltage yesterday\n1 0 5\n2 1 6\n", "has 3 columns under a header of 2"),
    "a preamble": ("Model: X\nDate: 3\nt,y\n1.5,2\n2,3\n", "line 3 has 2 columns, line 2 has 1"),
    "a footer": ("1;2\n2;3\nTotal;5\n", "column 1, line 3: Total is no number"),
    "words": ("hello you\nthis too\n", "column hello, line 2: this is no number"),
    "an open quote": ('1;"2\n2;3\n', "line 1 cannot be read (unexpected end of data)"),
    "too many lines": ("1\n" * 2_000_001, "has over 2,000,000 lines; thin it out, or save it as .npy"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0", "is no text, or of another encoding; set target.encoding"),
    "half a mark": (b"\xff\xfe\x00", "is no text, or of another encoding"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_bad_table_is_refused_with_the_reason(tmp_path: Path, content: str | bytes, reason: str) -> None:
    assert reason in refusal(file_of(tmp_path, content))


def test_a_long_file_is_read(tmp_path: Path) -> None:
    rows = "".join(f"{place / 8};{place % 7}\n" for place in range(20_000))
    found = read(file_of(tmp_path, rows))
    assert found.x.size == 20_000
    assert "20,000 rows, x from 0 to 2499.88" in found.description


@pytest.mark.parametrize("how", [{"curves": "rows"}, {"curves": "columns"}])
def test_a_table_is_a_data_set_when_curves_is_set(tmp_path: Path, how: dict[str, Any]) -> None:
    table = np.arange(12.0).reshape(3, 4) / 8
    text = "\n".join(",".join(map(str, row)) for row in table)
    found = read(file_of(tmp_path, text), **how)
    assert found.data_set
    assert found.curves.tolist() == (table if how["curves"] == "rows" else table.T).tolist()
    assert f"a curve a {how['curves'][:-1]}" in found.description


def test_the_x_of_a_data_set_is_a_column(tmp_path: Path) -> None:
    path = file_of(tmp_path, "t,a,b\n0,1,2\n0.5,3,4\n2,5,6\n")
    found = read(path, curves="columns", x_column="t")
    assert (found.x.tolist(), found.curves.tolist()) == (X, [[1, 3, 5], [2, 4, 6]])
    assert "leave it out" in refusal(path, curves="rows", x_column="t")
    assert "leave it out" in refusal(path, curves="columns", value_column="a")
    assert "holds 1 curve of 3 samples" in refusal(file_of(tmp_path, "1,2.5,3\n", "row.csv"), curves="rows")


def saved(folder: Path, array: Any, name: str = "curve.npy") -> Path:
    path = folder / name
    np.save(path, array)
    return path


PAIRS = np.array([X, VALUES])
ARRAYS = {
    "two columns": PAIRS.T,
    "two rows": PAIRS,
    "fields": np.array(list(zip(X, VALUES, strict=True)), dtype=[("t", float), ("v", "f4")]),
    "halves": PAIRS.T.astype("f2"),
    "big-endian": PAIRS.T.astype(">f8"),
    "in columns": np.asfortranarray(PAIRS.T),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_of_pairs_is_read_as_x_and_values(tmp_path: Path, array: Any) -> None:
    found = read(saved(tmp_path, array))
    assert (found.x.tolist(), found.curves.tolist(), found.data_set) == (X, [VALUES], False)


@pytest.mark.parametrize("array", [np.array(VALUES), np.array(VALUES)[:, None]])
def test_an_array_of_values_is_equally_spaced(tmp_path: Path, array: Any) -> None:
    found = read(saved(tmp_path, array))
    assert (found.x.tolist(), found.curves.tolist()) == ([0, 1, 2], [VALUES])


def test_an_array_of_curves_is_a_data_set(tmp_path: Path) -> None:
    array = np.arange(20.0).reshape(4, 5)
    assert read(saved(tmp_path, array)).curves.tolist() == array.tolist()
    assert read(saved(tmp_path, array, "b.npy"), curves="columns").curves.tolist() == array.T.tolist()
    found = read(saved(tmp_path, array.T, "c.npy"), x_column=1, value_column=3)
    assert (found.x.tolist(), found.curves.tolist()) == ([0, 1, 2, 3, 4], [[10, 11, 12, 13, 14]])
    assert read(saved(tmp_path, PAIRS[::-1], "d.npy"), curves="rows").curves.tolist() == [VALUES, X]


def test_an_array_of_one_row_is_a_curve(tmp_path: Path) -> None:
    assert read(saved(tmp_path, np.array([VALUES]))).curves.tolist() == [VALUES]


def test_the_content_of_unused_array_columns_is_ignored(tmp_path: Path) -> None:
    gaps = np.array([X, VALUES, [1.0, np.nan, np.inf]]).T
    assert read(saved(tmp_path, gaps), x_column=1, value_column=2).curves.tolist() == [VALUES]
    assert refusal(saved(tmp_path, gaps, "b.npy"), value_column=3) == (
        "sample 2 is not finite; remove it or fill it in"
    )
    kinds = [("t", float), ("v", float), ("name", "U2"), ("z", complex), ("pair", float, 2)]
    mixed = np.zeros(3, dtype=kinds)
    mixed["t"], mixed["v"] = X, VALUES
    assert read(saved(tmp_path, mixed, "c.npy"), x_column="t", value_column="v").curves.tolist() == [VALUES]
    assert "field z is no column of numbers (complex128)" in refusal(tmp_path / "c.npy", value_column="z")
    assert "has 5 columns (t, v, name, z, pair); set target.value_column" in refusal(tmp_path / "c.npy")


def test_an_archive_of_one_array_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", PAIRS.T)
    assert read(tmp_path / "one.npz").curves.tolist() == [VALUES]
    np.savez_compressed(tmp_path / "two.npz", a=PAIRS, b=PAIRS)
    assert refusal(tmp_path / "two.npz") == "holds the arrays a, b; must be one: save it alone"
    np.savez(tmp_path / "none.npz")
    assert refusal(tmp_path / "none.npz") == "holds the arrays (none); must be one: save it alone"


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([1 + 2j, 3]), "is no array of numbers (its type is complex128)"),
        (np.array([True, False, True]), "is no array of numbers (its type is bool)"),
        (np.array(["1", "2"]), "is no array of numbers (its type is <U1)"),
        (np.array(["2024-01-01"], dtype="M8[D]"), "is no array of numbers (its type is datetime64[D])"),
        (np.array([{}, {}], dtype=object), "is no array of numbers (Object arrays"),
        (np.zeros((2, 2, 2)), "has the shape (2, 2, 2); must be (n,)"),
        (np.zeros(()), "has the shape (); must be"),
        (np.zeros((0, 2)), "has the shape (0, 2); must be"),
        (np.array([1.0, np.nan]), "sample 2 is not finite"),
        (np.array([1, np.longdouble("1e4000")]), "sample 2 is not finite"),
        (np.where(np.eye(4) > 0, np.nan, 1), "sample 1 is not finite"),
        (np.array([[0, np.nan, 2], [1, 2, 3.0]]), "sample 2 is not finite"),
        (PAIRS[::-1], "its first row is no x that rises; set target.curves=rows"),
        (np.array([(1.0, "a")], dtype=[("t", float), ("v", "U1")]), "field v is no column of numbers (<U1)"),
    ],
)
def test_a_bad_array_is_refused_with_the_reason(tmp_path: Path, array: Any, reason: str) -> None:
    np.save(tmp_path / "curve.npy", array, allow_pickle=True)
    assert reason in refusal(tmp_path / "curve.npy")


@pytest.mark.parametrize("content", [b"", b"not an array", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    message = refusal(file_of(tmp_path, content, "curve.npy"))
    assert "is no array of numbers (" in message
    assert "pickle" not in message


@pytest.mark.parametrize("name", ["one.npz", "one.npy"])
@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_array_is_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    if name.endswith(".npz"):
        np.savez_compressed(buffer, PAIRS.T)
    else:
        np.save(buffer, PAIRS.T)
    content = bytearray(buffer.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = file_of(tmp_path, bytes(content), f"{sha256(content).hexdigest()}{name}")
    with suppress(UnusableError):
        assert read(path).x.size > 1


@pytest.mark.parametrize(("place", "value"), [(10, 1), (10, 99), (8, 99), (60, 7)])
def test_an_archive_that_cannot_be_unpacked_is_refused(tmp_path: Path, place: int, value: int) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, np.arange(40.0).reshape(20, 2))
    content = bytearray(buffer.getvalue())
    central = content.index(b"PK\x01\x02")
    content[place] = content[central + place] = value
    content[60:70] = bytes(range(10))
    assert "is no array of numbers (" in refusal(file_of(tmp_path, bytes(content), "a.npz"))


@given(st.text("0123456789,,;;..\t \n\n\"'#xe-+|%nA\r", max_size=60))
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = file_of(tmp_path, text, f"{sha256(text.encode()).hexdigest()}.csv")
    with suppress(UnusableError):
        found = read(path)
        assert found.x.size > 1
        assert np.isfinite(found.curves).all()


def test_pipes_devices_folders_and_huge_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert "it is no regular file" in refusal(tmp_path / "pipe.csv")
    (tmp_path / "zero.npy").symlink_to("/dev/zero")
    assert "it is no regular file" in refusal(tmp_path / "zero.npy")
    (tmp_path / "folder.csv").mkdir()
    assert "cannot be read (" in refusal(tmp_path / "folder.csv")
    with open(tmp_path / "long.csv", "wb") as file:
        file.truncate(2**26 + 1)
    assert "of a text at most 67,108,864 are read: save it as .npy" in refusal(tmp_path / "long.csv")
    with open(tmp_path / "huge.csv", "wb") as file:
        file.truncate(10**12)
    assert "1,000,000,000,000 bytes" in refusal(tmp_path / "huge.csv")


def test_an_archive_that_would_fill_the_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, np.zeros(10**6))
    monkeypatch.setattr(array_files, "MOST_BYTES", 10**6)
    assert "unpacks to over 1,000,000 bytes" in refusal(file_of(tmp_path, buffer.getvalue(), "a.npz"))


@given(
    rows=st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=8),
    delimiter=st.sampled_from([";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    header=st.booleans(),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_written_table_is_read_back_as_the_same_curve(
    tmp_path: Path, rows: list[tuple[float, float]], delimiter: str, decimal: str, header: bool
) -> None:
    rows = sorted({x: (x, value) for x, value in rows}.values())
    lines = [delimiter.join(repr(number).replace(".", decimal) for number in row) for row in rows]
    text = "\n".join([*(["t" + delimiter + "v"] if header else []), *lines])
    path = file_of(tmp_path, text, f"{sha256(text.encode()).hexdigest()}.csv")
    try:
        found = read(path)
    except UnusableError:
        assert len(rows) < 2
    else:
        assert list(zip(found.x.tolist(), found.curves[0].tolist(), strict=True)) == rows


CUT = "0,1\n1,2\n2,5\n3,9\n4,1\n5"
SQUARES = [(n, n * n) for n in range(20)]


def squares_table(end: str, header: str = "x,y") -> str:
    return "\n".join([header, *(f"{x},{y}{end}" for x, y in SQUARES)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"x,y\n{CUT}", "line 7 has 1 column, line 2 has 2"),
        ("t,y\n0,3\n1,5\n2\n3,6\n4,9\n", "line 4 has 1 column, line 2 has 2"),
        (squares_table("") + "\n20", "line 22 has 1 column"),
        (CUT, "set target.decimal=comma or target.delimiter=comma"),
        (f"y\n{CUT}", "set target.decimal=comma or target.delimiter=comma"),
        ("0,3\n1,5\n2\n3,6\n4,9\n", "set target.decimal=comma or target.delimiter=comma"),
        ("0,3\n2,5\n7,1\n9", "set target.decimal=comma or target.delimiter=comma"),
        ("x,y\n0\n1\n2\n3,4\n", "set target.decimal=comma or target.delimiter=comma"),
        (squares_table(";", "x,y;"), "set target.decimal=comma or target.delimiter=comma"),
        (squares_table(";", "x,y"), "set target.decimal=comma or target.delimiter=comma"),
        (squares_table("|", "x,y|"), "set target.decimal=comma or target.delimiter=comma"),
        ("0,5;\n1,5;\n2,5;\n", "the second column is empty"),
        ('"x,y"\n"0,0"\n"1,1"\n"2,4"\n', "take off the quotes around whole lines"),
        ('"0,0"\n"1,1"\n"2,4"\n', "take off the quotes around whole lines"),
    ],
)
def test_two_columns_of_whole_numbers_are_never_one_of_decimal_commas(
    tmp_path: Path, text: str, reason: str
) -> None:
    assert reason in refusal(file_of(tmp_path, text))


@pytest.mark.parametrize("end", ["\t", "\u00a0", "\v", "\f", " \t ", "\u2003"])
def test_trailing_white_space_is_no_delimiter(tmp_path: Path, end: str) -> None:
    found = read(file_of(tmp_path, squares_table(end)))
    assert list(zip(found.x.tolist(), found.curves[0].tolist(), strict=True)) == SQUARES


def test_a_quoted_column_name_of_two_lines_is_a_header(tmp_path: Path) -> None:
    found = read(file_of(tmp_path, 'x,"y\n(V)"\n0,1\n1,3\n2,2\n'))
    assert (found.x.tolist(), found.curves.tolist()) == ([0, 1, 2], [[1, 3, 2]])


def test_a_column_of_decimal_commas_is_read_as_decimals(tmp_path: Path) -> None:
    for text in ("y\n3,5\n2\n1,25\n", '"y"\n"3,5"\n"2"\n"1,25"\n', "3,5\n2\n1,25\n"):
        assert read(file_of(tmp_path, text)).curves.tolist() == [[3.5, 2, 1.25]]
    assert read(file_of(tmp_path, CUT), decimal="comma").curves.tolist() == [[0.1, 1.2, 2.5, 3.9, 4.1, 5]]
    empty = file_of(tmp_path, "t\tv\n1,5\t\n2,5\t\n", "tabs.csv")
    assert "column v is empty" in refusal(empty)


def test_a_delimiter_that_the_file_does_not_contain_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, "x,y\n0,5\n1,5\n")
    for delimiter in ("semicolon", "tab", "bar", "blank"):
        assert f"target.delimiter = {delimiter}: occurs nowhere" in refusal(path, delimiter=delimiter)


def test_paths_that_the_system_cannot_take_are_refused() -> None:
    for path in ("a\0.csv", "a\ud800.csv"):
        with pytest.raises(UnusableError, match="cannot be read"):
            read_curves(path, ReadingOptions())


def test_arrays_of_one_or_two_rows_are_read_with_a_setting(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.array([[3.0, 1, 4, 1, 5]]))
    for how in ({}, {"x_column": 0}, {"value_column": 1}, {"x_column": 0, "value_column": 1}):
        assert read(tmp_path / "one.npy", **how).curves.tolist() == [[3, 1, 4, 1, 5]]
    np.save(tmp_path / "two.npy", np.array([[5.0, 4, 3], [1, 2, 3]]))
    counted = read(tmp_path / "two.npy", x_column=0, value_column=2)
    assert (counted.x.tolist(), counted.curves.tolist()) == ([0, 1, 2], [[1, 2, 3]])
    for how in ({"x_column": 2}, {"value_column": 1}, {"x_column": 2, "value_column": 1}):
        chosen = read(tmp_path / "two.npy", **how)
        assert (chosen.x.tolist(), chosen.curves.tolist()) == ([1, 2, 3], [[5, 4, 3]])
    assert "no x that rises" in refusal(tmp_path / "two.npy")
    assert "x does not rise" in refusal(tmp_path / "two.npy", value_column=2)


def test_files_of_the_same_name_in_two_folders_are_described_by_their_paths(tmp_path: Path) -> None:
    for folder in ("d1", "d2"):
        (tmp_path / folder).mkdir()
        path = file_of(tmp_path / folder, "1\n2\n", "a.csv")
        assert read(path).description.startswith(f"{path}: ")


def test_long_names_of_columns_are_cut(tmp_path: Path) -> None:
    path = file_of(tmp_path, f"x,{'y' * 100_000}\n0,1.5\n1,2.5\n")
    assert len(read(path).description) < 1000
    assert len(refusal(path, value_column="z")) < 1000
    assert len(refusal(path, value_column="z" * 9000)) < 1000
    assert "has no column 9" in refusal(path, value_column="9" * 9000)
    assert len(refusal(file_of(tmp_path, f"x,{'y' * 100_000}\n0,1.5\n1,b\n", "bad.csv"))) < 1000


def test_an_empty_column_name_is_shown_in_quotes(tmp_path: Path) -> None:
    assert "has no column ''; set" in refusal(file_of(tmp_path, "x,y\n0,1.5\n1,2.5\n"), value_column="")
