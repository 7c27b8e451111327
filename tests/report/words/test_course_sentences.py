"""The course of a sequential design in words."""

import math
from collections.abc import Mapping

import pandas as pd
from forged import Keys, decided_values, sweep_of, with_design
from values import drawn

from sinegan.designs import Sequential, UntilAll, UntilBest
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.verdicts import Seeds, Shared, Verdict, verdicts
from sinegan.report.words.answers import answers, comparison_sentences, verdict_sentence
from sinegan.report.words.decisions import course_sentences, decision_notes
from sinegan.report.words.formats import formatted
from sinegan.report.words.markdown import markdown
from sinegan.report.words.views import by_view, pivot_view
from sinegan.storage.results import records

MOST = 14
BEST, ALL = UntilBest(most=MOST), UntilAll(most=MOST)

Values = Mapping[str, Mapping[int, float]]


def tight(seed: int, factor: float = 1.0) -> dict[int, float]:
    """Runs that hardly differ: of such, two with the same factor are soon equal."""
    return drawn(seed, factor, MOST, spread=0.01)


def loose(seed: int, factor: float = 1.0) -> dict[int, float]:
    return drawn(seed, factor, MOST, spread=0.4)


def analysed(
    values: Values, design: Sequential = BEST, spent: int | None = None, targets: int = 1
) -> Analysis:
    """The analysis of a sweep of losses, on several targets that are alike."""
    keys: dict[Keys, Mapping[int, float]] = {
        ((("target", f"t{target}"),) if targets > 1 else ()) + (("loss", name),): by_seed
        for target in range(targets)
        for name, by_seed in values.items()
    }
    return Analysis(with_design(sweep_of(decided_values(keys, design, spent)), design))


def sentence(*given: object, **more: object) -> str:
    (said,) = course_sentences(analysed(*given, **more))  # type: ignore[arg-type]
    return said


def test_the_best_is_left_when_all_others_are_dropped() -> None:
    values = {"a": tight(1), "b": tight(2, 3), "c": tight(3, 9)}
    assert sentence(values) == (
        "decide=best ended after 12 of at most 42 runs (29 %): 2 of 3 configurations were dropped at 4 "
        "seeds, which leaves the best."
    )


def test_those_that_are_equal_to_the_best_end_the_sweep() -> None:
    values = {"a": tight(1), "b": tight(2), "c": tight(3, 9)}
    assert sentence(values) == (
        "decide=best ended after 12 of at most 42 runs (29 %): 1 of 3 configurations was dropped at 4 seeds, "
        "2 are equal within 10 %."
    )
    four = {name: tight(place) for place, name in enumerate("abcd")}
    assert ": 4 of 4 configurations are equal to the first within 10 %." in sentence(four)


def test_what_is_open_at_the_most_seeds_is_counted_and_the_verdict_has_its_price() -> None:
    analysis = analysed({"a": loose(1), "b": loose(2), "c": loose(3, 90)})
    assert course_sentences(analysis) == [
        "decide=best ended after 32 of at most 42 runs (76 %): 1 of 3 configurations was dropped at 4 seeds, "
        "2 are still open at 14 seeds."
    ]
    (row,) = [row for row in records(analysis.comparisons) if row["verdict"] == "undecided"]
    assert row["seeds_needed"] > MOST
    assert f"{int(row['seeds_needed']):,} seeds would decide" in comparison_sentences(analysis)[0]


def test_a_killed_sweep_is_under_way() -> None:
    values = {"a": loose(1), "b": loose(2), "c": loose(3, 90)}
    said = sentence(values, spent=15)
    assert said.startswith("decide=best stands at 15 of at most 42 runs (36 %): 1 of 3")
    assert "2 are still open at 4 seeds; about " in said
    assert "decide.most" not in said
    *_, ahead = decision_notes(analysed(values, spent=15))
    assert ahead == "runs that belong to a look that is not complete: 3; no number rests on them."


def test_before_the_first_look_nothing_is_decided() -> None:
    analysis = analysed({"a": tight(1), "b": tight(2, 3)}, spent=7)
    assert comparison_sentences(analysis) == []
    assert course_sentences(analysis) == [
        "decide=best has decided nothing yet: 7 of the 8 runs of its first look have ended."
    ]
    assert analysis.decisions["outcome"].tolist() == ["open", "open"]
    assert analysis.effects.empty
    assert analysis.table["rank"].isna().all()


def test_every_pair_is_counted_where_all_are_in_question() -> None:
    values = {"a": tight(1), "b": tight(2), "c": tight(3, 9), "d": loose(4, 9)}
    said = sentence(values, ALL)
    assert said.startswith("decide=all ended after 36 of at most 56 runs (64 %): of 6 comparisons, ")
    assert "4 found one better, 1 found both equal within 10 %, 1 is still open at 14 seeds" in said


def test_where_all_runs_were_lost_there_was_nothing_to_compare() -> None:
    lost = dict.fromkeys(range(MOST), math.inf)
    said = sentence({"a": lost, "b": lost}, ALL)
    assert said.endswith(f"of at most {2 * MOST} runs (100 %): there was nothing to compare.")


def test_several_targets_have_one_sentence() -> None:
    values = {"a": tight(1), "b": tight(2, 3)}
    said = sentence(values, targets=2)
    assert said == (
        "decide=best ended after 16 of at most 56 runs (29 %): 2 of 4 configurations were dropped at 4 "
        "seeds, 2 are the best of their target."
    )


def test_a_target_can_be_decided_before_the_first_look_at_another() -> None:
    said = sentence({"a": tight(1), "b": tight(2, 3)}, spent=15, targets=2)
    assert said == (
        "decide=best stands at 15 of at most 56 runs (27 %): 1 of 4 configurations was dropped at 4 "
        "seeds, 1 is the best of its target, 2 are still open."
    )


def test_the_answer_says_first_what_was_found_and_then_what_it_took() -> None:
    analysis = analysed({"a": tight(1), "b": tight(2, 3), "c": tight(3, 9)})
    found, took, *_ = answers(analysis)
    assert found.startswith("At 4 seeds, a is the best of 3 on ")
    assert took.startswith("decide=best ended")


def test_a_dropped_one_with_a_better_estimate_is_not_called_the_lowest() -> None:
    turned = {name: loose(place) for place, name in enumerate("ab")}
    turned = {
        name: {seed: value * (20 if seed >= 4 else 1) for seed, value in by_seed.items()}
        for name, by_seed in turned.items()
    }
    analysis = analysed(turned | {"c": drawn(3, 5, MOST)})
    table = analysis.table.set_index("loss")
    assert table["n"].to_dict() == {"a": 14, "b": 14, "c": 4}
    assert table["estimate"].idxmin() == "c"
    assert table["rank"].to_dict() == {"a": 1, "b": 1, "c": 3}
    assert [
        each.finding.has_best_estimate for each in verdicts(analysis) if isinstance(each.finding, Shared)
    ] == [False]
    found, *_ = answers(analysis)
    assert "2 of 3 configurations share the first rank" in found
    assert "lowest" not in found


def test_the_first_of_a_rank_is_called_so_where_another_has_a_better_estimate() -> None:
    def said(first: list[str], undecided: list[str], has_best: bool) -> str:
        finding = Shared(Seeds(4, 9), first, undecided, 8, 1.5, False, None, has_best_estimate=has_best)
        names = [*first, *undecided]
        return verdict_sentence(Verdict("rmse", 0.1, names, finding, {}), "", {name: name for name in names})

    many = list("abcdef")
    assert "; the lowest is a, 1.5" in said(many, [], True)
    assert "; the first is a, 1.5" in said(many, [], False)
    assert "a has the lowest rmse of 8, 1.5, but is not separated from b" in said(["a"], ["b"], True)
    assert "a leads 8 configurations by rmse, 1.5, but is not separated from b" in said(["a"], ["b"], False)


def test_a_fixed_sweep_says_what_a_design_would_have_cost() -> None:
    def note(values: Values) -> list[str]:
        return decision_notes(Analysis(sweep_of({(("loss", name),): each for name, each in values.items()})))

    assert note({"a": tight(1), "b": tight(2, 3), "c": tight(3, 9)}) == [
        "decide=best would have trained 12 of these 42 runs (29 %), with the same best."
    ]
    assert note({"a": loose(1), "b": loose(2)}) == ["decide=best would have trained all of these 28 runs."]
    assert note({"a": dict(list(tight(1).items())[:6]), "b": tight(2, 3)}) == [
        "decide=best would have trained 8 of the 12 runs of the 6 seeds that all configurations share (67 %)"
        ", with the same best."
    ]
    few = {name: dict(list(tight(place).items())[:5]) for place, name in enumerate("ab")}
    assert note(few) == []


def test_notes_say_which_numbers_hold_under_the_rule() -> None:
    holds, *more = decision_notes(analysed({"a": loose(1), "b": loose(2), "c": loose(3, 90)}))
    assert holds.startswith("the intervals of estimates and comparisons hold whenever the sweep stops")
    assert more == ["effects are computed from the first 4 seeds, which all configurations were given."]


def test_runs_beyond_the_rule_are_named_and_do_not_count() -> None:
    values = {"a": tight(1), "b": tight(2, 3)}
    analysis = Analysis(
        with_design(sweep_of({(("loss", name),): each for name, each in values.items()}), BEST)
    )
    assert analysis.table["n"].tolist() == [4, 4]
    assert decision_notes(analysis)[-1] == (
        "runs that are more than the rule asked for: 20; no number rests on them."
    )


def test_groups_and_other_metrics_rest_on_shared_seeds_and_say_so() -> None:
    cells = {("x", "m"): loose(1), ("x", "n"): loose(2), ("y", "m"): loose(3, 90), ("y", "n"): loose(4, 90)}
    keys: dict[Keys, Mapping[int, float]] = {
        (("loss", loss), ("network", network)): by_seed for (loss, network), by_seed in cells.items()
    }
    sweep = with_design(sweep_of(decided_values(keys, BEST)), BEST)
    analysis = Analysis(sweep)
    assert analysis.table["n"].tolist() == [14, 14, 4, 4]
    for plain in (by_view(sweep), by_view(sweep, ["network", "loss"]), pivot_view(sweep, "loss", "network")):
        pd.testing.assert_frame_equal(plain.comparisons, analysis.comparisons)
        assert plain.note == ""
    assert by_view(sweep).full["n"].tolist() == [14, 14, 4, 4]
    for other in (by_view(sweep, ["loss"]), by_view(sweep, metric="d_real")):
        assert set(other.full["n"]) == {4}
        assert other.note == "Computed from the first 4 seeds, which all configurations were given."
        assert f"- {other.note}" in formatted(other, "md")


def test_markdown_has_a_table_of_the_decisions() -> None:
    text = markdown(analysed({"a": tight(1), "b": tight(2, 3), "c": tight(3, 9)}))
    section = text.split("## Decisions")[1].split("##")[0]
    (row,) = [line for line in section.splitlines() if line.startswith("| b ")]
    assert [cell.strip() for cell in row.strip("|").split("|")][:5] == ["b", "4", "dropped", "4", "loss=a"]
    assert "## Decisions" not in markdown(Analysis(sweep_of({(("loss", "x"),): tight(1)})))
