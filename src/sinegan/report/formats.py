"""A table as a file for others: Markdown, CSV, LaTeX, HTML. All text is escaped."""

from html import escape

from sinegan.report.text import markdown_table
from sinegan.report.views import View
from sinegan.schema import nearest

FORMATS = {"md": "md", "csv": "csv", "latex": "tex", "html": "html"}
"""The formats, and how the names of their files end."""


_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    # In the old encoding, which is the default, these would be other signs.
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
    # Where a row begins with a bracket it would be an argument of the line break before.
    | {"[": "{[}", "]": "{]}", "\n": " "}
)


class UnknownFormatError(ValueError):
    """No such format; the message names those that there are."""


def check_formats(formats: list[str]) -> None:
    """Raises UnknownFormatError."""
    for one in formats:
        if one not in FORMATS:
            raise UnknownFormatError(
                f"format {one}: must be one of {', '.join(FORMATS)}{nearest(one, FORMATS)}"
            )


def formatted(view: View, form: str) -> str:
    """A view as the content of a file of one of FORMATS."""
    check_formats([form])
    if form == "csv":
        return view.full.to_csv(index=False, lineterminator="\n")
    if form == "md":
        return f"# {view.title}\n\n{markdown_table(view.shown, view.bold)}\n"
    return latex_table(view) if form == "latex" else html_table(view)


def latex_table(view: View) -> str:
    """A table for LaTeX with the booktabs package. Letters that pdfLaTeX lacks need LuaLaTeX or XeLaTeX."""
    columns = "l" + "r" * (view.shown.shape[1] - 1)
    styled = view.shown.style.format(in_latex).format_index(in_latex, axis=1).hide(axis="index")
    styled = styled.apply(lambda _: view.bold.map(lambda bold: "textbf: --rwrap;" if bold else ""), axis=None)
    text = styled.to_latex(hrules=True, column_format=columns)
    return f"% \\usepackage{{booktabs}}\n{text}"


def in_latex(text: object) -> str:
    """A text as LaTeX prints it, letter for letter."""
    return str(text).translate(_LATEX).replace("--", "-{}-")


def html_table(view: View) -> str:
    """A page with nothing but the table."""
    styled = view.shown.style.format(escape="html").format_index(escape="html", axis=1).hide(axis="index")
    styled = styled.apply(
        lambda _: view.bold.map(lambda bold: "font-weight: bold" if bold else ""), axis=None
    )
    table = styled.set_table_attributes('border="1"').set_uuid("table").to_html()
    title = escape(view.title)
    return f'<!DOCTYPE html>\n<meta charset="utf-8">\n<title>{title}</title>\n<h1>{title}</h1>\n{table}'
