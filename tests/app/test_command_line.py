"""The command line is checked before anything is made: all problems at once, with the nearest valid word."""

import re
from pathlib import Path

import pytest
from parsed_commands import command, problems


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


def test_a_repeated_choice_is_refused() -> None:
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
def test_a_conflict_of_choices_is_reported_in_the_words_of_the_command(
    overrides: list[str], problem: str
) -> None:
    assert problems(*overrides) == [problem]


def test_a_choice_may_lie_in_a_subfolder_of_its_group() -> None:
    assert command("-m", "experiment=theory/dirac").multirun
    (problem,) = problems("-m", "experiment=theory/dirak")
    assert problem.startswith("experiment = theory/dirak: must be one of ")


def test_one_wrong_choice_among_the_choices_of_a_sweep_is_refused() -> None:
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
        # The last part of a key is enough of a hint.
        ("lr=1e-3", "optim.lr"),
        ("steps=3", "training.steps"),
        ("adam.lr=3", "optim.lr"),
        ("every=3", "plot.every"),
        ("batchsize=3", "training.batch_size"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_right_one(wrong: str, right: str) -> None:
    assert problems(wrong) == [f"{wrong}: no such key; did you mean {right}?"]


def test_an_unknown_key_added_with_a_plus_is_refused() -> None:
    (problem,) = problems("+net.widht=3")
    assert problem.startswith("net = ")
    assert "no such key; did you mean network?" in problem
    (problem,) = problems("+training.stepz=3")
    assert problem == "training.stepz = 3: no such key; did you mean steps?"


def test_settings_of_a_misspelled_choice_are_checked_against_the_nearest_choice() -> None:
    assert len(problems("target=from_fil", "target.path=tests/measured_curve.csv")) == 1
    assert len(problems("-m", "penalty=r1,r22", "penalty.r1.gamma=2,3")) == 2, "r22 has no r1"
    choice, key = problems("optim=adamm", "optim.lrr=3")
    assert choice.startswith("optim = adamm: must be one of ")
    assert key == "optim.lrr=3: no such key; did you mean optim.lr?"
    (choice,) = problems("loss=zzz", "loss.nope=3")
    assert choice.startswith("loss = zzz: must be one of ")


def test_all_problems_of_a_command_are_reported_at_once() -> None:
    lines = problems("loss=minmax", "optim.lrr=3", "seed=-1", "training.steps=abc", "network.activation=rely")
    assert [line.split(" ")[0].split("=")[0] for line in lines] == [
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
def test_a_wrong_value_is_refused_with_the_allowed_values(override: str, allowed: str) -> None:
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


def test_several_values_without_multirun_are_refused_with_the_advice_to_add_m() -> None:
    assert problems("optim.lr=1e-4,3e-4") == ["optim.lr=1e-4,3e-4: several values make a sweep; add -m"]


def test_settings_that_contradict_one_another_are_refused() -> None:
    assert problems("target.end=-1") == ["target.end = -1: must be above start, which is 0"]


def test_overrides_that_are_valid_only_together_are_accepted() -> None:
    assert problems("target.start=10")
    assert not command("target.start=10", "target.end=20").multirun


def test_a_live_picture_of_a_sweep_is_refused() -> None:
    assert any("plot.live" in line for line in problems("-m", "optim.lr=1e-4,3e-4", "plot.live=true"))


def test_an_override_that_cannot_be_parsed_is_refused() -> None:
    (problem,) = problems("optim.lr=[")
    assert problem.startswith("optim.lr=[: cannot be understood")


@pytest.mark.parametrize("key", ["seeds", "optim.lr", "executor.workers"])
def test_a_number_of_thousands_of_digits_is_refused_with_a_short_message(key: str) -> None:
    (problem,) = problems(f"{key}={'9' * 5_000}")
    assert problem.startswith(f"{key}=999")
    assert "…: cannot be understood" in problem
    assert len(problem) < 500


def test_an_unknown_key_of_hydra_is_refused() -> None:
    assert any("hydra.swep" in line for line in problems("hydra.swep.dir=x"))


def test_a_run_and_a_sweep_have_separate_default_folders() -> None:
    run, sweep = command(), command("-m", "optim.lr=1e-4,3e-4")
    assert (run.multirun, sweep.multirun) == (False, True)
    assert (run.folder.parts[:2], sweep.folder.parts[:2]) == (("outputs", "runs"), ("outputs", "sweeps"))
    assert (run.folder_key, sweep.folder_key) == ("hydra.run.dir", "hydra.sweep.dir")
    assert not run.chosen


def test_a_folder_named_in_the_command_is_used() -> None:
    named = command("-m", "hydra.sweep.dir=there", "seeds=3")
    assert (str(named.folder), named.chosen) == ("there", True)


def test_config_dir_adds_a_folder_of_yaml_files(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target/mine.yaml").write_text("_target_: sinegan.game.targets.Sine\npoints: 5\n")
    assert not command("--config-dir", str(tmp_path), "target=mine", "target.points=7").multirun
    (problem,) = problems("target=mine")
    assert problem.startswith("target = mine: must be one of ")


OPTUNA = ("-m", "hydra/sweeper=optuna", "optim.lr=interval(1e-4,1e-2)")


@pytest.mark.parametrize("seeds", ["seed=0,1", "seed=range(3)", "seeds=choice(1,2)"])
def test_a_search_over_seeds_is_refused(seeds: str) -> None:
    assert command(*OPTUNA, "seeds=3").multirun
    key = seeds.split("=")[0]
    assert problems(*OPTUNA, seeds) == [
        f"{key}: a search must not choose among seeds; seeds=N trains N runs of every trial"
    ]


def test_an_error_inside_hydra_is_reported_in_one_line() -> None:
    override = "hydra.sweeper.params={seeds:'choice(1,2)'}"
    (problem,) = problems(*OPTUNA, override)
    assert problem.startswith(f"{override}: ")
    (problem,) = problems("hydra.job.env_copy=[NO_SUCH_VARIABLE]")
    assert problem == (
        "hydra.job.env_copy=[NO_SUCH_VARIABLE]: cannot be composed: KeyError 'NO_SUCH_VARIABLE'"
    )


@pytest.fixture
def curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two measured curves in the working folder, and a folder of YAML files with a study."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        Path(name).write_text("0,1.5\n1,2.5\n2,3.5\n3,4.5\n")
    Path("conf/experiment").mkdir(parents=True)
    Path("conf/experiment/study.yaml").write_text(STUDY)


STUDY = """# @package _global_
hydra:
  sweeper:
    params: {optim.lr: "1e-4,-1", loss: "minimax,hinge"}
    grids: [{penalty: none}, {penalty: r1, penalty.r1.gamma: "1,-2"}]
"""


@pytest.mark.parametrize(
    "arguments",
    [
        "target=from_file target.path=a.csv,b.csv",
        "loss=glob(*)",
        "loss=glob([m*,h*],exclude=hinge)",
        "penalty=r1,[r1,r2] penalty.r1.gamma=1,2",
        "optim={lr:1e-3},{lr:1e-4,beta1:0}",
        "++training.steps=3,4",
        "optim.generator_lr=${optim.lr},0.5",
        "network.generator.0=8,16",
        "optim.lr=sort(1e-3,1e-4) seeds=shuffle(range(1,4)) loss=tag(a,choice(minimax,hinge))",
        "target.start=0,10 target.end=5,20 hydra.sweeper.zip=[[target.start,target.end]]",
        "target.start=0,10 target.end=5,20 hydra.sweeper.exclude=[{target.start:10,target.end:5}]",
        "target.start=10 target.end=20,30",
        "hydra.sweep.subdir=${hydra.runtime.choices.loss}/${hydra.job.num} loss=minimax,hinge",
        "hydra/sweeper=basic seeds=1,2",
        "hydra/sweeper=optuna optim.lr=interval(1e-4,1e-2) optim.beta1=interval(0.0,0.99)",
        "~experiment seeds=1,2",
    ],
)
@pytest.mark.usefixtures("curves")
def test_a_sweep_of_valid_jobs_is_accepted(arguments: str) -> None:
    assert command("-m", *arguments.split()).multirun


TOO_HIGH = "must be a number at least 0 and below 1"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("target=from_file target.path=a.csv,c.csv", ["target.path = c.csv: no such file..."]),
        (
            "target=sine,from_file target.path=a.csv",
            ["target.path=a.csv: no such key; it belongs to target=from_file (with target=sine)"],
        ),
        (
            "optim.lr=1,2 decide.most=9",
            ["decide.most=9: no such key; it belongs to decide=all or decide=best"],
        ),
        (
            "optim.lr=1,2 decide=all decide.first=5 seeds=9",
            [
                "seeds=9: is not used with decide, which gives 5 to 64 seeds; set decide.first or "
                "decide.most, or use decide=none"
            ],
        ),
        (
            "target.start=0,10 target.end=5,20",
            ["target.end = 5: must be above start, which is 10 (with target.start=10)"],
        ),
        (
            "penalty=none,r1 penalty.r1.gamma=2",
            ["penalty.r1.gamma=2: no such key; did you mean ...? (with penalty=none)"],
        ),
        (
            "penalty=r1,[r1,r2] penalty.r1.gamma=2",
            ["penalty.r1.gamma=2: sets what only the swept choices have; write penalty.r1.gamma=choice(2)"],
        ),
        (
            "optim=adam,sgd loss=minimax,hinge optim.beta1=1",
            [
                "optim.beta1=1: no such key...(with optim=sgd)",
                f"optim.beta1 = 1: {TOO_HIGH} (with optim=adam)",
            ],
        ),
        ("++training.steps=3,0", ["training.steps = 0: must be a whole number at least 1..."]),
        ("optim={lr:1e-3},{lr:-1}", ["optim.lr = -1: must be a number above 0 (with optim={lr:-1})"]),
        (
            "optim.generator_lr=${optim.lrr},0.5",
            ["optim.generator_lr: Interpolation key 'optim.lrr' not found (with ...)"],
        ),
        (
            "--config-dir conf experiment=study",
            [
                "optim.lr = -1: must be a number above 0",
                "penalty.r1.gamma = -2: must be a number above 0",
            ],
        ),
        (
            "hydra/sweeper=optuna optim.lr=interval(-1,1e-2) optim.beta1=interval(0,2)",
            ["optim.lr = -1.0: must be a number above 0", f"optim.beta1 = 1.9...: {TOO_HIGH}"],
        ),
        (
            "optim.lr=interval(1e-4,1e-2)",
            ["optim.lr=interval(1e-4,1e-2): only a search takes..."],
        ),
        ("hydra/sweeper=optuna loss=glob(*)", ["loss=glob(*): a search takes no glob(); list the choices"]),
        ("seeds=range(1,0)", ["seeds=range(1,0): has no value; give at least one"]),
        ("loss=glob(z*) seeds=0", ["loss=glob(z*): has no value...", "seeds = 0: must be ..."]),
        ("seed=range(0,10000000000)", ["seed=range(0,10000000000): has more than 100,000 values..."]),
        ("seed=shuffle(range(0,10000000000))", ["seed=shuffle(...: has more than 100,000 values..."]),
        ("seed=range(0,1000) optim.lr=range(1,1000)", ["999,000 jobs: a sweep has at most 100,000..."]),
        (
            "hydra/sweeper=basic seed=range(0,1000) optim.lr=range(1,1000)",
            ["999,000 jobs: a sweep has at most 100,000..."],
        ),
        ("seed=range(0,60) optim.lr=range(0,60)", ["optim.lr = 0: must be a number above 0"]),
        ("hydra.sweeper.zip=[[seed,seeds]] seed=0,1", ["hydra.sweeper.zip = ...seeds is not swept..."]),
        ("~seeds loss=minimax,hinge", ["~seeds: is needed, and cannot be deleted..."]),
        (
            "loss=[minimax],[hinge]",
            [f"loss = [{name}]: must be one choice...; use loss={name}" for name in ("minimax", "hinge")],
        ),
    ],
)
@pytest.mark.usefixtures("curves")
def test_a_sweep_with_an_invalid_job_is_refused(arguments: str, expected: list[str]) -> None:
    lines = problems("-m", *arguments.split())
    assert len(lines) == len(expected), lines
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(re.escape(pattern).replace(r"\.\.\.", ".*"), line), line


@pytest.mark.parametrize(
    ("override", "beginning"),
    [
        (
            "hydra.sweeper.max_batch_size=0",
            "hydra.sweeper.max_batch_size = 0: must be a whole number",
        ),
        ("hydra.sweeper.max_batch_size=-1", "hydra.sweeper.max_batch_size = -1: must be a whole number"),
        ("hydra.sweeper.max_batch_size=x", "hydra.sweeper.max_batch_size=x: Error merging override"),
        ("hydra.verbose=5.5", "hydra.verbose = 5.5: must be true, false or the names of loggers"),
        ("hydra.sweep.subdir=${nope}", "hydra.sweep.subdir = ${nope}: Interpolation key 'nope' not found"),
        ("hydra.sweep.dir=${nope}", "hydra.sweep.dir = ${nope}: Interpolation key 'nope' not found"),
        ("hydra.job.name=${nope.x}", "hydra.job.name = ${nope.x}: Interpolation key 'nope.x' not found"),
        ("hydra.sweep.dir=a,b", "hydra.sweep.dir=a,b: Hydra's own settings cannot be swept; give one value"),
        ("hydra/launcher=stackd", "hydra/launcher = stackd: must be one of "),
        ("hydra/sweeper=gird", "hydra/sweeper = gird: must be one of "),
        ("hydra.launcher.x=3", "hydra.launcher.x=3: Could not override 'hydra.launcher.x'."),
        ("hydra.launcher.on_error=x", "hydra.launcher.on_error = x: must be continue"),
        ("hydra.job.chdir=x", "hydra.job.chdir=x: Error merging override"),
        ("hydra.mode=x", "hydra.mode=x: Error merging override"),
    ],
)
def test_a_wrong_setting_of_hydra_is_refused_in_one_line(override: str, beginning: str) -> None:
    *hydra, seeds = problems("-m", override, "seeds=0,2")
    assert any(line.startswith(beginning) for line in hydra), hydra
    assert seeds.startswith("seeds = 0: must be a whole number at least 1")


def test_a_run_folder_may_be_interpolated_from_settings() -> None:
    assert problems("hydra.run.dir=${nope}") == [
        "hydra.run.dir = ${nope}: Interpolation key 'nope' not found"
    ]
    named = command("hydra.run.dir=runs/${hydra.job.override_dirname}/${loss._target_}", "seeds=3")
    assert str(named.folder) == "runs/seeds=3/sinegan.game.losses.Minimax"


def test_an_ambiguous_key_is_answered_with_all_keys_that_end_alike() -> None:
    assert problems("penalty=[r1,r2]", "gamma=3") == [
        "gamma=3: no such key; did you mean penalty.r1.gamma or penalty.r2.gamma?"
    ]


@pytest.mark.parametrize(
    "key",
    [
        "seeds",
        "optim.lr",
        "plot.animation",
        "plot",
        "optim",
        "target",
        "optim._target_",
        "executor",
        "seed=0",
    ],
)
def test_a_required_key_cannot_be_deleted(key: str) -> None:
    assert problems(f"~{key}") == [f"~{key}: is needed, and cannot be deleted; set it to another value"]


def test_the_deletion_of_a_group_is_refused_with_its_choice_none() -> None:
    assert problems("~penalty", "~average") == [
        "~penalty: is needed, and cannot be deleted; penalty=none is for none",
        "~average: is needed, and cannot be deleted; average=none is for none",
    ]
    assert problems("~nope") == ["~nope: no such key"]
    assert not command("~experiment").multirun


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("loss=[minimax,hinge]", "use loss=minimax, or -m loss=minimax,hinge for a sweep"),
        ("optim=[adam, sgd]", "use optim=adam, or -m optim=adam,sgd for a sweep"),
        ("experiment=[games,original]", "use experiment=games, or -m experiment=games,original for a sweep"),
        ("target=[sine]", "use target=sine"),
    ],
)
def test_a_list_of_choices_for_a_group_of_one_choice_is_refused(override: str, remedy: str) -> None:
    group, _, value = override.replace(" ", "").partition("=")
    assert problems(override) == [f"{group} = {value}: must be one choice, no list of them; {remedy}"]


def test_penalty_none_with_another_penalty_is_refused() -> None:
    wrong = "penalty = [none,r1]: none goes with no other; use penalty=[r1] or penalty=none"
    assert problems("penalty=[none,r1]") == problems("-m", "penalty=[none,r1],r1") == [wrong]


def test_adding_an_existing_key_is_refused() -> None:
    (problem,) = problems("+seeds=3")
    assert problem.startswith("+seeds=3: Could not append to config. An item is already at 'seeds'.")
