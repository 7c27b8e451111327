"""The tables, the words, the pictures and the page of any sweep never contradict each other."""

import html
import io
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forged import forged, forged_decided
from rich.console import Console

from sinegan.designs import UntilAll, UntilBest
from sinegan.report.make import print_report
from sinegan.report.page.page import page
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import BETTER, EQUAL, UNDECIDED
from sinegan.report.referee.decisions import ALONE, BEST, DROPPED, OPEN, SETTLED
from sinegan.report.referee.decisions import COLUMNS as DECISION_COLUMNS
from sinegan.report.referee.looks import looks
from sinegan.report.referee.problem import AND_RANKS
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
from sinegan.report.sweep import Sweep
from sinegan.report.words.answers import answers, comparison_sentences, key_sentences
from sinegan.report.words.decisions import course_sentences
from sinegan.report.words.escapes import markdown_line
from sinegan.report.words.markdown import markdown
from sinegan.storage.results import records

FIXED = [(forged, number) for number in range(150)]
DECIDED = [(forged_decided, number) for number in (*range(40), 51)]
"""In number 51 the interval of a test by ranks ends where two are the same."""
FORGED = [*FIXED, *DECIDED]
SHOWN = FORGED[::5]
"""Those whose page and terminal are made, too, which takes longer."""

Case = tuple[Callable[[int], Sweep], int]


@lru_cache(maxsize=len(FORGED))
def analysed(case: Case) -> Analysis:
    forge, number = case
    return Analysis(forge(number))


def name_of(case: Case) -> str:
    return f"{case[0].__name__}-{case[1]}"


every_sweep = pytest.mark.parametrize("case", FORGED, ids=name_of)
decided_ones = pytest.mark.parametrize("case", DECIDED, ids=name_of)


def placed(analysis: Analysis) -> pd.DataFrame:
    """A row a configuration: its name, problem, estimate, rank and whether it wins."""
    rows = analysis.samples.rows[["name", "problem"]]
    table = analysis.table[["n", "estimate", "rank", "tie_group"]]
    return pd.concat([rows, table], axis=1).assign(wins=analysis.winners)


def separated(analysis: Analysis) -> set[tuple[str, str]]:
    table = analysis.comparisons[analysis.comparisons["separated"]]
    return set(zip(table["a"], table["b"], strict=True))


def better(analysis: Analysis) -> set[tuple[str, str]]:
    """The separated pairs, and those without a comparison of their own that follow from them."""
    direct = separated(analysis)
    compared = set(zip(analysis.comparisons["a"], analysis.comparisons["b"], strict=True))
    known = set(direct)
    while more := {(a, d) for a, b in known for c, d in known if b == c} - known:
        known |= more
    return direct | {(a, b) for a, b in known if not {(a, b), (b, a)} & compared}


@every_sweep
def test_ranks_estimates_and_comparisons_agree(case: Case) -> None:
    analysis = analysed(case)
    table, apart = placed(analysis), better(analysis)
    estimates = dict(zip(table["name"], table["estimate"], strict=True))
    of_rank = set(table["name"][table["rank"].notna()])
    assert table["rank"][table["estimate"].isna()].isna().all()
    for _, rows in table.groupby("problem"):
        ranked = rows[rows["rank"].notna()].sort_values("estimate", kind="stable")
        if not analysis.courses:
            assert ranked["rank"].is_monotonic_increasing
        ranked = ranked.sort_values("rank", kind="stable")
        assert ranked["tie_group"].is_monotonic_increasing
        place = dict(zip(ranked["name"], ranked["rank"], strict=True))
        assert all(place[a] < place[b] for a, b in apart if {a, b} <= set(place))
        for _, group in ranked.groupby("rank"):
            names = set(group["name"])
            assert not any({a, b} <= names for a, b in apart)
        for row in records(rows):
            others = set(ranked["name"]) - {row["name"]}
            beats_all = len(others) > 0 and all((row["name"], other) in apart for other in others)
            assert row["wins"] == (beats_all and row["name"] in set(ranked["name"]))
    for row in records(analysis.comparisons):
        # One that lost half of its runs has an estimate of the rest, and is worse whatever it says.
        if row["separated"] and row["b"] in of_rank and not analysis.courses:
            assert estimates[row["a"]] <= estimates[row["b"]]
    in_a_pair = {*analysis.comparisons["a"], *analysis.comparisons["b"]}
    assert not in_a_pair & set(table["name"][table["n"] == 0])


@every_sweep
def test_the_columns_of_the_comparisons_fit_one_another(case: Case) -> None:
    for row in records(analysed(case).comparisons):
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
    table, apart = placed(analysis), better(analysis)
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


@every_sweep
def test_the_answer_says_what_the_comparisons_say(case: Case) -> None:
    analysis = analysed(case)
    for verdict, sentence in zip(verdicts(analysis), comparison_sentences(analysis), strict=True):
        assert "nan" not in sentence.replace("nance", "")
        assert " inf" not in sentence
        check_finding(analysis, verdict.finding, sentence, set(verdict.names))


@every_sweep
def test_no_key_has_no_effect_whose_levels_are_separated(case: Case) -> None:
    analysis = analysed(case)
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


def beaten_pairs(analysis: Analysis, name: str) -> set[tuple[str, str]]:
    """The pairs that any look found to be better, with this configuration as the worse one."""
    steps = [step for course in analysis.courses.values() for step in course.steps]
    return {pair for step in steps for pair in step.better if pair[1] == name}


@decided_ones
def test_decisions_follow_from_the_comparisons(case: Case) -> None:
    analysis = analysed(case)
    assert analysis.courses
    table = placed(analysis).assign(**analysis.decisions[DECISION_COLUMNS])
    place = dict(zip(table["name"], table["rank"], strict=True))
    pairs = {(row["a"], row["b"]): row for row in records(analysis.comparisons)}
    open_ones = {name for course in analysis.courses.values() for name in course.open}
    for row in records(table):
        name, other = row["name"], row["against"]
        between = pairs.get((name, other)) or pairs.get((other, name))
        assert (row["outcome"] == OPEN) == (name in open_ones)
        assert pd.isna(row["decided_at"]) == (name in open_ones)
        if row["outcome"] in (DROPPED, SETTLED):
            if pd.isna(row["estimate"]):  # it lost all its runs, and has no comparison
                assert other in {better for better, _ in beaten_pairs(analysis, name)}
                continue
            assert pairs[other, name]["separated"]
            assert row["p_corrected"] < 0.05
            if not pd.isna(place[name]) and not pd.isna(place[other]):
                assert place[other] < place[name]
        if row["outcome"] == EQUAL and between is not None:
            assert between["verdict"] == EQUAL
        if row["outcome"] == BEST:
            assert pd.isna(other) or pairs[name, other]["separated"]  # the others may have lost all runs
            assert row["wins"] or pd.isna(row["rank"]) or pd.isna(other)
        if row["outcome"] == OPEN and between is not None:
            assert row["p_corrected"] == between["p_corrected"]
    for _, rows in table.groupby("problem"):
        assert sum(rows["outcome"] == BEST) <= 1
        if not analysis.courses[str(rows["problem"].iloc[0])].design.every_pair:
            assert not {BEST, EQUAL} <= set(rows["outcome"])
            assert not {OPEN} < set(rows["outcome"]) - {DROPPED}


@decided_ones
def test_the_sentence_on_the_course_counts_what_the_table_holds(case: Case) -> None:
    analysis = analysed(case)
    (sentence,) = course_sentences(analysis)
    runs = int(analysis.decisions["seeds"].sum())
    assert f" {runs:,} of " in sentence
    if "nothing yet" in sentence:
        assert analysis.comparisons.empty
        assert set(analysis.decisions["outcome"]) <= {OPEN, ALONE}
        return
    counts = analysis.decisions["outcome"].value_counts()
    verdicts_there = analysis.comparisons["verdict"].value_counts()
    words = {"dropped": counts.get(DROPPED, 0), "still open": counts.get(OPEN, 0)}
    words["equal"] = counts.get(EQUAL, 0)
    if isinstance(analysis.design, UntilAll):
        words = {"found one better": verdicts_there.get(BETTER, 0), "equal": verdicts_there.get(EQUAL, 0)}
        words["still open"] = verdicts_there.get(UNDECIDED, 0)
    clauses = sentence.split("; ")[0].split(": ", 1)[1].removesuffix(".").split(", ")
    for word, count in words.items():
        (clause,) = [each for each in clauses if f" {word}" in each] or [""]
        assert clause.split(" ")[0] == (f"{count:,}" if count else "")
    waits = any(course.waits for course in analysis.courses.values())
    assert ("stands at" in sentence) == waits
    leaves_one = BEST in counts and len(analysis.courses) == 1 and isinstance(analysis.design, UntilBest)
    assert ("which leaves the best" in sentence) == leaves_one


@decided_ones
def test_every_number_rests_on_the_runs_that_a_look_saw(case: Case) -> None:
    analysis = analysed(case)
    last = {name: course.last_look(name) for course in analysis.courses.values() for name in course.names}
    for name, by_seed in analysis.samples.values.items():
        look = last[name]
        if look is not None:
            assert sorted(by_seed) == list(range(look.seeds))
            if len(analysis.courses[_problem(analysis, name)].names) > 1:
                assert analysis.samples.confidence_of(name) == 1 - look.level > 0.95
        else:
            assert analysis.samples.confidence_of(name) == 0.95
    levels = {look.seeds: look.level for look in looks(analysis.design)}  # type: ignore[arg-type]
    for row in records(analysis.comparisons):
        if not row["method"].endswith(AND_RANKS):
            assert row["n"] in levels


def _problem(analysis: Analysis, name: str) -> str:
    rows = analysis.samples.rows
    return str(rows["problem"][rows["name"] == name].iloc[0])


@pytest.mark.parametrize("case", SHOWN, ids=name_of)
def test_page_markdown_and_terminal_say_the_same(case: Case) -> None:
    analysis = analysed(case)
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
