"""The tables, the words, the pictures and the page of any sweep never contradict each other."""

import html
import io
import math
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forged import forged
from rich.console import Console

from sinegan.report.make import print_report
from sinegan.report.page.page import page
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import BETTER, EQUAL, UNDECIDED
from sinegan.report.referee.verdicts import (
    Best,
    Better,
    Equal,
    NoneRanked,
    OnlyOne,
    Shared,
    Undecided,
    verdicts,
)
from sinegan.report.words.answers import answers, comparison_sentences, key_sentences
from sinegan.report.words.escapes import markdown_line
from sinegan.report.words.markdown import markdown
from sinegan.storage.results import records

FORGED = range(150)
SHOWN = FORGED[::5]
"""Those whose page and terminal are made, too, which takes longer."""


@lru_cache(maxsize=len(FORGED))
def analysed(number: int) -> Analysis:
    return Analysis(forged(number))


def placed(analysis: Analysis) -> pd.DataFrame:
    """A row a configuration: its name, problem, estimate, rank and whether it wins."""
    rows = analysis.samples.rows[["name", "problem"]]
    table = analysis.table[["n", "estimate", "rank", "tie_group"]]
    return pd.concat([rows, table], axis=1).assign(wins=analysis.winners)


def separated(analysis: Analysis) -> set[tuple[str, str]]:
    table = analysis.comparisons[analysis.comparisons["separated"]]
    return set(zip(table["a"], table["b"], strict=True))


@pytest.mark.parametrize("number", FORGED)
def test_ranks_estimates_and_comparisons_agree(number: int) -> None:
    analysis = analysed(number)
    table, apart = placed(analysis), separated(analysis)
    estimates = dict(zip(table["name"], table["estimate"], strict=True))
    of_rank = set(table["name"][table["rank"].notna()])
    assert table["rank"][table["estimate"].isna()].isna().all()
    for _, rows in table.groupby("problem"):
        ranked = rows[rows["rank"].notna()].sort_values("estimate", kind="stable")
        assert ranked["rank"].is_monotonic_increasing
        assert ranked["tie_group"].is_monotonic_increasing
        for _, group in ranked.groupby("rank"):
            names = set(group["name"])
            assert not any({a, b} <= names for a, b in apart)
        for row in records(rows):
            others = set(ranked["name"]) - {row["name"]}
            beats_all = len(others) > 0 and all((row["name"], other) in apart for other in others)
            assert row["wins"] == (beats_all and row["name"] in set(ranked["name"]))
    for row in records(analysis.comparisons):
        # One that lost half of its runs has an estimate of the rest, and is worse whatever it says.
        if row["separated"] and row["b"] in of_rank:
            assert estimates[row["a"]] <= estimates[row["b"]]
    in_a_pair = {*analysis.comparisons["a"], *analysis.comparisons["b"]}
    assert not in_a_pair & set(table["name"][table["n"] == 0])


@pytest.mark.parametrize("number", FORGED)
def test_the_columns_of_the_comparisons_fit_one_another(number: int) -> None:
    for row in records(analysed(number).comparisons):
        assert row["separated"] == (row["p_corrected"] < 0.05)
        expected = BETTER if row["separated"] else EQUAL if row["p_equal"] < 0.05 else UNDECIDED
        assert row["verdict"] == expected
        assert math.isnan(row["p"]) or row["p"] <= row["p_corrected"] + 1e-9
        assert math.isnan(row["seeds_needed"]) or row["verdict"] == UNDECIDED
        value, low, high, nothing = (
            (row["difference"], row["difference_low"], row["difference_high"], 0.0)
            if math.isnan(row["ratio"])
            else (row["ratio"], row["low"], row["high"], 1.0)
        )
        assert math.isnan(low) or low <= value <= high
        if row["separated"]:
            assert high < nothing


def check_finding(analysis: Analysis, finding: Any, sentence: str, named: set[str]) -> None:
    """A finding against the comparisons. named: the configurations of its problem."""
    table, apart = placed(analysis), separated(analysis)
    ranked = table[table["name"].isin(named) & table["rank"].notna()]
    estimates = dict(zip(table["name"], table["estimate"], strict=True))
    pairs = analysis.comparisons[analysis.comparisons["a"].isin(named)]
    verdict_of = {frozenset((row["a"], row["b"])): row["verdict"] for row in records(pairs)}
    lost = table[table["name"].isin(named) & table["rank"].isna()]
    if isinstance(finding, Better):
        assert (finding.better, finding.worse) in apart
        assert estimates[finding.better] <= estimates[finding.worse]
    if isinstance(finding, Best):
        others = set(ranked["name"]) - {finding.best}
        assert all((finding.best, other) in apart for other in others)
        assert finding.ranked == len(ranked) > 2 or len(lost)
        assert estimates[finding.second] == min(estimates[other] for other in others)
    if isinstance(finding, Equal):
        assert verdict_of[frozenset((finding.a, finding.b))] == EQUAL
    if isinstance(finding, Undecided):
        assert verdict_of[frozenset((finding.a, finding.b))] == UNDECIDED
    if isinstance(finding, Shared):
        assert set(finding.first) == set(ranked["name"][ranked["rank"] == 1])
        assert list(finding.first) == sorted(finding.first, key=lambda name: estimates[name])
        assert finding.estimate == estimates[finding.first[0]]
        for name in finding.undecided:
            assert (finding.first[0], name) not in apart
        if finding.equal:
            several = [(a, b) for a in finding.first for b in finding.first if a < b]
            assert all(verdict_of[frozenset(pair)] == EQUAL for pair in several)
    if "is separated from another" in sentence:
        assert not any({a, b} <= set(ranked["name"]) for a, b in apart)
    if " equal within " in sentence:
        assert isinstance(finding, Equal) or finding.equal
    if " is the best of " in sentence or " is better than " in sentence:
        assert isinstance(finding, Best | Better)
        assert sum(table["wins"][table["name"].isin(named)]) == 1
    elif not isinstance(finding, NoneRanked | OnlyOne):
        assert not table["wins"][table["name"].isin(named)].any()


@pytest.mark.parametrize("number", FORGED)
def test_the_answer_says_what_the_comparisons_say(number: int) -> None:
    analysis = analysed(number)
    for verdict, sentence in zip(verdicts(analysis), comparison_sentences(analysis), strict=True):
        assert "nan" not in sentence.replace("nance", "")
        assert " inf" not in sentence
        check_finding(analysis, verdict.finding, sentence, set(verdict.names))


@pytest.mark.parametrize("number", FORGED)
def test_no_key_has_no_effect_whose_levels_are_separated(number: int) -> None:
    analysis = analysed(number)
    said = key_sentences(analysis.effects, analysis.samples.keys)
    if analysis.samples.keys == ["loss"]:
        assert said == []
    effects = analysis.effects
    for sentence in said:
        if "no effect of " in sentence:
            key = sentence.split("no effect of ")[1].split(" is shown")[0]
            rows = effects[(effects["key"] == key) & effects["kind"].isin(["key", "main"])]
            assert not rows["separated"].any()
    for row in records(effects[effects["kind"] == "main"]):
        end = (
            [row["low"], row["high"]]
            if not math.isnan(row["ratio"])
            else [row["difference_low"], row["difference_high"]]
        )
        nothing = 0.0 if math.isnan(row["ratio"]) else 1.0
        if row["separated"]:
            assert not end[0] <= nothing <= end[1]


@pytest.mark.parametrize("number", SHOWN)
def test_page_markdown_and_terminal_say_the_same(number: int) -> None:
    analysis = analysed(number)
    sentences = answers(analysis)
    screen = io.StringIO()
    print_report(analysis, Console(width=80, file=screen))
    printed = " ".join(screen.getvalue().split())
    text = page(analysis, sentences, {})
    written = markdown(analysis)
    table = analysis.table
    for place, sentence in enumerate(sentences):
        assert f"<p>{html.escape(sentence)}</p>" in text
        assert markdown_line(sentence) in written
        if place == 0:
            assert " ".join(sentence.split()) in printed
    lines = [line for line in written.split("## ")[0].splitlines() if line.startswith("| ")]
    rows = [line for line in lines if not line.startswith("| loss")][-len(table) :]
    assert ["**" in line for line in rows] == [
        wins and not np.isnan(value) for wins, value in zip(analysis.winners, table["estimate"], strict=True)
    ]
