"""The answer in words: whole sentences, read aloud, that say no more than the seeds do."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import wrap

import pandas as pd
import pytest
from forged import Keys, sweep_of
from hypothesis import given
from hypothesis import strategies as st
from values import drawn

from sinegan.report.labels import short_keys, short_label
from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.key_verdicts import (
    Depends,
    KeyVerdict,
    LevelBetter,
    Matters,
    MattersMore,
    NoEffect,
)
from sinegan.report.referee.statistics import estimate
from sinegan.report.referee.verdicts import (
    Best,
    Better,
    Blind,
    Effect,
    Ends,
    Equal,
    Finding,
    NoneRanked,
    NothingEnded,
    NothingMeasured,
    OnlyOne,
    Seeds,
    Shared,
    Single,
    Undecided,
    Verdict,
)
from sinegan.report.sweep import Sweep
from sinegan.report.words.answers import (
    MOST_LINES,
    answers,
    comparison_sentences,
    key_sentence,
    key_sentences,
    lead,
    verdict_sentence,
)
from sinegan.storage.files import read_sealed, write_sealed
from sinegan.storage.results import records

MakeSweep = Callable[..., Sweep]
FileConfiguration = Callable[..., Path]

WORSE = dict(enumerate([2.0, 2.222, 1.8, 2.02]))
BETTER = dict(enumerate([1.0, 1.1, 0.9, 1.0]))
"""Half of WORSE, but for one in a hundred of two values."""


def sentences(sweep: Sweep) -> list[str]:
    """The sentences on the configurations of a sweep."""
    return comparison_sentences(Analysis(sweep))


def lost(values: dict[int, float], runs: int) -> dict[int, float]:
    """The first runs diverged."""
    return values | dict.fromkeys(range(runs), math.inf)


EIGHT = Seeds(8, 8)
RATIO = Effect(True, 0.5, 0.4, 0.625)
THREE = estimate([1.0, 4.0, 2.0])


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (NothingEnded(), "No run on sine has ended yet."),
        (NothingMeasured(), "All 3 runs on sine were lost (2 diverged, 1 failed): nothing was measured."),
        (Single(THREE, None), "At 3 seeds, the rmse on sine is 2, 95 % interval 0.357 to 11.2{lost}."),
        (
            Single(THREE, 8.0),
            "At 3 seeds, the rmse on sine is 2, 95 % interval 0.357 to 11.2; before training it was 8{lost}.",
        ),
        (
            Single(estimate([2.0, 3.0]), None),
            "At 2 seeds, the rmse on sine is 2 and 3; an interval needs 3 seeds{lost}.",
        ),
        (Single(estimate([2.0]), None), "At 1 seed, the rmse on sine is 2; an interval needs 3 seeds{lost}."),
        (
            Blind(Seeds(1, 2), {"a": 2.0, "b": 3.0}, 3),
            "At 1 to 2 seeds, nothing on sine can be separated, whatever the values: give 3 seeds or more; "
            "the rmse is 2 for A and 3 for B{lost}.",
        ),
        (
            Blind(Seeds(3, 3), {"a": 2.0, "b": 3.0, "c": 1.0}, 4),
            "At 3 seeds, nothing on sine can be separated, whatever the values: give 4 seeds or more; "
            "the rmse is 1 to 3 in 3 configurations{lost}.",
        ),
        (
            OnlyOne(EIGHT, "a", THREE),
            "At 8 seeds, only A has a rank on sine; its rmse is 2, 95 % interval 0.357 to 11.2; the others "
            "have fewer than 3 runs, or lost half of them or more{lost}.",
        ),
        (
            NoneRanked(EIGHT, "b", THREE),
            "At 8 seeds, every configuration lost half of its runs or more on sine: none has a rank; of the "
            "runs that ended well, those of B have the best rmse, 2, 95 % interval 0.357 to 11.2{lost}.",
        ),
        (
            Better(EIGHT, "a", "b", RATIO),
            "At 8 seeds, A is better than B on sine: its rmse is 2.0 times lower (95 % interval 1.6 to 2.5)"
            "{lost}.",
        ),
        (Better(EIGHT, "a", "b", None), "At 8 seeds, A is better than B on sine{lost}."),
        (
            Better(EIGHT, "a", "b", Effect(True, 2.0, 1.6, 340.0)),
            "At 8 seeds, A is better than B on sine: its rmse is 2.0 times higher (95 % interval 1.6 to "
            "340.0){lost}.",
        ),
        (
            Better(EIGHT, "a", "b", Effect(False, -0.4, -0.5, -0.25)),
            "At 8 seeds, A is better than B on sine: its rmse is lower by 0.4 (95 % interval 0.25 "
            "to 0.5){lost}.",
        ),
        (
            Better(EIGHT, "a", "b", Effect(True, 0.1, 0.0, 0.2, open_ended=True)),
            "At 8 seeds, A is better than B on sine: its rmse is 10 times lower (95 % interval: at least 5)"
            "{lost}.",
        ),
        (
            Equal(EIGHT, "a", "b", Effect(True, 0.99, 0.97, 1.01)),
            "At 8 seeds, A and B are equal within 10 % on sine: the rmse of A is 1.01 times lower (95 % "
            "interval 0.99 to 1.03){lost}.",
        ),
        (
            Undecided(EIGHT, "a", "b", Effect(True, 0.8, 0.5, 1.25), 1234),
            "At 8 seeds, A and B are not separated on sine: the rmse of A is 1.25 times lower (95 % interval "
            "0.80 to 2.00); 1,234 seeds would decide{lost}.",
        ),
        (
            Undecided(EIGHT, "a", "b", Effect(True, 0.8, 0.0, math.inf, open_ended=True), None),
            "At 8 seeds, A and B are not separated on sine: the rmse of A is 1.25 times lower (95 % "
            "interval: any factor){lost}.",
        ),
        (Undecided(EIGHT, "a", "b", None, None), "At 8 seeds, A and B are not separated on sine{lost}."),
        (
            Best(EIGHT, "a", 3, "b", RATIO),
            "At 8 seeds, A is the best of 3 on sine, separated from every other: its rmse is 2.0 times lower "
            "(95 % interval 1.6 to 2.5) than that of the next, B{lost}.",
        ),
        (
            Best(EIGHT, "a", 3, "b", None),
            "At 8 seeds, A is the best of 3 on sine, separated from every other{lost}.",
        ),
        (
            Shared(EIGHT, ["a"], ["c"], 3, 0.25, False, 40),
            "At 8 seeds, A has the lowest rmse of 3 on sine, 0.25, but is not separated from C; 40 seeds "
            "would decide{lost}.",
        ),
        (
            Shared(EIGHT, ["a", "b", "c"], [], 3, 0.25, False, 40),
            "At 8 seeds, none of 3 configurations is separated from another by rmse on sine; the lowest is "
            "A, 0.25; 40 seeds would decide{lost}.",
        ),
        (
            Shared(EIGHT, ["a", "b", "c"], [], 3, 0.25, True, None),
            "At 8 seeds, 3 of 3 configurations share the first rank by rmse on sine: A, B and C; they are "
            "equal within 10 %{lost}.",
        ),
        (
            Shared(EIGHT, ["a", "b"], ["c"], 4, 0.25, False, 40),
            "At 8 seeds, 2 of 4 configurations share the first rank by rmse on sine: A and B; 1 more is not "
            "separated from the first; 40 seeds would decide{lost}.",
        ),
        (
            Shared(EIGHT, list("abcdef"), [], 8, 0.25, False, 40),
            "At 8 seeds, 6 of 8 configurations share the first rank by rmse on sine; the lowest is A, 0.25; "
            "40 seeds would decide{lost}.",
        ),
    ],
)
def test_every_finding_has_its_sentence(finding: Finding, sentence: str) -> None:
    words = {name: name.upper() for name in "abcdef"}
    ends = {"a": Ends(8, 2, 1), "b": Ends(8, 0, 0)}
    lost = "; 3 of 8 runs of A were lost (2 diverged, 1 failed)"
    verdict = Verdict("rmse", 0.1, list(words), finding, ends)
    assert verdict_sentence(verdict, "on sine", words) == sentence.format(lost=lost)


def test_where_more_is_better_the_first_is_the_highest() -> None:
    finding = Shared(EIGHT, ["a", "b"], [], 2, 0.9, False, None)
    verdict = Verdict("score", 0.05, ["a", "b"], finding, {})
    words = {"a": "A", "b": "B"}
    assert verdict_sentence(verdict, "", words, more_is_better=True) == (
        "At 8 seeds, none of 2 configurations is separated from another by score; the highest is A, 0.9."
    )


def test_two_that_differ(make_sweep: MakeSweep) -> None:
    assert sentences(make_sweep({"loss=worse": WORSE, "loss=better": BETTER})) == [
        "At 4 seeds, better is better than worse on its target: its rmse is 2.01 times lower (95 % interval "
        "1.99 to 2.03)."
    ]


def test_values_that_can_be_negative_have_a_difference(make_sweep: MakeSweep) -> None:
    x, y = {0: -0.1, 1: 0.2, 2: 0.1, 3: 0.0}, {0: 0.3, 1: 0.5, 2: 0.6, 3: 0.4}
    assert sentences(make_sweep({"x": x, "y": y}, metric="energy_distance")) == [
        "At 4 seeds, x is better than y on its target: its energy_distance is lower by 0.4 (95 % interval "
        "0.27 to 0.53)."
    ]


def test_a_winner_is_named_with_how_far_the_next_is(make_sweep: MakeSweep) -> None:
    far = {seed: 9 * value for seed, value in WORSE.items()}
    assert sentences(make_sweep({"x": far, "y": WORSE, "z": BETTER})) == [
        "At 4 seeds, z is the best of 3 on its target, separated from every other: its rmse is 2.01 times "
        "lower (95 % interval 1.99 to 2.03) than that of the next, y."
    ]


def test_those_that_share_the_first_rank_are_named(make_sweep: MakeSweep) -> None:
    (sentence,) = sentences(make_sweep({"x": drawn(1), "y": drawn(2), "z": drawn(3, 20)}))
    assert sentence.startswith(
        "At 8 seeds, 2 of 3 configurations share the first rank by rmse on its target: "
    )
    assert " and " in sentence
    assert "best" not in sentence


def test_of_many_that_share_the_first_rank_the_lowest_is_named(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({f"loss={place}": drawn(place, 1 if place else 0.98) for place in range(14)})
    (sentence,) = sentences(sweep)
    lowest = Analysis(sweep).table["estimate"].idxmin()
    assert "none of 14 configurations is separated from another by rmse" in sentence
    assert f"the lowest is {lowest}, {Analysis(sweep).table['estimate'][lowest]:.3g}; " in sentence


def test_one_configuration_has_its_value_and_nothing_to_compare(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"x": {0: 1.0, 1: 4.0, 2: 2.0}})
    assert sentences(sweep) == ["At 3 seeds, the rmse on its target is 2, 95 % interval 0.357 to 11.2."]


def test_one_configuration_is_held_against_what_it_began_with(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path, [], {seed: [8.0, value] for seed, value in enumerate([1.0, 4.0, 2.0])})
    (sentence,) = sentences(load_sweep(tmp_path))
    assert sentence.endswith("0.357 to 11.2; before training it was 8.")


def test_what_lost_half_of_its_runs_is_no_rival(make_sweep: MakeSweep) -> None:
    (sentence,) = sentences(make_sweep({"lossy": lost(drawn(1), 6), "sound": drawn(2, 0.01)}))
    assert sentence.startswith("At 8 seeds, only sound has a rank on its target; its rmse is 0")
    assert sentence.endswith("; 6 of 8 runs of lossy diverged.")


def test_an_interval_that_lost_runs_leave_open_has_one_end(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"lossy": lost(drawn(1), 3), "sound": drawn(2, 0.1)})
    (row,) = records(Analysis(sweep).comparisons)
    assert row["low"] == 0
    assert sentences(sweep) == [
        "At 8 seeds, sound is better than lossy on its target: its rmse is "
        f"{1 / row['ratio']:.0f} times lower (95 % interval: at least {1 / row['high']:.0f}); "
        "3 of 8 runs of lossy diverged."
    ]


def test_losses_of_many_configurations_are_added_up(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({name: lost(drawn(place), place) for place, name in enumerate("wxyz")})
    (sentence,) = sentences(sweep)
    assert sentence.endswith("; 6 of 32 runs diverged, in 3 configurations.")


@pytest.mark.parametrize("configurations", [1, 2, 5, 14])
def test_a_sweep_that_lost_all_says_that_alone(make_sweep: MakeSweep, configurations: int) -> None:
    sweep = make_sweep({f"loss={place}": lost({}, 8) for place in range(configurations)})
    runs = 8 * configurations
    assert sentences(sweep) == [f"All {runs} runs on its target diverged: nothing was measured."]


def test_a_sweep_that_has_just_begun_says_so(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    for place, loss in enumerate("xy"):
        file_configuration(tmp_path / str(place), [f"loss={loss}"], seeds=8)
    assert sentences(load_sweep(tmp_path)) == ["No run on its target has ended yet."]


def with_target(folder: Path, name: str) -> None:
    """Gives a hand-written configuration a target."""
    provenance = read_sealed(folder / "provenance.json")
    provenance["settings"]["target"] = {"_target_": f"sinegan.game.targets.{name}"}
    write_sealed(folder / "provenance.json", provenance)


def test_the_target_and_the_shared_network_are_named(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place, values in enumerate((WORSE, BETTER)):
        series = {seed: [value] for seed, value in values.items()}
        folder = file_configuration(tmp_path / str(place), ["network=tiny", f"optim.lr={place}"], series)
        with_target(folder, "GaussianRing")
    assert sentences(load_sweep(tmp_path)) == [
        "At 4 seeds, optim.lr=1 is better than optim.lr=0 on gaussian_ring/tiny: its rmse is 2.01 times "
        "lower (95 % interval 1.99 to 2.03)."
    ]


def test_each_target_has_its_sentence_and_a_terminal_shows_the_first(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for target in range(6):
        for place, values in enumerate((WORSE, BETTER)):
            series = {seed: [value] for seed, value in values.items()}
            overrides = [f"target={target}", f"loss={'worse' if place == 0 else 'better'}"]
            with_target(file_configuration(tmp_path / f"{target}{place}", overrides, series), f"T{target}")
    analysis = Analysis(load_sweep(tmp_path))
    said = comparison_sentences(analysis)
    detail = "its rmse is 2.01 times lower (95 % interval 1.99 to 2.03)"
    assert said == [f"At 4 seeds, better is better than worse on {target}: {detail}." for target in range(6)]
    shown = lead(answers(analysis), 80)
    assert shown[:2] == said[:2]
    assert shown[-1] == f"The report says more: {len(answers(analysis)) - 2} further sentences."


@pytest.mark.parametrize(
    ("keys", "short"),
    [
        (["loss", "optim.lr"], ["loss", "optim.lr"]),
        (["optim.generator_lr", "optim.discriminator_lr"], ["generator_lr", "discriminator_lr"]),
        (["penalty.r1.gamma", "penalty.r2.gamma"], ["penalty.r1.gamma", "penalty.r2.gamma"]),
    ],
)
def test_keys_are_short_where_they_stay_apart(keys: list[str], short: list[str]) -> None:
    assert list(short_keys(keys).values()) == short


def test_one_configuration_that_lost_runs_says_how_many(make_sweep: MakeSweep) -> None:
    (sentence,) = sentences(make_sweep({"x": lost(drawn(1), 3)}))
    assert sentence.startswith("At 5 seeds, the rmse on its target is ")
    assert sentence.endswith("; 3 of 8 runs diverged.")


def test_a_setting_that_a_configuration_does_not_have_is_no_part_of_its_name() -> None:
    keys = {"loss": "loss", "penalty.r1.gamma": "r1.gamma"}
    assert short_label({"loss": "hinge", "penalty.r1.gamma": "0.1"}, keys) == "hinge/r1.gamma=0.1"
    assert short_label({"loss": "hinge", "penalty.r1.gamma": math.nan}, keys) == "hinge"


def test_a_swept_seed_is_named_with_its_key() -> None:
    assert short_label({"loss": "hinge", "seed": 3}, {"loss": "loss", "seed": "seed"}) == "hinge/seed=3"


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (MattersMore("network", "loss"), "network matters more than loss."),
        (
            Matters("loss", 2.345, is_ratio=True),
            "loss matters: on average, its levels differ by a typical factor of 2.3 from their middle.",
        ),
        (
            Matters("loss", 0.25, is_ratio=False),
            "loss matters: on average, its levels differ typically by 0.25 from their middle.",
        ),
        (
            LevelBetter("loss", "x", "y", RATIO),
            "loss matters: on average, the rmse of x is 2.0 times lower (95 % interval 1.6 to 2.5) than that "
            "of y.",
        ),
        (Depends("loss", "network"), "The effect of loss depends on network."),
        (NoEffect("loss"), "On average over the rest, no effect of loss is shown."),
    ],
)
def test_a_sentence_begins_with_a_capital_unless_it_begins_with_a_name(
    verdict: KeyVerdict, sentence: str
) -> None:
    assert key_sentence(verdict, "rmse") == sentence
    begins = sentence if sentence.startswith(("loss", "network")) else f"{sentence[0].lower()}{sentence[1:]}"
    assert key_sentence(verdict, "rmse", several=True) == f"By rmse, {begins}"


def test_of_several_metrics_each_is_named() -> None:
    keys: dict[Keys, dict[int, float]] = {
        (("loss", loss), ("network", network)): drawn(place)
        for place, (loss, network) in enumerate([("x", "n"), ("x", "m"), ("y", "n"), ("y", "m")])
    }
    effects = Analysis(sweep_of(keys)).effects
    both = pd.concat([effects, effects.assign(metric="modes")])
    one = key_sentences(effects, ["loss", "network"])
    assert len(one) == 2
    assert [each.split(", ")[0] for each in key_sentences(both, ["loss", "network"])] == ["By rmse"] * 2 + [
        "By modes"
    ] * 2


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.integers(20, 80))
def test_the_answer_before_the_table_is_short(lengths: list[int], width: int) -> None:
    said = [" ".join(["word"] * length) + "." for length in lengths]
    shown = lead(said, width)
    if width >= 60:
        assert sum(len(wrap(sentence, width)) for sentence in shown) <= MOST_LINES
    if shown == said:
        return
    *complete, more = shown
    left = int(re.findall(r"more: (\d+) further", more)[0])
    if left < len(said):
        assert complete == said[: len(said) - left]
    else:  # the first does not fit
        (beginning,) = complete
        assert beginning.endswith(" …")
        assert said[0].startswith(beginning.removesuffix(" …"))
