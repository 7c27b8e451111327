"""The commands as a user types them, each in a process and an empty folder of its own."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from sinegan.app.dispatch import likely_uses_workers
from sinegan.app.interrupts import TypedCommand
from sinegan.app.output_folder import claim_folder
from sinegan.app.session import report
from sinegan.storage.files import exclusive
from sinegan.sweep import memory
from sinegan.sweep.room import Room

Finished = subprocess.CompletedProcess[str]
BROKEN_LOSS = """
from dataclasses import dataclass
from sinegan.game.losses import Minimax

@dataclass(frozen=True, kw_only=True)
class Unfinished(Minimax):
    def generator(self, real, fake):
        raise ArithmeticError("no loss today")
"""
DRAWN = ("learning_curves", "generated_curves", "value_and_probabilities")
SMALL = ["network=tiny", "training.batch_size=4", "training.evaluation_samples=8"]
LONG = [*SMALL, "training.steps=1000", "training.compile=never", "training.evaluate_every=20", "seeds=4"]
QUICK = [*SMALL, "training.steps=20", "training.evaluate_every=5", "seeds=3"]


def only_folder(parent: Path) -> Path:
    (folder,) = parent.glob("*/*")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_sweep_leaves_the_documented_files_and_prints_the_table(
    sinegan: Callable[..., Finished], tmp_path: Path
) -> None:
    done = sinegan("-m", "optim.lr=1e-4,3e-3", "loss=minimax,non_saturating", *QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    sweep = only_folder(tmp_path / "outputs/sweeps")
    assert {path.name for path in sweep.iterdir()} == {
        "0",
        "1",
        "2",
        "3",
        "report",
        "multirun.yaml",
        "sweep.json",
    }
    for number in range(4):
        files = {path.name for path in (sweep / str(number)).iterdir()}
        assert files == {
            ".hydra",
            "runs.csv",
            "history.csv",
            "samples.npz",
            "provenance.json",
            "manifest.json",
        }
        assert (sweep / str(number) / ".hydra/config.yaml").exists()
        assert [row["status"] for row in rows(sweep / str(number) / "runs.csv")] == ["finished"] * 3
        assert len(rows(sweep / str(number) / "history.csv")) == 3 * 5
    table = rows(sweep / "report/configurations.csv")
    assert list(table[0]) == [
        "optim.lr",
        "loss",
        "n",
        "failed",
        "diverged",
        "estimate",
        "low",
        "high",
        "median",
        "seconds",
        "rank",
        "tie_group",
    ]
    swept = [(row["optim.lr"], row["loss"]) for row in table]
    assert swept == [(lr, loss) for lr in ("0.0001", "0.003") for loss in ("minimax", "non_saturating")]
    assert {row["n"] for row in table} == {"3"}
    assert len({row["estimate"] for row in table}) == 4
    assert max(map(len, done.stdout.splitlines())) <= 80
    for row in table:
        assert row["optim.lr"] in done.stdout
        assert f"{float(row['estimate']):.3g}" in done.stdout
    known = json.loads((sweep / "3/provenance.json").read_text())
    assert known["settings"]["optim"]["generator_lr"] == 0.003
    assert known["settings"]["loss"]["_target_"] == "sinegan.game.losses.NonSaturating"
    assert known["seconds"] > 0
    again = sinegan(str(sweep), module="sinegan.report")
    assert (again.returncode, again.stderr) == (0, "")
    assert rows(sweep / "report/configurations.csv") == table


def test_a_configuration_alone_has_the_numbers_that_it_has_in_a_sweep(
    inside: Callable[..., Finished], tmp_path: Path
) -> None:
    swept = inside("-m", "optim.lr=1e-4,3e-3", "target=sine,chirp", *QUICK)
    alone = inside("optim.lr=3e-3", "target=chirp", *QUICK, "executor=serial")
    assert swept.returncode == alone.returncode == 0
    in_sweep = only_folder(tmp_path / "outputs/sweeps") / "3/history.csv"
    assert in_sweep.read_bytes() == (only_folder(tmp_path / "outputs/runs") / "history.csv").read_bytes()


def test_experiment_original_prints_evaluations_and_writes_an_animation_and_a_report(
    sinegan: Callable[..., Finished], tmp_path: Path
) -> None:
    done = sinegan("experiment=original", "seeds=1", "training.steps=100", "plot.every=50")
    assert (done.returncode, done.stderr) == (0, "")
    assert "step    100   mean D(real) 0." in done.stdout
    assert "-1.3863" in done.stdout
    run = only_folder(tmp_path / "outputs/runs")
    with Image.open(run / "animation.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 3
    assert {path.name for path in (run / "report").iterdir()} == {
        *("configurations.csv", "configurations.md", "secondary.csv", "comparisons.csv", "effects.csv"),
        *(f"{name}.{form}" for name in DRAWN for form in ("png", "svg")),
        "index.html",
    }


@pytest.mark.parametrize("arguments", [["optim.lrr=1"], ["-m", "target.start=0,7"], ["plot.live=true"]])
def test_bad_input_gives_a_message_no_traceback_and_no_folder(
    inside: Callable[..., Finished], tmp_path: Path, arguments: list[str]
) -> None:
    done = inside(*arguments)
    assert done.returncode == 1
    assert arguments[-1].split("=")[0].split(".")[-1] in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("outputs/*/*/*"))


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["training.batch_size=1000000000"], "training.batch_size"),
        (["-m", "network.generator=[8],[100000,100000]"], "network.generator"),
        (["-m", "training.evaluation_samples=8,100000000", "target=sine,random_phase"], "training"),
        (["executor.workers=1000000"], "executor.workers"),
        (["seed=4294967295", "seeds=2"], "seeds"),
        (["-m", "optim.lr=1e-3,1e39"], "optim.lr"),
        # Each alone would fit: only the job that has both is too large.
        (["-m", "training.batch_size=8,200000", "network.latent=5,50000"], "network.latent"),
    ],
)
def test_a_size_beyond_memory_is_refused_and_leaves_no_folder(
    inside: Callable[..., Finished],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    key: str,
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: Room(here=20e9))
    done = inside(*arguments, "training.compile=never", "network=tiny")
    assert done.returncode == 1
    assert "othing was run" in done.stderr
    assert re.search(
        rf"^ +{key}\S* = .*(needs about|at most|the last seed|beyond)", done.stderr, re.MULTILINE
    )
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_every_invalid_job_of_a_sweep_is_listed(inside: Callable[..., Finished]) -> None:
    done = inside("-m", "target.start=0,7,8", "seeds=1,2", *SMALL)
    assert done.stderr.splitlines() == [
        "sinegan: nothing was run:",
        *(
            f"  target.end = 6.28319: must be above start, which is {start} (with target.start={start})"
            for start in (7, 8)
        ),
    ]


def test_a_later_job_with_a_repeated_choice_is_refused_before_anything_trains(
    inside: Callable[..., Finished], tmp_path: Path
) -> None:
    done = inside("-m", "penalty=none,[r1,r1]", *SMALL)
    assert done.returncode == 1
    assert "  penalty = [r1,r1]: must name each choice once, not r1 again; use penalty=[r1]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("outputs/*/*/*"))


def test_diverged_runs_are_counted_and_reported(inside: Callable[..., Finished], tmp_path: Path) -> None:
    done = inside("-m", "optim=sgd", "optim.lr=0.01,1e30", *QUICK)
    assert done.returncode == 0
    table = rows(only_folder(tmp_path / "outputs/sweeps") / "report/configurations.csv")
    assert [(row["n"], row["diverged"]) for row in table] == [("3", "0"), ("0", "3")]
    assert "optim.lr=1e30: 3 of 3 runs diverged, the first at step " in done.stdout


@pytest.mark.slow
def test_a_killed_sweep_has_a_table_and_resumes_to_the_same_bytes(
    sinegan: Callable[..., Finished], inside: Callable[..., Finished], tmp_path: Path
) -> None:
    folder = interrupted(tmp_path, signal.SIGKILL)[0]
    done = sinegan(str(folder), module="sinegan.report")
    assert (done.returncode, done.stderr) == (0, "")
    table = rows(folder / "report/configurations.csv")
    assert [(row["optim.lr"], row["n"]) for row in table] == [("0.0001", "0"), ("0.0003", "0")]
    assert "are unfinished" in done.stdout
    other = inside("-m", "optim.lr=1e-4,3e-4", *LONG, "seeds=3", f"resume={folder}")
    assert other.returncode == 1
    assert "\n  seeds: 4 in the folder, only 3 in the command\n" in other.stderr
    resumed = sinegan("-m", "optim.lr=1e-4,3e-4", *LONG, f"resume={folder}")
    undisturbed = inside("-m", "optim.lr=1e-4,3e-4", *LONG, "executor=serial", "hydra.sweep.dir=undisturbed")
    assert (resumed.returncode, undisturbed.returncode) == (0, 0)
    for number in "01":
        histories = [home / number / "history.csv" for home in (folder, tmp_path / "undisturbed")]
        assert histories[0].read_bytes() == histories[1].read_bytes()


def test_an_interrupt_leaves_valid_files_and_prints_how_to_resume(tmp_path: Path) -> None:
    folder, output, code = interrupted(tmp_path, signal.SIGINT)
    assert code == 130
    assert (
        f"Interrupted. The results so far are in {folder.relative_to(tmp_path)}; resume with:\n  " in output
    )
    assert "Traceback" not in output
    assert not list(folder.rglob("*.part"))


def test_an_interrupt_of_the_report_prints_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sinegan.report.make.make_report", interrupt)
    assert report(tmp_path, TypedCommand(["/x/python", "-m", "sinegan.main"], [])) == 130
    assert capsys.readouterr().out.strip() == (
        f"Interrupted. Make the report with: /x/python -m sinegan.report {tmp_path}"
    )


def test_a_second_process_on_a_locked_folder_is_refused(
    sinegan: Callable[..., Finished], tmp_path: Path
) -> None:
    assert sinegan("seeds=1", *QUICK[:-1], "hydra.run.dir=there", "executor=serial").returncode == 0
    with exclusive(tmp_path / "there"):
        done = sinegan("seeds=1", *QUICK[:-1], "resume=there", "executor=serial")
    assert done.returncode == 1
    assert f"there: process {os.getpid()} is working in it" in done.stderr


@pytest.mark.parametrize("setting", ["hydra.run.dir=file/there", "hydra.run.dir=file"])
def test_a_folder_that_cannot_be_written_to_is_named_before_anything_trains(
    sinegan: Callable[..., Finished], tmp_path: Path, setting: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = sinegan("seeds=1", *QUICK, setting)
    assert done.returncode == 1
    assert re.search(r"nothing was run:\n +.*file.*: cannot be written: ", done.stderr)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "not a folder"


def interrupted(home: Path, number: signal.Signals) -> tuple[Path, str, int]:
    """A sweep that would take long, sent a signal as soon as its first progress is on disk."""
    command = [sys.executable, "-m", "sinegan.main", "-m", "optim.lr=1e-4,3e-4", *LONG]
    with subprocess.Popen(
        command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not list(home.glob("outputs/sweeps/*/*/.progress/*/*.json")):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
        process.send_signal(number)
        output = process.communicate(timeout=60)[0]
    return only_folder(home / "outputs/sweeps"), output, process.returncode


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [([], True), (["seeds=1"], True), (["executor=serial"], False), (["executor.workers=3"], True)],
)
def test_workers_are_prepared_for_commands_that_use_them(overrides: list[str], expected: bool) -> None:
    assert likely_uses_workers(overrides) is expected


def test_two_sweeps_in_one_second_get_two_folders(tmp_path: Path) -> None:
    wanted = tmp_path / "2026-01-31/10-00-00"
    assert [claim_folder(wanted, chosen=False).name for _ in range(3)] == [
        "10-00-00",
        "10-00-00-2",
        "10-00-00-3",
    ]


def test_a_folder_with_other_files_is_not_written_to(inside: Callable[..., Finished], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/thesis.txt").write_text("precious")
    done = inside("-m", "hydra.sweep.dir=there", *QUICK)
    assert done.returncode == 1
    assert "there: holds files already; name another folder" in done.stderr
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_other_launchers_of_hydra_run_a_sweep(
    sinegan: Callable[..., Finished], tmp_path: Path, launcher: str
) -> None:
    done = sinegan("-m", "optim.lr=1e-4,3e-3", f"hydra/launcher={launcher}", "executor=serial", *QUICK)
    assert done.returncode == 0, done.stderr
    table = rows(only_folder(tmp_path / "outputs/sweeps") / "report/configurations.csv")
    assert [(row["optim.lr"], row["n"]) for row in table] == [("0.0001", "3"), ("0.003", "3")]


def test_a_failed_configuration_is_reported_at_the_end_with_its_traceback_in_its_log(
    inside: Callable[..., Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf/loss").mkdir(parents=True)
    (tmp_path / "conf/loss/unfinished.yaml").write_text("_target_: broken_losses.Unfinished\n")
    (tmp_path / "broken_losses.py").write_text(BROKEN_LOSS)
    monkeypatch.syspath_prepend(tmp_path)
    done = inside("--config-dir=conf", "-m", "loss=minimax,unfinished", *QUICK, "executor=serial")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "- loss=unfinished: 3 of 3 runs failed: ArithmeticError: no loss today." in done.stdout
    sweep = only_folder(tmp_path / "outputs/sweeps")
    log = (sweep / "1/sinegan.log").read_text()
    assert (log.count("ArithmeticError: no loss today"), log.count("Traceback")) == (1, 1)
    assert not (sweep / "0/sinegan.log").exists()


@pytest.mark.slow
def test_a_search_trains_its_trials_stacked_and_can_be_resumed(
    sinegan: Callable[..., Finished], tmp_path: Path
) -> None:
    search = ["-m", "hydra/sweeper=optuna", "optim.lr=tag(log,interval(1e-3,1e-1))", *QUICK]
    search += ["hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "hydra.sweeper.sampler.seed=1"]
    done = sinegan(*search)
    assert done.returncode == 0, done.stderr
    sweep = only_folder(tmp_path / "outputs/sweeps")
    table = rows(sweep / "report/configurations.csv")
    assert [row["n"] for row in table] == ["3"] * 4
    found = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    means = {}
    for number, row in enumerate(table):
        ends: dict[str, list[float]] = {}
        for evaluation in rows(sweep / str(number) / "history.csv"):
            ends.setdefault(evaluation["seed"], []).append(float(evaluation["rmse"]))
        means[float(row["optim.lr"])] = sum(values[-1] for values in ends.values()) / 3
    assert found["best_params"]["optim.lr"] == min(means, key=means.__getitem__)
    assert found["best_value"] == pytest.approx(min(means.values()), rel=1e-12)

    seconds = [row["seconds"] for row in table]
    assert sinegan(*search, f"resume={sweep}").returncode == 0
    assert [row["seconds"] for row in rows(sweep / "report/configurations.csv")] == seconds


def test_the_help_page_names_every_group_and_loads_no_torch(sinegan: Callable[..., Finished]) -> None:
    done = sinegan("--help")
    assert done.returncode == 0
    for word in ("target:", "network:", "loss:", "optim:", "training:", "experiment:", "executor:"):
        assert word in done.stdout
    code = "import sys, sinegan.main; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_command_checks_its_words_without_scipy_and_matplotlib(tmp_path: Path) -> None:
    code = """
import sys
import sinegan.app.design_problems, sinegan.app.session, sinegan.app.task
from sinegan.app.command_line import parse_command
from sinegan.app.arguments import parse_arguments
parse_command(parse_arguments(["seeds=1"]))
sys.exit(any(name in sys.modules for name in ("scipy", "matplotlib", "sympy", "torch._dynamo")))
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


def test_tab_completion_offers_keys_and_choices(tmp_path: Path) -> None:
    def complete(line: str) -> str:
        environment = os.environ | {"COMP_LINE": line, "COMP_POINT": str(len(line))}
        program = str(Path(sys.executable).with_name("sinegan"))
        return subprocess.run(
            [program, "-sc", "query=bash"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "loss=non_saturating" in complete("sinegan loss=no")
    assert "optim.lr=" in complete("sinegan optim.l")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["-m", "--cfg", "job"], "seeds: 8"),
        (["seeds=5", "--cfg", "job"], "seeds: 5"),
        (["--cfg", "job", "-m", "seeds=5", "--package", "optim"], "lr: 0.0001"),
        (["-m", "--cfg", "hydra", "--resolve"], "dir: outputs/sweeps/"),
        (["-m", "seeds=5", "--cfg", "all"], "    dir: outputs/sweeps/"),
        (["-m", "seeds=5", "--info", "config"], "seeds: 5"),
        (["-m", "--info"], "Installed Hydra Plugins"),
        (["-m", "--hydra-help"], "See https://hydra.cc"),
        (["seeds=5", "-m", "--help"], "usage: python -m sinegan.main"),
    ],
)
def test_flags_that_print_work_at_any_place_of_the_command(
    inside: Callable[..., Finished], tmp_path: Path, arguments: list[str], shown: str
) -> None:
    done = inside(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-m", "seed=1,2", "--cfg", "job"], "seed=1,2: one configuration is shown; give one value"),
        (["--info", "config", "nope=1"], "no such key"),
        (["--cfg", "job", "optim.lr=${nope}", "--resolve"], "Interpolation key 'nope' not found"),
        (["seeds=1", "--resolve"], "--resolve: goes with --cfg"),
        (["seeds=1", "--speed=3"], "unrecognized arguments: --speed=3"),
        (["--config-dir=nowhere", "--help"], "--config-dir nowhere: no such folder"),
        (["hydra.run.dir="], "hydra.run.dir = : names no folder"),
        (["hydra.run.dir=new/file/" + 300 * "x"], "has a name of 300 bytes; at most 255"),
        (["-m", "seed=1,2", "hydra.sweep.dir=new/file/" + 300 * "x"], "has a name of 300 bytes; at most 255"),
        (["--cfg", "job", "optim=nope"], "optim = nope: must be one of adam, "),
        (["--help", "optim.lrr=3"], "optim.lrr=3: no such key; did you mean optim.lr?"),
        (["hydra.help=5", "--help"], "Invalid type assigned: int is not a subclass of HelpConf"),
        (["resume=nowhere"], "resume = nowhere: no such folder"),
        (["+resume=nowhere"], "resume = nowhere: no such folder"),
        (["hydra.run.dir='line\nbreak'"], "holds characters that cannot be shown"),
    ],
)
def test_a_refusal_prints_a_message_and_leaves_no_folder(
    inside: Callable[..., Finished], tmp_path: Path, arguments: list[str], problem: str
) -> None:
    done = inside(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("sinegan: nothing was run:\n") or "Config search path" in done.stdout
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_refused_job_leaves_no_date_folder(inside: Callable[..., Finished], tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    assert inside("-m", "target.start=0,7,8", *QUICK).returncode == 1
    assert list(tmp_path.rglob("*")) == [tmp_path / "outputs"]  # which was there before


def test_a_folder_may_be_named_after_the_values(inside: Callable[..., Finished], tmp_path: Path) -> None:
    common = ["hydra.run.dir='runs/${hydra.job.override_dirname}'", "executor=serial", *QUICK]
    for rate in ("0.001", "0.002"):
        assert inside(f"optim.lr={rate}", *common).returncode == 0
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert [name.split("optim.lr=")[1].split(",")[0] for name in names] == ["0.001", "0.002"]


def test_flags_may_follow_overrides(inside: Callable[..., Finished], tmp_path: Path) -> None:
    (tmp_path / "mine/target").mkdir(parents=True)
    (tmp_path / "mine/target/flat.yaml").write_text("_target_: sinegan.game.targets.Sine\namplitude: 0.1\n")
    done = inside("target=flat,sine", *QUICK, "-m", "executor=serial", "--config-dir", "mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert "flat" in done.stdout


def test_a_report_that_cannot_be_made_is_a_failure(inside: Callable[..., Finished], tmp_path: Path) -> None:
    sweep = ["hydra.run.dir=there", "executor=serial", *QUICK]
    assert inside(*sweep).returncode == 0
    report_folder = tmp_path / "there/report"
    for path in report_folder.iterdir():
        path.unlink()
    report_folder.rmdir()
    report_folder.write_text("in the way")
    done = inside("resume=there", *sweep[1:])
    assert done.returncode == 1
    assert "sinegan: no report: " in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "program", [["-m", "sinegan.main"], [str(Path(sys.executable).with_name("sinegan"))]]
)
def test_a_module_of_the_working_folder_is_imported_by_every_program_and_its_workers(
    tmp_path: Path, program: list[str]
) -> None:
    (tmp_path / "conf/loss").mkdir(parents=True)
    (tmp_path / "conf/loss/mine.yaml").write_text("_target_: losses_of_mine.Mine\n")
    (tmp_path / "losses_of_mine.py").write_text(
        "from dataclasses import dataclass\nfrom sinegan.game.losses import Minimax\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Mine(Minimax):\n    pass\n"
    )
    words = ["-m", "loss=mine,minimax", "--config-dir", "conf", *QUICK, "executor.workers=2"]
    done = subprocess.run(
        [sys.executable, *program, *words], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    table = rows(only_folder(tmp_path / "outputs/sweeps") / "report/configurations.csv")
    assert [(row["loss"], row["n"], row["failed"]) for row in table] == [
        ("mine", "3", "0"),
        ("minimax", "3", "0"),
    ]
