"""The command line is checked before anything is made: every problem at once, with the nearest right word."""

import pytest
from hydra._internal.utils import get_args_parser

from sinegan.command_line import Command, understood
from sinegan.config import InvalidConfigError


def command(*arguments: str) -> Command:
    return understood(get_args_parser().parse_args(list(arguments)))


def problems(*arguments: str) -> list[str]:
    with pytest.raises(InvalidConfigError) as caught:
        command(*arguments)
    return caught.value.problems


def test_a_wrong_choice_names_the_group_all_choices_and_the_nearest() -> None:
    (problem,) = problems("optim=adamm")
    assert problem == (
        "optim = adamm: must be one of adam, extra_adam, extragradient, optimistic_adam, rmsprop, sgd; "
        "did you mean adam?"
    )


def test_several_choices_of_a_group_are_each_checked() -> None:
    assert not command("penalty=[r1,r2]", "penalty.r2.gamma=3").multirun
    assert command("-m", "penalty=none,r1,[r1,r2]").multirun
    (problem,) = problems("penalty=[r1,dragn]")
    assert problem.startswith("penalty = [r1,dragn]: must be one of consensus, dragan, ")
    assert problem.endswith("did you mean dragan?")
    assert problems("penalty=[r1,r2]", "penalty.r2.gamma=-1") == [
        "penalty.r2.gamma = -1: must be a number above 0"
    ]


def test_a_choice_that_is_named_again_is_refused() -> None:
    once = "penalty = [r2,r1,r2]: must name each choice once, not r2 again; use penalty=[r2,r1]"
    assert problems("penalty=[r2,r1,r2]") == problems("-m", "penalty=[r2, r1, r2],none") == [once]
    assert problems("+penalty=[r2,r1,r2]", "seeds=0")[1:] == [once]
    assert not command("network.generator=[64,64]", "penalty=[r2,r1]").multirun, "values may repeat"


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            ["loss=minimax_literal", "penalty=[wgan_gp,r1]"],
            "penalty=wgan_gp: makes a critic, but loss=minimax_literal takes a probability; use loss=minimax",
        ),
        (
            ["network=dirac", "target=chirp"],
            "network=dirac: is made for 1 point, target=chirp has 16; "
            "use target=point_mass or target=gaussian",
        ),
        (
            ["optim=extra_adam", "training.updates=alternating"],
            "training.updates = alternating: optim=extra_adam extrapolates both players; use simultaneous",
        ),
    ],
)
def test_what_does_not_go_together_is_called_what_was_typed(overrides: list[str], problem: str) -> None:
    assert problems(*overrides) == [problem]


def test_a_choice_may_lie_in_a_folder_of_its_group() -> None:
    assert command("-m", "experiment=theory/dirac").multirun
    (problem,) = problems("-m", "experiment=theory/dirak")
    assert problem.startswith("experiment = theory/dirak: must be one of ")


def test_a_wrong_choice_in_a_sweep_is_found_among_right_ones() -> None:
    (problem,) = problems("-m", "network=tiny,smal")
    assert "network = smal" in problem
    assert problem.endswith("did you mean small?")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("optim.lrr=1", "optim.lr"),
        ("traning.steps=3", "training.steps"),
        ("los=minimax", "loss"),
        ("sed=3", "seed"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_right_one(wrong: str, right: str) -> None:
    assert problems(wrong) == [f"{wrong}: no such key; did you mean {right}?"]


def test_a_key_added_by_force_is_refused_as_well() -> None:
    (problem,) = problems("+net.widht=3")
    assert problem.startswith("net = ")
    assert "no such key; did you mean network?" in problem
    (problem,) = problems("+training.stepz=3")
    assert problem == "training.stepz = 3: no such key; did you mean steps?"


def test_all_problems_come_at_once() -> None:
    found = problems("loss=minmax", "optim.lrr=3", "seed=-1", "training.steps=abc", "network.activation=rely")
    assert [line.split(" ")[0].split("=")[0] for line in found] == [
        "loss",
        "optim.lrr",
        "network.activation",
        "training.steps",
        "seed",
    ]


@pytest.mark.parametrize(
    ("override", "allowed"),
    [
        ("optim.lr=-1", "a number above 0"),
        ("optim.lr=abc", "a number above 0"),
        ("optim.beta1=1", "a number at least 0 and below 1"),
        ("training.steps=0", "a whole number at least 1"),
        ("training.steps=1.5", "a whole number at least 1"),
        ("training.steps=true", "a whole number at least 1"),
        ("training.device=gpu", "one of cpu, cuda, auto"),
        ("training.evaluation_samples=1", "a whole number at least 2"),
        ("network.generator=[64,-1]", "a list, each a whole number at least 1"),
        ("network.generator=64", "a list, each a whole number at least 1"),
        ("seeds=0", "a whole number at least 1"),
        ("plot.live=maybe", "true or false"),
        ("executor.workers=0", "a whole number at least 1"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(override: str, allowed: str) -> None:
    key, value = override.split("=")
    (problem,) = problems(override)
    assert problem.startswith(f"{key} = ")
    assert value.strip("[]").split(",")[-1].lower() in problem.lower()
    assert f"must be {allowed}" in problem


def test_every_value_of_a_sweep_is_checked() -> None:
    assert problems("-m", "optim.lr=1e-4,-1,0.1,x") == [
        "optim.lr = -1: must be a number above 0",
        "optim.lr = x: must be a number above 0",
    ]


def test_several_values_without_m_are_told_to_be_a_sweep() -> None:
    assert problems("optim.lr=1e-4,3e-4") == ["optim.lr=1e-4,3e-4: several values make a sweep; add -m"]


def test_settings_that_contradict_one_another_are_refused() -> None:
    assert problems("target.end=-1") == ["target.end = -1: must be above start, which is 0"]


def test_two_values_that_are_right_together_are_taken_together() -> None:
    command("target.start=10", "target.end=20")


def test_a_live_picture_of_a_sweep_is_refused() -> None:
    assert any("plot.live" in line for line in problems("-m", "optim.lr=1e-4,3e-4", "plot.live=true"))


def test_what_cannot_be_parsed_is_refused() -> None:
    (problem,) = problems("optim.lr=[")
    assert problem.startswith("optim.lr=[: cannot be understood")


def test_a_wrong_key_of_hydra_itself_is_refused() -> None:
    assert any("hydra.swep" in line for line in problems("hydra.swep.dir=x"))


def test_a_run_and_a_sweep_go_to_folders_of_their_own() -> None:
    run, sweep = command(), command("-m", "optim.lr=1e-4,3e-4")
    assert (run.multirun, sweep.multirun) == (False, True)
    assert (run.folder.parts[:2], sweep.folder.parts[:2]) == (("outputs", "runs"), ("outputs", "sweeps"))
    assert (run.folder_key, sweep.folder_key) == ("hydra.run.dir", "hydra.sweep.dir")
    assert not run.chosen


def test_a_named_folder_is_taken() -> None:
    named = command("-m", "hydra.sweep.dir=there", "seeds=3")
    assert (str(named.folder), named.chosen) == ("there", True)


def test_a_folder_of_own_yaml_files_is_searched(tmp_path: "object") -> None:
    folder = tmp_path / "target"  # type: ignore[operator]
    folder.mkdir()
    (folder / "mine.yaml").write_text("_target_: sinegan.game.targets.Sine\npoints: 5\n")
    command("--config-dir", str(tmp_path), "target=mine", "target.points=7")
    with pytest.raises(InvalidConfigError, match="target = mine"):
        command("target=mine")


OPTUNA = ("-m", "hydra/sweeper=optuna", "optim.lr=interval(1e-4,1e-2)")


@pytest.mark.parametrize("seeds", ["seed=0,1", "seed=range(3)", "seeds=choice(1,2)"])
def test_a_search_may_not_choose_among_seeds(seeds: str) -> None:
    assert command(*OPTUNA, "seeds=3").multirun
    key = seeds.split("=")[0]
    assert problems(*OPTUNA, seeds) == [
        f"{key}: a search must not choose among seeds; seeds=N trains N runs of every trial"
    ]


def test_what_hydra_itself_stumbles_over_is_told_in_a_line() -> None:
    (problem,) = problems(*OPTUNA, "hydra.sweeper.params={seeds:'choice(1,2)'}")
    assert problem.startswith(
        "hydra/sweeper=optuna hydra.sweeper.params={seeds:'choice(1,2)'}: cannot be composed"
    )
