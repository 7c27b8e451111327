"""The tables and sentences of a report as Markdown."""

import pandas as pd

from sinegan.report.referee.analysis import Analysis
from sinegan.report.words import captions
from sinegan.report.words.answers import configuration_sentences, key_sentences
from sinegan.report.words.escapes import in_markdown, markdown_line
from sinegan.report.words.notes import notes
from sinegan.report.words.tables import (
    MOST_ROWS,
    shown_comparisons,
    shown_decisions,
    shown_effects,
    shown_table,
    shown_theory,
)


def markdown(analysis: Analysis) -> str:
    """The content of configurations.md."""
    text = _configurations(analysis)
    if analysis.courses:
        text += _decisions(analysis.decisions)
    if len(analysis.comparisons):
        text += _comparisons(analysis.comparisons)
    if len(analysis.effects):
        text += _effects(analysis)
    theory = markdown_table(shown_theory(analysis))
    return f"{text}## Distance from the optimum\n\n{theory}\n\n{captions.THEORY}\n"


def _configurations(analysis: Analysis) -> str:
    shown, wide = shown_table(analysis), analysis.wide_table
    marked = [name for name in ("estimate", "rank", *wide["metric"].unique()) if name in shown]
    bold = pd.DataFrame({name: [wins and name in marked for wins in analysis.winners] for name in shown})
    sentences = "".join(f"{markdown_line(sentence)}\n\n" for sentence in configuration_sentences(analysis))
    table = f"{markdown_table(shown, bold)}\n\n{captions.estimates_caption(analysis.sweep, in_markdown)}"
    remarks = "".join(f"- {markdown_line(note)}\n" for note in notes(analysis))
    return f"# Configurations\n\n{sentences}{table}\n\n{remarks}\n"


def _decisions(decisions: pd.DataFrame) -> str:
    left = len(decisions) - MOST_ROWS
    more = f" {left} more are in decisions.csv." if left > 0 else ""
    table = markdown_table(shown_decisions(decisions))
    return f"## Decisions\n\n{table}\n\n{captions.DECISIONS}{more}\n\n"


def _comparisons(comparisons: pd.DataFrame) -> str:
    left = len(comparisons) - MOST_ROWS
    more = f" {left} more are in comparisons.csv." if left > 0 else ""
    table = markdown_table(shown_comparisons(comparisons))
    return f"## Comparisons\n\n{table}\n\n{captions.COMPARISONS}{more}\n\n"


def _effects(analysis: Analysis) -> str:
    sentences = key_sentences(analysis.effects, analysis.samples.keys)
    lines = "".join(f"- {markdown_line(sentence)}\n" for sentence in sentences)
    table = markdown_table(shown_effects(analysis.effects))
    return f"## Effects\n\n{lines}\n{table}\n\n{captions.EFFECTS}\n\n"


def markdown_table(shown: pd.DataFrame, bold: pd.DataFrame | None = None) -> str:
    """A table of strings as Markdown, numbers as they are typed. bold: marks the cells that stand out."""
    cells = shown.map(in_markdown)
    if bold is not None:
        cells = cells.mask(bold, "**" + cells + "**")
    cells.columns = pd.Index([in_markdown(str(name)) for name in cells.columns])
    return str(cells.to_markdown(index=False, disable_numparse=True))
