"""The answer in words: whole sentences, read aloud, that say no more than the seeds do."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from values import drawn

from sinegan.report.labels import short_keys, short_label
from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.verdicts import Depends, KeyVerdict, Matters, MattersMore, NoEffect
from sinegan.report.sweep import Sweep
from sinegan.report.words.answers import comparison_sentences, key_sentence
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


def test_two_that_differ(make_sweep: MakeSweep) -> None:
    assert sentences(make_sweep({"loss=worse": WORSE, "loss=better": BETTER})) == [
        "At 4 seeds, better is better than worse on its target: ratio 0.50, 0.49-0.50."
    ]


def test_two_that_do_not(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"non_saturating": drawn(1), "minimax": drawn(2)})
    (row,) = records(Analysis(sweep).comparisons)
    assert row["seeds_needed"] > 8
    assert sentences(sweep) == [
        f"At 8 seeds, non_saturating and minimax are not separated on its target: ratio {row['ratio']:.2f}, "
        f"{row['low']:.2f}-{row['high']:.2f}; {row['seeds_needed']:.0f} seeds would be needed for a "
        f"difference of 10 %."
    ]


def test_seeds_that_would_have_found_a_difference_are_said_to(make_sweep: MakeSweep) -> None:
    close = {seed: value * (1.001 if seed % 2 else 0.999) for seed, value in drawn(1).items()}
    (sentence,) = sentences(make_sweep({"x": drawn(1), "y": close}))
    assert sentence.endswith("ratio 1.00, 1.00-1.00; a difference of 10 % would have been found with 3.")


def test_values_that_can_be_negative_have_a_difference(make_sweep: MakeSweep) -> None:
    x, y = {0: -0.1, 1: 0.2, 2: 0.1, 3: 0.0}, {0: 0.3, 1: 0.5, 2: 0.6, 3: 0.4}
    (sentence,) = sentences(make_sweep({"x": x, "y": y}, metric="energy_distance"))
    assert (
        sentence == "At 4 seeds, x is better than y on its target: "
        "difference in energy_distance -0.4, -0.53 to -0.27."
    )


def test_a_winner_is_named_with_how_far_the_next_is(make_sweep: MakeSweep) -> None:
    far = {seed: 9 * value for seed, value in WORSE.items()}
    assert sentences(make_sweep({"x": far, "y": WORSE, "z": BETTER})) == [
        "At 4 seeds, z is the best of 3 on its target, separated from every other; against the next, y: "
        "ratio 0.50, 0.49-0.50."
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
    assert "none of 14 configurations is separated from the others by rmse" in sentence
    assert f"the lowest is {lowest}, {Analysis(sweep).table['estimate'][lowest]:.3g}" in sentence


def test_one_configuration_has_its_value_and_nothing_to_compare(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"x": {0: 1.0, 1: 4.0, 2: 2.0}})
    assert sentences(sweep) == ["At 3 seeds, the rmse on its target is 2, 95 % interval 0.357 to 11.2."]


def test_one_configuration_is_held_against_what_it_began_with(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path, [], {seed: [8.0, value] for seed, value in enumerate([1.0, 4.0, 2.0])})
    (sentence,) = sentences(load_sweep(tmp_path))
    assert sentence.endswith("0.357 to 11.2; before training it was 8.")


@pytest.mark.parametrize(("runs", "value"), [(1, "is 2"), (2, "is 2 and 3")])
def test_one_configuration_of_few_seeds_has_no_interval(make_sweep: MakeSweep, runs: int, value: str) -> None:
    sweep = make_sweep({"x": dict(list({0: 2.0, 1: 3.0}.items())[:runs])})
    seeds = "1 seed" if runs == 1 else "2 seeds"
    assert sentences(sweep) == [f"At {seeds}, the rmse on its target {value}; an interval needs 3 seeds."]


def test_few_seeds_rank_nothing_but_have_values(make_sweep: MakeSweep) -> None:
    assert sentences(make_sweep({"x": {0: 2.0}, "y": {0: 3.0}})) == [
        "At 1 seed, the rmse on its target is 2 for x and 3 for y; with fewer than 3 seeds nothing is ranked."
    ]


def test_few_seeds_of_many_configurations_have_a_range(make_sweep: MakeSweep) -> None:
    assert sentences(make_sweep({"x": {0: 2.0}, "y": {0: 3.0}, "z": {0: 1.0}})) == [
        "At 1 seed, the rmse on its target is 1 to 3 in 3 configurations; with fewer than 3 seeds nothing "
        "is ranked."
    ]


def test_lost_runs_are_told_and_make_no_ratio_of_nothing(make_sweep: MakeSweep) -> None:
    (sentence,) = sentences(make_sweep({"lossy": lost(drawn(1), 6), "sound": drawn(2, 0.01)}))
    assert sentence == (
        "At 8 seeds, sound is better than lossy on its target; 6 of 8 runs of lossy diverged."
    )


def test_an_interval_that_lost_runs_leave_open_has_one_end(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"lossy": lost(drawn(1), 3), "sound": drawn(2, 0.1)})
    (row,) = records(Analysis(sweep).comparisons)
    assert math.isinf(row["high"])
    (sentence,) = sentences(sweep)
    ends = f"ratio {1 / row['ratio']:.2g}, at most {1 / row['low']:.2f}"
    assert (
        sentence
        == f"At 8 seeds, sound is better than lossy on its target: {ends}; 3 of 8 runs of lossy diverged."
    )


def test_losses_of_many_configurations_are_added_up(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({name: lost(drawn(place), place) for place, name in enumerate("wxyz")})
    (sentence,) = sentences(sweep)
    assert sentence.endswith("; 6 of 32 runs diverged, in 3 configurations.")


@pytest.mark.parametrize("configurations", [1, 2, 5, 14])
def test_a_sweep_that_lost_all_says_that_alone(make_sweep: MakeSweep, configurations: int) -> None:
    sweep = make_sweep({f"loss={place}": lost({}, 8) for place in range(configurations)})
    runs = 8 * configurations
    assert sentences(sweep) == [f"All {runs} runs on its target diverged: nothing was measured."]


def test_losses_of_two_kinds_are_told_apart(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path, [], {0: [], 1: []}, status={0: "diverged", 1: "failed"})
    assert sentences(load_sweep(tmp_path)) == [
        "All 2 runs on its target were lost (1 diverged, 1 failed): nothing was measured."
    ]


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
        "At 4 seeds, optim.lr=1 is better than optim.lr=0 on gaussian_ring/tiny: ratio 0.50, 0.49-0.50."
    ]


def test_each_target_has_its_sentence_and_many_have_a_few(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for target in range(6):
        for place, values in enumerate((WORSE, BETTER)):
            series = {seed: [value] for seed, value in values.items()}
            overrides = [f"target={target}", f"loss={'worse' if place == 0 else 'better'}"]
            with_target(file_configuration(tmp_path / f"{target}{place}", overrides, series), f"T{target}")
    said = sentences(load_sweep(tmp_path))
    assert said[:3] == [
        f"At 4 seeds, better is better than worse on {target}: ratio 0.50, 0.49-0.50." for target in range(3)
    ]
    assert said[3:] == ["The tables have 3 more targets or metrics."]


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
        (
            MattersMore("network", "loss", 2.345, 1.08, is_ratio=True),
            "network matters more than loss: a typical factor of 2.35 against 1.08.",
        ),
        (Matters("loss", 0.25, is_ratio=False), "loss matters: typically 0.25."),
        (Depends("loss", "network"), "The effect of loss depends on network."),
        (NoEffect("loss"), "No effect of loss on average can be told from chance."),
    ],
)
def test_a_sentence_begins_with_a_capital_unless_it_begins_with_a_name(
    verdict: KeyVerdict, sentence: str
) -> None:
    assert key_sentence(verdict) == sentence
    assert key_sentence(verdict, "rmse") == f"by rmse, {sentence[0].lower()}{sentence[1:]}"
