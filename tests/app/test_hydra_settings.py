"""Wrong settings of Hydra's own are refused in a line each, before Hydra would end in a traceback."""

from pathlib import Path

import pytest
from parsed_commands import command, problems

LEVELS = "must be one of CRITICAL, FATAL, ERROR, WARN, WARNING, INFO, DEBUG, NOTSET"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["hydra.searchpath=nope"], "hydra.searchpath = nope: must be a list of folders"),
        (["hydra.searchpath=[5]"], "hydra.searchpath = [5]: must be a list of folders"),
        (["-m", "hydra.searchpath=a,b", "seed=0,1"], "hydra.searchpath=a,b: Hydra's own settings cannot"),
        (["hydra.searchpath=[nope]"], "hydra.searchpath = nope: no such folder"),
        (["hydra.searchpath=[file:///nope]"], "hydra.searchpath = file:///nope: no such folder"),
        (["hydra.searchpath=[pkg://nope.nope]"], "hydra.searchpath = pkg://nope.nope: no such package"),
        (["hydra.searchpath=['http://a']"], "hydra.searchpath = http://a: must begin with file:// or pkg://"),
        (["-m", "hydra.sweeper=5"], "hydra.sweeper=5: must be chosen as hydra/sweeper=NAME, one of basic, "),
        (["-m", "hydra.launcher=5"], "hydra.launcher=5: must be chosen as hydra/launcher=NAME"),
        (["-m", "~hydra/sweeper"], "~hydra/sweeper: is needed, and cannot be deleted"),
        (["-m", "~hydra.sweep.subdir"], "~hydra.sweep.subdir: is needed, and cannot be deleted"),
        (["-m", "hydra/sweeper=null"], "hydra/sweeper = null: must be one of basic, grid, optuna"),
        (["hydra=5"], "hydra=5: is no choice; set one of its keys"),
        (["hydra.verbose=[sinegan,5]"], "hydra.verbose = [sinegan,5]: must be true, false or the names"),
        (["hydra.verbose=null"], "hydra.verbose = null: must be true, false or the names of loggers"),
        (["hydra.job_logging.root.level=LOUD"], f"hydra.job_logging.root.level = LOUD: {LEVELS}"),
        (["hydra.hydra_logging.root.level=LOUD"], f"hydra.hydra_logging.root.level = LOUD: {LEVELS}"),
        (
            ["hydra.job_logging.handlers.file.filename=/nope/x.log"],
            "hydra.job_logging.handlers.file.filename = /nope/x.log: there is no folder /nope",
        ),
        (["hydra.job.name=a/b"], "hydra.job_logging.handlers.file.filename = ./a/b.log: there is no folder"),
        (["loss=null"], "loss = null: must be one of f_gan_jensen_shannon"),
        (["optim.lr=null"], "optim.lr = null: must be a number above 0"),
        (["plot.every=true"], "plot.every = true: must be a whole number"),
    ],
)
def test_a_wrong_setting_of_hydra_is_refused_by_name(arguments: list[str], problem: str) -> None:
    (line,) = problems(*arguments)
    assert line.startswith(problem)


def test_right_settings_of_hydra_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").write_text("_target_: sinegan.game.losses.Hinge\n")
    command(f"hydra.searchpath=[{tmp_path},pkg://sinegan]", "loss=mine", "hydra.verbose=[sinegan]")
    command("hydra.job_logging.root.level=DEBUG", "hydra.job_logging.handlers.console.level=30")
    command("hydra.verbose=true", "~hydra.job_logging.handlers.file")
    assert command("-m", '+hydra.sweeper.params.seed="0,1"').multirun
