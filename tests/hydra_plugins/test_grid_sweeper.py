"""The grid sweeper equals the basic sweeper unless zip, exclude or grids are set."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import CompactHydraException, HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite
from omegaconf import DictConfig, OmegaConf

# The module, not its class: Hydra executes it again when it looks for plugins.
from hydra_plugins.grid_sweeper import grid_sweeper

RunSweep = Callable[..., Any]


def batches(
    *arguments: str, params: dict[str, str] | None = None, size: int | None = None, **settings: Any
) -> list[list[list[str]]]:
    sweeper = grid_sweeper.GridSweeper(size, params, **settings)
    sweeper.hydra_context = SimpleNamespace(config_loader=None)  # type: ignore[assignment]
    given = [*sweeper._parse_config(), *arguments]
    return sweeper.split_arguments(OverridesParser.create().parse_overrides(given), size)


def jobs(*arguments: str, **settings: Any) -> list[str]:
    """The jobs of a sweep in one batch, each as the text of its overrides."""
    (batch,) = batches(*arguments, **settings)
    return [" ".join(job) for job in batch]


def refusal(*arguments: str, **settings: Any) -> str:
    with pytest.raises(CompactHydraException) as caught:
        batches(*arguments, **settings)
    return str(caught.value)


@pytest.mark.parametrize("size", [None, 1, 2, 3, 100])
def test_the_grid_sweeper_without_settings_equals_the_basic_sweeper(size: int | None) -> None:
    arguments = ["a=1,2", "b=x,'y,z'", "+c=range(3)", "~d", "e=[1,2]", "b=p,p"]
    expected = grid_sweeper.basic_sweeper.BasicSweeper.split_arguments(
        OverridesParser.create().parse_overrides(arguments), size
    )
    assert batches(*arguments, size=size) == expected


def test_zipped_keys_advance_together_at_the_place_of_the_first() -> None:
    assert jobs("a=1,2", "b=x,y", "c=3,4", zip=[["c", "a"]]) == [
        "a=1 b=x c=3",
        "a=1 b=y c=3",
        "a=2 b=x c=4",
        "a=2 b=y c=4",
    ]


def test_several_zips_are_multiplied() -> None:
    found = jobs("a=1,2", "+b=3,4", "c=5,6", "d=range(7,9)", zip=[["a", "b"], ["c", "d"]])
    assert found == [
        "a=1 +b=3 c=5 d=7",
        "a=1 +b=3 c=6 d=8",
        "a=2 +b=4 c=5 d=7",
        "a=2 +b=4 c=6 d=8",
    ]


def test_exclude_leaves_out_combinations_that_match_a_whole_mapping() -> None:
    out = [{"a": 1, "b": "x"}, {"b": "z"}]
    assert jobs("a=1,2", "b=x,y,z", exclude=out) == ["a=1 b=y", "a=2 b=x", "a=2 b=y"]


@pytest.mark.parametrize(
    ("texts", "value", "left"),
    [
        ("1e-4,1e-3", 0.0001, "0.001"),
        ("0.0001,1e-3", 1e-4, "0.001"),
        ("1,true", True, "1"),
        ("1,true", 1.0, "True"),
        ("1,'1'", "1", "1"),
        ("null,0", None, "0"),
        ("[1,2],[2,1]", [2, 1], "[1,2]"),
        ("'a b',a", "a b", "a"),
    ],
)
def test_exclude_compares_parsed_values(texts: str, value: object, left: str) -> None:
    assert jobs(f"a={texts}", exclude=[{"a": value}]) == [f"a={left}"]


def test_exclude_may_name_a_key_with_a_single_value() -> None:
    assert jobs("a=1", "b=2,3", exclude=[{"a": 1, "b": 2}]) == ["a=1 b=3"]


def test_grids_are_united_each_with_the_other_swept_keys() -> None:
    grids = [{"loss": "minimax", "lr": "1e-4,1e-3"}, {"loss": "other", "+beta": 0.5}]
    assert jobs("seed=0,1", grids=grids, params={"n": "7"}) == [
        "n=7 seed=0 loss=minimax lr=0.0001",
        "n=7 seed=0 loss=minimax lr=0.001",
        "n=7 seed=1 loss=minimax lr=0.0001",
        "n=7 seed=1 loss=minimax lr=0.001",
        "n=7 seed=0 loss=other +beta=0.5",
        "n=7 seed=1 loss=other +beta=0.5",
    ]


def test_a_combination_in_two_grids_runs_once_however_it_is_written() -> None:
    grids = [{"a": "1e-4,2", "b": None}, {"b": "null", "a": "0.0001,3"}, {"a": "1e-4"}]
    assert jobs(grids=grids) == ["a=0.0001 b=null", "a=2 b=null", "b=null a=3", "a=0.0001"]
    assert jobs(grids=[{"a": True}, {"a": 1}]) == ["a=True", "a=1"]


def test_a_zip_applies_to_the_grids_that_sweep_its_keys() -> None:
    grids = [{"a": "1,2"}, {"c": 5}, {"a": "1,2", "b": "3,4"}]
    with pytest.raises(CompactHydraException, match="b is not swept with the others"):
        jobs(grids=grids, zip=[["a", "b"]])
    assert jobs(grids=grids[1:], zip=[["a", "b"]]) == ["c=5", "a=1 b=3", "a=2 b=4"]


def test_grids_zip_and_exclude_work_together_in_batches() -> None:
    found = batches(
        "seed=0,1",
        grids=[{"a": "1,2,3", "b": "4,5,6"}, {"a": 9}],
        zip=[["a", "b"]],
        exclude=[{"a": 2, "seed": 0}, {"a": 9, "seed": 1}],
        size=2,
    )
    assert [[" ".join(job) for job in batch] for batch in found] == [
        ["seed=0 a=1 b=4", "seed=0 a=3 b=6"],
        ["seed=1 a=1 b=4", "seed=1 a=2 b=5"],
        ["seed=1 a=3 b=6", "seed=0 a=9"],
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"zip": [["a", "lr"]]}, "zip = ['a', 'lr']: lr is not swept"),
        ({"zip": [["lr", "momentum"]]}, "zip = ['lr', 'momentum']: lr is not swept"),
        ({"zip": [["a", "one"]]}, "zip = ['a', 'one']: one is not swept"),
        ({"zip": [["a", "b"]]}, "must have equal numbers of values, but a has 2, b has 3"),
        ({"zip": [["a"]]}, "zip = ['a']: must name at least two keys"),
        ({"zip": [["a", "c"], ["c", "b"]]}, "c must be named only once"),
        ({"zip": [["a", "a"]]}, "a must be named only once"),
        ({"zip": ["a", "c"]}, "zip = ['a', 'c']: must be a list of lists of keys"),
        ({"zip": []}, "zip = []: must be a list"),
        ({"zip": [[]]}, "zip = [[]]: must be a list"),
        ({"exclude": [{"a": 1, "lr": 2}]}, "exclude = {'a': 1, 'lr': 2}: no job sets lr"),
        ({"exclude": [{"a": 1}, {"a": 3}]}, "exclude = {'a': 3}: no combination has these values"),
        ({"exclude": [{"a": "1"}]}, "no combination has these values"),
        ({"exclude": [{"a": 1}, {"a": 2}]}, "leaves none of 12 combinations"),
        ({"exclude": {"a": 1}}, "exclude = {'a': 1}: must be a list of mappings"),
        ({"exclude": "a"}, "exclude = a: must be a list of mappings"),
        ({"exclude": []}, "exclude = []: must be a list of mappings"),
        ({"exclude": [{}]}, "exclude = [{}]: must be a list of mappings"),
        ({"grids": [{"a": 1}]}, "grids = {'a': 1}: a is also set on the command line"),
        ({"grids": [{"+a": 1}]}, "+a is also set on the command line"),
        (
            {"grids": [{"n": 1}], "params": {"n": "2"}},
            "n is also set on the command line or in hydra.sweeper",
        ),
        ({"grids": [{"lr": [1, 2]}]}, "the values of lr must be one text"),
        ({"grids": []}, "grids = []: must be a list of mappings"),
        ({"grids": [{}]}, "grids = [{}]: must be a list of mappings"),
        ({"grids": "lr"}, "grids = lr: must be a list of mappings"),
    ],
)
def test_ambiguous_or_useless_settings_of_the_sweeper_are_refused(
    settings: dict[str, Any], words: str
) -> None:
    message = refusal("a=1,2", "b=1,2,3", "c=5,6", "one=1", **settings)
    assert message.startswith("hydra.sweeper.")
    assert words in message


def test_a_refusal_of_the_sweeper_has_no_control_characters() -> None:
    message = refusal("a=1,2", exclude=[{"a\x1b[2J": 1}])
    assert r"a\x1b[2J" in message
    assert message.isprintable()


def test_too_many_jobs_are_refused_before_they_are_made() -> None:
    many = [f"{key}=range(1000)" for key in "abc"]
    assert refusal(*many).startswith("1,000,000,000 jobs: a sweep has at most 100,000; ")
    assert refusal(*many, zip=[["a", "b"]]).startswith("1,000,000 jobs: ")
    assert len(jobs(*many, zip=[["a", "b", "c"]])) == 1000


@pytest.mark.parametrize("values", ["range(1000000000000)", "shuffle(range(0,1e12))", "range(0,-1e300,-1)"])
def test_endless_values_are_refused_in_bounded_memory(values: str) -> None:
    words = "has more than 100,000 values; sweep fewer"
    assert words in refusal(f"a={values}", "b=1,2")
    assert words in refusal("b=1,2", grids=[{"a": values}])


def test_a_shuffled_range_keeps_all_its_values() -> None:
    assert sorted(jobs("a=shuffle(range(9))")) == jobs("a=range(9)")


@pytest.mark.parametrize("settings", [{}, {"exclude": [{"a": 1}]}])
def test_a_continuous_sweep_is_refused(settings: dict[str, Any]) -> None:
    assert refusal("a=interval(0,1)", **settings).startswith("a=interval(0,1): only a search takes")


def task(config: DictConfig) -> str:
    rate = config.optim.generator_lr or config.optim.lr
    return f"{config.loss._target_.rpartition('.')[2]} {rate} {config.seeds}"


def returned(done: Any) -> list[str]:
    return [job.return_value for batch in done for job in batch]


def test_sweeper_settings_work_on_the_command_line(sweep: RunSweep) -> None:
    done = sweep(
        task,
        "loss=minimax,non_saturating",
        "optim.generator_lr=1e-4,3e-4",
        "seeds=2,3",
        "hydra.sweeper.zip=[[optim.generator_lr,seeds]]",
        "hydra.sweeper.exclude=[{loss:minimax,optim.generator_lr:0.0003}]",
    )
    assert returned(done) == ["Minimax 0.0001 2", "NonSaturating 0.0001 2", "NonSaturating 0.0003 3"]
    done = sweep(
        task,
        "seeds=2,3",
        "hydra.sweeper.grids=[{loss:minimax,optim.generator_lr:'1e-4,1e-3'},{loss:non_saturating}]",
        "hydra.sweeper.max_batch_size=4",
        "hydra.sweep.dir=other",
    )
    assert [len(batch) for batch in done] == [4, 2]
    assert returned(done) == [
        "Minimax 0.0001 2",
        "Minimax 0.001 2",
        "Minimax 0.0001 3",
        "Minimax 0.001 3",
        "NonSaturating 0.0001 2",
        "NonSaturating 0.0001 3",
    ]


STUDY = """
# @package _global_
hydra:
  sweeper:
    params:
      x: 1e-4,2,3
    exclude:
      - {x: 1e-4, y: b}
      - x: 2
    zip: [[y, z]]
    grids:
      - y: a,b
        z: 5,6
      - {y: c}
"""


def test_sweeper_settings_work_in_an_experiment(sweep: RunSweep, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    (conf / "experiment").mkdir(parents=True)
    defaults = "defaults: [_self_, {experiment: null}, {override hydra/sweeper: grid}]\n"
    (conf / "config.yaml").write_text(defaults + "x: 0\ny: 0\nz: 0\n")
    (conf / "experiment/study.yaml").write_text(STUDY.lstrip())

    def values(config: DictConfig) -> str:
        return f"{config.x} {config.y} {config.z}"

    assert returned(sweep(values, "experiment=study", conf=conf)) == [
        "0.0001 a 5",
        "3 a 5",
        "3 b 6",
        "0.0001 c 0",
        "3 c 0",
    ]
    without = ["hydra.sweeper.exclude=null", "hydra.sweep.dir=other", "x=7"]
    assert returned(sweep(values, "experiment=study", *without, conf=conf)) == ["7 a 5", "7 b 6", "7 c 0"]


def test_a_refused_sweep_leaves_no_folder(sweep: RunSweep, tmp_path: Path) -> None:
    with pytest.raises(CompactHydraException, match="no job sets lss"):
        sweep(task, "seeds=2,3", "hydra.sweeper.exclude=[{lss:minimax}]")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("launcher", "composed"), [("stacked", 0), ("basic", 2)])
def test_the_sweeper_checks_jobs_only_when_the_launcher_does_not(
    sweep: RunSweep, monkeypatch: pytest.MonkeyPatch, launcher: str, composed: int
) -> None:
    checked: list[Any] = []
    monkeypatch.setattr(Sweeper, "validate_batch_is_legal", lambda _, batch: checked.extend(batch))
    sweep(task, "seeds=2,3", f"hydra/launcher={launcher}")
    assert len(checked) == composed


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
@pytest.mark.parametrize("wrong", ["loss=minimax,wrong", "optim.beta1=1,2"])
def test_a_job_that_cannot_be_composed_stops_the_sweep_before_any_job(
    sweep: RunSweep, launcher: str, wrong: str
) -> None:
    ran: list[DictConfig] = []
    with pytest.raises(HydraException):
        sweep(ran.append, "optim=adam,sgd", wrong, f"hydra/launcher={launcher}")
    assert ran == []


def test_the_basic_sweeper_can_still_be_chosen(sweep: RunSweep) -> None:
    done = sweep(task, "seeds=2,3", "hydra/sweeper=basic", "hydra.sweeper.max_batch_size=1")
    assert [[job.return_value for job in batch] for batch in done] == [
        ["Minimax 0.0001 2"],
        ["Minimax 0.0001 3"],
    ]
    assert OmegaConf.load("sweep/1/.hydra/hydra.yaml").hydra.runtime.choices["hydra/sweeper"] == "basic"


@pytest.mark.filterwarnings("ignore:(?s).*version_base", "ignore:(?s).*working directory")
@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [
        (launcher, ["hydra/sweeper=grid", "hydra.sweeper.max_batch_size=2"])
        for launcher in ("basic", "stacked")
    ],
)
class TestGridSweeperInBatches(BatchedSweeperTestSuite):
    """Hydra's own conformance suite for sweepers in batches."""
