"""A table as a file for others: Markdown, CSV, LaTeX, HTML. All text is escaped."""

from sinegan.report.words.escapes import in_html, in_latex, markdown_line
from sinegan.report.words.markdown import markdown_table
from sinegan.report.words.views import View
from sinegan.schema import nearest
from sinegan.storage.results import csv

FORMATS = {"md": "md", "csv": "csv", "latex": "tex", "html": "html"}
"""The formats, with the endings of their files' names."""


class UnknownFormatError(ValueError):
    """No such format; the message names those that there are."""


def check_formats(formats: list[str]) -> None:
    """Raises UnknownFormatError."""
    for form in formats:
        if form not in FORMATS:
            raise UnknownFormatError(
                f"format {form}: must be one of {', '.join(FORMATS)}{nearest(form, FORMATS)}"
            )


def formatted(view: View, form: str) -> str:
    """A view as the content of a file of one of FORMATS."""
    check_formats([form])
    if form == "csv":
        return csv(view.full)
    if form == "md":
        note = f"\n- {markdown_line(view.note)}\n" if view.note else ""
        return f"# {markdown_line(view.title)}\n\n{markdown_table(view.shown, view.bold)}\n{note}"
    return latex_table(view) if form == "latex" else html_table(view)


def latex_table(view: View) -> str:
    """A LaTeX table with the package booktabs. Characters that pdfLaTeX lacks need LuaLaTeX or XeLaTeX."""
    columns = "l" + "r" * (view.shown.shape[1] - 1)
    styled = view.shown.style.format(in_latex).format_index(in_latex, axis=1).hide(axis="index")
    styled = styled.apply(lambda _: view.bold.map(lambda bold: "textbf: --rwrap;" if bold else ""), axis=None)
    text = styled.to_latex(hrules=True, column_format=columns)
    return f"% \\usepackage{{booktabs}}\n{text}"


def html_table(view: View) -> str:
    """A page with nothing but the table."""
    styled = view.shown.style.format(in_html).format_index(in_html, axis=1).hide(axis="index")
    styled = styled.apply(
        lambda _: view.bold.map(lambda bold: "font-weight: bold" if bold else ""), axis=None
    )
    table = styled.set_table_attributes('border="1"').set_uuid("table").to_html()
    title = in_html(view.title)
    return f'<!DOCTYPE html>\n<meta charset="utf-8">\n<title>{title}</title>\n<h1>{title}</h1>\n{table}'
