"""The course of a sequential design in words: what was decided, at how many seeds, and what it cost."""

from collections.abc import Iterator

import pandas as pd

from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import BETTER, EQUAL, UNDECIDED
from sinegan.report.referee.courses import Replay, ignores_design
from sinegan.report.referee.decisions import (
    BEST,
    DROPPED,
    OPEN,
    Spending,
    missing,
    spending,
)
from sinegan.report.words.tables import percent


def course_sentences(analysis: Analysis) -> list[str]:
    """A sentence on how a sequential design came to its decisions; none for a fixed one."""
    if not analysis.courses:
        return []
    spent = spending(analysis.all_samples, analysis.courses)
    name = f"decide={analysis.design.word}"
    if not spent.has_looked:
        runs = f"{spent.runs:,} of the {spent.first:,} runs of its first look have ended"
        return [f"{name} has decided nothing yet: {runs}."]
    every_pair = any(course.design.every_pair for course in analysis.courses.values())
    clauses = _on_pairs(analysis) if every_pair else _on_configurations(analysis)
    return [f"{_spent(name, spent)}: {', '.join(clauses)}{_missing(analysis, spent)}."]


def _spent(name: str, spent: Spending) -> str:
    state = "stands at" if spent.waits else "ended after"
    share = percent(spent.runs / spent.most)
    return f"{name} {state} {spent.runs:,} of at most {spent.most:,} runs ({share})"


def _on_configurations(analysis: Analysis) -> Iterator[str]:
    """Clauses on what became of the configurations; the first has the number of all."""
    table, of_target = analysis.decisions, len(analysis.courses) > 1
    counts = {outcome: int((table["outcome"] == outcome).sum()) for outcome in (DROPPED, BEST, EQUAL, OPEN)}
    dropped, best, equal, still = counts.values()
    clauses = []
    if dropped:
        at = _seeds(table["decided_at"][table["outcome"] == DROPPED])
        clauses.append((dropped, f"{_were(dropped)} dropped at {at}"))
    if best and of_target:
        clauses.append((best, f"{_are(best)} the best of {'its' if best == 1 else 'their'} target"))
    if equal:
        first = "" if equal == 2 else " to the first of their target" if of_target else " to the first"
        clauses.append((equal, f"{_are(equal)} equal{first} within {percent(analysis.margin)}"))
    if still:
        clauses.append((still, f"{_are(still)} still open{_open_at(analysis)}"))
    for place, (count, words) in enumerate(clauses):
        of_all = f" of {len(table):,} configurations" if place == 0 else ""
        yield f"{count:,}{of_all} {words}"
    if best and not of_target:
        yield "which leaves the best"


def _on_pairs(analysis: Analysis) -> Iterator[str]:
    """Clauses on what became of the pairs of configurations."""
    verdicts = analysis.comparisons["verdict"]
    if not len(verdicts):
        yield "there was nothing to compare"
        return
    better, equal, still = (int((verdicts == each).sum()) for each in (BETTER, EQUAL, UNDECIDED))
    yield f"of {len(verdicts):,} comparison{'' if len(verdicts) == 1 else 's'}"
    if better:
        yield f"{better:,} found one better"
    if equal:
        yield f"{equal:,} found both equal within {percent(analysis.margin)}"
    if still:
        yield f"{still:,} {_are(still)} still open{_open_at(analysis)}"


def _open_at(analysis: Analysis) -> str:
    """The seeds of the last looks at open configurations, where there was any."""
    looks = [course.last_look(name) for course in analysis.courses.values() for name in course.open]
    seeds = [look.seeds for look in looks if look is not None]
    return f" at {_seeds(pd.Series(seeds))}" if seeds else ""


def _missing(analysis: Analysis, spent: Spending) -> str:
    """A clause on the runs that a resume would need; at the most seeds, none can be added."""
    more = missing(analysis.all_samples, analysis.courses, analysis.comparisons) if spent.waits else None
    return "" if more is None else f"; about {more:,} more runs would decide"


def _seeds(counts: "pd.Series[int]") -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low} seeds" if low == high else f"{low} to {high} seeds"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def decision_notes(analysis: Analysis) -> list[str]:
    """Notes on what holds under the rule by which a sweep stopped, or on what such a rule would have cost."""
    if ignores_design(analysis.sweep):
        return [
            "seeds were added by a rule (decide) that these numbers do not account for: they are judged as "
            "if the number of seeds had been fixed beforehand."
        ]
    if not analysis.courses:
        all_runs = sum(map(len, analysis.samples.values.values()))
        return [] if analysis.replay is None else [_replayed(analysis.replay, all_runs)]
    lines = [
        "the intervals of estimates and comparisons hold whenever the sweep stops; those of effects, of "
        "secondary.csv and of other metrics are those of a fixed number of seeds."
    ]
    if len(analysis.effects):
        lines.append(f"effects are computed from {_shared(analysis)}.")
    return lines + _ahead(analysis)


def _ahead(analysis: Analysis) -> list[str]:
    """Notes on the runs that no look saw."""
    everywhere, seen = analysis.all_samples.values, analysis.samples.values
    counts = {True: 0, False: 0}
    for course in analysis.courses.values():
        counts[course.waits] += sum(len(everywhere[name]) - len(seen[name]) for name in course.names)
    whose = {True: "belong to a look that is not complete", False: "are more than the rule asked for"}
    return [
        f"runs that {whose[waits]}: {count:,}; no number rests on them."
        for waits, count in counts.items()
        if count
    ]


def shared_note(analysis: Analysis) -> str:
    """The note under a table that pools configurations, or is of another metric; empty for a fixed design."""
    return f"Computed from {_shared(analysis)}." if analysis.courses else ""


def _shared(analysis: Analysis) -> str:
    seeds = analysis.shared.configurations["seeds"]
    return f"the first {_seeds(seeds)}, which all configurations {_of_target(analysis)}were given"


def _of_target(analysis: Analysis) -> str:
    return "of a target " if len(analysis.courses) > 1 else ""


def _replayed(replay: Replay, all_runs: int) -> str:
    """What `decide=best` would have made of a fixed sweep of so many runs."""
    of_runs = f"these {replay.runs:,} runs"
    if replay.runs < all_runs:
        of_runs = f"the {replay.runs:,} runs of the {replay.seeds} seeds that all configurations share"
    runs = f"{replay.trained:,} of {of_runs} ({percent(replay.trained / replay.runs)})"
    if replay.trained == replay.runs:
        runs = f"all of {of_runs}"
    same = ""
    if replay.problems == 1:
        same = ", with the same best" if replay.same else ", with another best"
    elif replay.problems > 1:
        same = f", with the same best on {replay.same:,} of {replay.problems:,} targets"
    return f"decide=best would have trained {runs}{same}."
