"""The arguments of a command line may have any order and hold any text."""

import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st

from sinegan.app.arguments import (
    BadArgumentsError,
    flags_first,
    folder_overrides,
    parse_arguments,
    quote,
    resume_folder,
    search_working_folder,
    sweep_overrides,
)

TROUBLE = st.text(st.one_of(st.sampled_from("'\"\\ ,=${}[]():\t\n%~+@"), st.characters(codec="utf-8")))


@given(TROUBLE)
@example("a\\")
@example("it's \\' it")
@example("\\\\'")
@example("")
def test_a_quoted_text_is_parsed_by_hydra_as_the_same_text(text: str) -> None:
    override = OverridesParser.create().parse_override(f"hydra.sweep.dir={quote(text)}")
    assert override.value() == text
    assert not override.is_sweep_override()


HOSTILE = [
    "my folder/a,b=c",
    "it's",
    'say "so"',
    "back\\slash",
    "cost$",
    "{a}[b](c)",
    "größe",
    "a: b",
    "trail\\",
    " a",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", ["resume={}", "+resume={}", "++resume={}"])
def test_resume_takes_the_name_of_a_folder_with_and_without_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir(parents=True)
    assert resume_folder([form.format(name)]) == Path(name)
    assert resume_folder([form.format(quote(name))]) == Path(name)
    absolute = tmp_path / name
    assert resume_folder([form.format(absolute)]) == absolute


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["resume=a,b"], "resume = a,b: one folder at a time"),
        (["resume=a", "+resume=b"], "one folder at a time"),
        (["resume=choice(a,b)"], "one folder at a time"),
        (["resume="], "resume = : names no folder"),
        (["resume=nowhere"], "resume = nowhere: no such folder; give one below outputs/"),
        (["resume=it's [gone"], "resume = it's \\[gone: no such folder"),
        (["resume=null"], "resume = null: no such folder"),
        (["resume=file"], "resume = file: no such folder"),
    ],
)
def test_resume_without_an_existing_folder_or_with_several_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(name).mkdir()
    Path("file").touch()
    with pytest.raises(BadArgumentsError, match=problem):
        resume_folder(words)


@pytest.mark.parametrize(
    ("words", "ordered"),
    [
        (["seed=1,2", "-m"], ["--multirun", "--", "seed=1,2"]),
        (
            ["a=1", "-m", "b=2", "--config-dir", ".", "c=3"],
            ["--multirun", "--config-dir=.", "--", "a=1", "b=2", "c=3"],
        ),
        (["seeds=1", "-c", "job", "--resolve"], ["--resolve", "--cfg=job", "--", "seeds=1"]),
        (["-cn", "other", "seeds=1", "resume=a"], ["--config-name=other", "--", "seeds=1"]),
        (["seed=1", "--", "seeds=2"], ["--", "seed=1", "seeds=2"]),
        (["-sc", "query=bash"], ["--shell-completion", "--", "query=bash"]),
        (["-m", "loss=a,b", "--info"], ["--info=all", "--", "loss=a,b"]),
    ],
)
def test_flags_may_stand_anywhere(words: list[str], ordered: list[str]) -> None:
    args = parse_arguments(words)
    assert flags_first(args) == ordered
    assert (
        parse_arguments(flags_first(args)).overrides
        == args.overrides[: len(parse_arguments(flags_first(args)).overrides)]
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["seeds=1", "--lr=3"], "unrecognized arguments: --lr=3"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["--config-dir"], "argument --config-dir/-cd: expected one argument"),
        (["--cfg", "jobs"], "invalid choice: 'jobs'"),
        (["--cfg", "job", "--info", "config"], "--cfg and --info: choose one"),
        (["--run", "-m"], "--run and --multirun: choose one"),
        (["--resolve"], "--resolve: goes with --cfg"),
        (["-p", "optim"], "--package: goes with --cfg"),
        (["--experimental-rerun", "x"], "use resume=FOLDER to resume a run"),
    ],
)
def test_invalid_flags_are_refused_with_a_message(words: list[str], problem: str) -> None:
    with pytest.raises(BadArgumentsError, match=problem):
        parse_arguments(words)


def test_folder_overrides_are_those_that_name_the_output_folder() -> None:
    naming = ["resume=a", "+resume=b", "hydra.sweep.dir=c", "++hydra.run.dir=d"]
    assert folder_overrides([*naming, "resumes=1", "hydra.sweep.subdir=e", "x=resume=1"]) == naming


def test_sweep_overrides_are_those_with_several_values() -> None:
    assert list(sweep_overrides(["a=1", "b=1,2", "c=[1,2]", "d='1,2'", "e=range(3)", "not (hydra's"])) == [
        "b=1,2",
        "e=range(3)",
    ]


@pytest.mark.parametrize("first", ["folder of the program", "another"])
def test_an_installed_script_imports_from_the_working_folder_like_python_m(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "work").mkdir()
    place = str(tmp_path / "bin") if first == "folder of the program" else "/another"
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin/sinegan")])
    monkeypatch.setattr(sys, "path", [place, "/lib"])
    search_working_folder()
    assert sys.path == [str(tmp_path / "work") if place != "/another" else place, "/lib"]
