"""A decided sweep trains seeds where the answer is open, and the same ones however it is interrupted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
from torch import Tensor

from sinegan.app.decide import Decider, execute_until_decided
from sinegan.app.design_problems import design_problems, seed_problems, single_problem
from sinegan.config import Config
from sinegan.designs import Fixed, Sequential, UntilAll, UntilBest
from sinegan.game.losses import Minimax
from sinegan.game.optimisers import Adam
from sinegan.game.targets import Sine
from sinegan.storage.results import known_runs
from sinegan.storage.sweep_folder import read_provenance
from sinegan.sweep.execute import Hooks, Round, execute, execute_rounds
from sinegan.sweep.executors import Serial
from sinegan.sweep.plan import Configuration
from sinegan.training.loop import Evaluation

MakeConfig = Callable[..., Config]
RATES = (1e-3, 1.001e-3, 3.0)
"""Two configurations whose errors are nearly the same, and one that explodes."""


@dataclass(frozen=True, kw_only=True)
class Failing(Minimax):
    """A loss that raises."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG002
        raise ValueError("no loss today")


def configuration(folder: Path, config: Config) -> Configuration:
    settings = {
        "seeds": config.seeds,
        "seed": config.seed,
        "training": {"steps": config.training.steps},
        "plot": {"animation": False},
        "target": {"points": config.target.points},
        "optim": {"lr": config.optim.generator_lr},
    }
    return Configuration(config, folder, settings, (f"optim.lr={config.optim.generator_lr}",))


@pytest.fixture
def sweep_of(tmp_path: Path, make_config: MakeConfig) -> Callable[..., list[Configuration]]:
    """The configurations of a sweep, with these learning rates."""

    def sweep_of(home: str, rates: Sequence[float] = RATES, **parts: object) -> list[Configuration]:
        return [
            configuration(
                tmp_path / home / str(place),
                make_config(optim=Adam(lr=lr, generator_lr=lr, discriminator_lr=lr), **parts),
            )
            for place, lr in enumerate(rates)
        ]

    return sweep_of


def results_of(
    configurations: Sequence[Configuration], design: Sequential, most_yields: int | None = None
) -> tuple[list[str], list[int]]:
    """Trains until decided; returns the remarks, and the positions that were passed on.

    most_yields: stop after so many positions.
    """
    home = configurations[0].folder.parent
    remarks: list[str] = []
    with_design = [replace(each, config=replace(each.config, decide=design)) for each in configurations]
    passed = []
    for place, _ in execute_until_decided(with_design, Serial(), home, Hooks(remark=remarks.append)):
        passed.append(place)
        if len(passed) == most_yields:
            break
    return remarks, passed


def seeds_of(configurations: Sequence[Configuration]) -> list[int]:
    return [len(known_runs(each.folder)) for each in configurations]


def content(configurations: Sequence[Configuration]) -> list[object]:
    """The results of a sweep, to the last bit, without the seconds."""
    return [
        (
            pd.read_csv(each.folder / "runs.csv").drop(columns="seconds").to_csv(),
            (each.folder / "history.csv").read_bytes(),
            (each.folder / "checkpoint.pt").exists(),
        )
        for each in configurations
    ]


def test_seeds_are_added_only_where_the_answer_is_open(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    configurations = sweep_of("a")
    _, passed = results_of(configurations, UntilBest(first=4, most=9, margin=1e-6))
    assert seeds_of(configurations) == [9, 9, 4]
    stored = [read_provenance(each.folder)["settings"]["seeds"] for each in configurations]
    assert stored == [9, 9, 4]
    assert sorted(passed) == [0, 1, 2]


def test_a_dropped_configuration_is_passed_on_while_the_others_still_train(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    configurations = sweep_of("a")
    decider = Decider(configurations, UntilBest(first=4, most=9, margin=1e-6))
    home = configurations[0].folder.parent
    for place, _ in decider.pass_on(execute_rounds(decider.rounds(), 3, Serial(), home)):
        assert place == 2
        assert seeds_of(configurations) != [9, 9, 4]
        break


def test_the_runs_of_a_decided_sweep_are_those_of_a_fixed_one(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    decided, fixed = sweep_of("a"), sweep_of("b")
    results_of(decided, UntilBest(first=4, most=9, margin=1e-6))
    fixed = [
        replace(each, config=replace(each.config, seeds=seeds))
        for each, seeds in zip(fixed, seeds_of(decided), strict=True)
    ]
    list(execute(fixed, Serial(), fixed[0].folder.parent))
    assert content(decided) == content(fixed)


@pytest.mark.parametrize("stops", [[1], [2], [1, 1, 2]])
def test_an_interrupted_sweep_ends_as_an_undisturbed_one(
    sweep_of: Callable[..., list[Configuration]], stops: list[int]
) -> None:
    design = UntilBest(first=4, most=14, margin=1e-6)
    undisturbed, disturbed = sweep_of("a"), sweep_of("b")
    results_of(undisturbed, design)
    for stop in stops:
        results_of(disturbed, design, stop)
    results_of(disturbed, design)
    assert content(disturbed) == content(undisturbed)


def test_an_interrupt_between_any_two_evaluations_changes_nothing(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    design = UntilBest(first=4, most=9, margin=1e-6)
    undisturbed, disturbed = sweep_of("a"), sweep_of("b")
    results_of(undisturbed, design)
    for count in (1, 3, 7):
        left = iter(range(count))

        def stop(*_: object, left: object = left) -> None:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise KeyboardInterrupt

        decider = Decider(disturbed, design)
        hooks = Hooks(observers=[stop])
        with pytest.raises(KeyboardInterrupt):
            list(execute_rounds(decider.rounds(), 3, Serial(), disturbed[0].folder.parent, hooks))
    results_of(disturbed, design)
    assert content(disturbed) == content(undisturbed)


def test_all_pairs_are_decided_where_that_is_asked_for(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    configurations = sweep_of("a", rates=(1e-3, 0.7, 0.7007))
    results_of(configurations, UntilAll(first=4, most=6, margin=1e-6))
    best_alone = sweep_of("b", rates=(1e-3, 0.7, 0.7007))
    results_of(best_alone, UntilBest(first=4, most=6, margin=1e-6))
    assert seeds_of(best_alone) == [4, 4, 4]
    assert seeds_of(configurations) == [4, 6, 6]


def test_each_target_is_a_question_of_its_own(
    sweep_of: Callable[..., list[Configuration]], make_config: MakeConfig
) -> None:
    first = sweep_of("a")
    second = [
        configuration(each.folder.parent / f"{3 + place}", replace(each.config, target=Sine(points=7)))
        for place, each in enumerate(sweep_of("a", rates=(1e-3, 3.0)))
    ]
    second = [replace(each, config=replace(each.config, network=make_config().network)) for each in second]
    results_of([*first, *second], UntilBest(first=4, most=9, margin=1e-6))
    assert seeds_of(second) == [4, 4]
    assert seeds_of(first) == [9, 9, 4]


def test_a_budget_of_runs_stops_at_a_look_and_a_resume_goes_on(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    configurations, whole = sweep_of("a"), sweep_of("b")
    remarks, passed = results_of(configurations, UntilBest(first=4, most=20, margin=1e-6, budget="16runs"))
    assert seeds_of(configurations) == [6, 6, 4]
    assert sorted(passed) == [0, 1, 2]
    (stopped,) = remarks[-1:]
    assert stopped.startswith(
        "decide.budget = 16runs does not suffice for the next look, which would make 22 runs in all: "
        "2 of 3 open, 9 seeds; give a larger one with resume="
    )
    again, _ = results_of(configurations, UntilBest(first=4, most=20, margin=1e-6, budget="21runs"))
    assert "decide.budget = 21runs does not suffice" in again[-1]
    assert seeds_of(configurations) == [6, 6, 4]
    design = UntilBest(first=4, most=20, margin=1e-6)
    results_of(configurations, design)
    results_of(whole, design)
    assert content(configurations) == content(whole)


def test_a_budget_that_allows_no_more_leaves_the_runs_of_an_interrupted_look_alone(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    configurations, whole = sweep_of("a"), sweep_of("b")
    home = configurations[0].folder.parent
    seen = []

    def stop(evaluation: Evaluation, *_: object) -> None:
        seen.append(evaluation.step)
        if len(seen) == 14:  # in the middle of a later look
            raise KeyboardInterrupt

    decider = Decider(configurations, UntilBest(first=4, most=9, margin=1e-6))
    with pytest.raises(KeyboardInterrupt):
        list(execute_rounds(decider.rounds(), 3, Serial(), home, Hooks(observers=[stop])))
    assert seeds_of(configurations)[2] == 4
    remarks, passed = results_of(configurations, UntilBest(first=4, most=9, margin=1e-6, budget="12runs"))
    assert "12runs does not suffice" in remarks[-1]
    assert sorted(passed) == [0, 1, 2]
    for each in (configurations, whole):
        results_of(each, UntilBest(first=4, most=9, margin=1e-6))
    assert content(configurations) == content(whole)


def test_a_budget_of_time_stops_within_a_round_and_a_resume_goes_on(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    configurations, whole = sweep_of("a"), sweep_of("b")
    remarks, passed = results_of(configurations, UntilBest(first=4, most=9, margin=1e-6, budget="0.000001s"))
    assert passed == []
    assert remarks[-1].startswith(
        "decide.budget = 0.000001s is spent; the same command continues with resume="
    )
    design = UntilBest(first=4, most=9, margin=1e-6)
    results_of(configurations, design)
    results_of(whole, design)
    assert content(configurations) == content(whole)


def test_the_title_of_a_round_says_what_is_open(sweep_of: Callable[..., list[Configuration]]) -> None:
    configurations = sweep_of("a")
    decider = Decider(configurations, UntilBest(first=4, most=20, margin=1e-6))
    rounds = decider.rounds()
    titles = []
    for each in rounds:
        titles.append(each.title)
        list(execute([*each.configurations.values()], Serial(), configurations[0].folder.parent))
    assert titles[:2] == [
        "3 of 3 open, 4 seeds, 20 % of the worst case",
        "2 of 3 open, 6 seeds, 27 % of the worst case",
    ]


def test_a_finished_sweep_is_one_last_round_of_all_configurations(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    configurations = sweep_of("a")
    results_of(configurations, UntilBest(first=4, most=9, margin=1e-6))
    (only,) = Decider(configurations, UntilBest(first=4, most=9, margin=1e-6)).rounds()
    assert only.last
    assert [each.config.seeds for each in only.configurations.values()] == seeds_of(configurations)


def test_a_failed_run_is_tried_again_by_the_next_command_only(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    configurations = sweep_of("a", rates=(1e-3, 1.001e-3))
    failing = [
        configurations[0],
        replace(configurations[1], config=replace(configurations[1].config, loss=Failing())),
    ]
    home = configurations[0].folder.parent
    rounds = iter([Round(dict(enumerate(failing)), last=False), Round(dict(enumerate(failing)), last=False)])
    yielded = [(place, len(failures) > 0) for place, failures in execute_rounds(rounds, 2, Serial(), home)]
    # The second round has nothing to train: failed runs wait for the next command.
    assert yielded == [(0, False), (1, True), (0, False), (1, False)]
    assert dict(execute(failing, Serial(), home))[1]


def test_what_no_design_can_follow_is_refused_by_name(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    design = UntilBest()
    configurations = sweep_of("a", decide=design)
    assert design_problems(configurations, in_batches=False) == []
    assert design_problems(sweep_of("a"), in_batches=True) == []
    assert "in batches" in design_problems(configurations, in_batches=True)[0]
    assert "has only one" in design_problems(configurations[:1], in_batches=False)[0]
    mixed = [*configurations[:2], *sweep_of("a", decide=UntilAll())[2:]]
    assert design_problems(mixed, in_batches=False) == [
        "decide = best, all: must be the same for all configurations; sweep something else"
    ]
    longer = [*configurations[:2], *sweep_of("a", decide=UntilBest(most=9))[2:]]
    assert design_problems(longer, in_batches=False) == [
        "decide.most = 64, 9: must be the same for all configurations; sweep something else"
    ]
    (small,) = design_problems(sweep_of("a", decide=UntilBest(budget="11runs")), in_batches=False)
    assert small == (
        "decide.budget = 11runs: the first look needs 12 runs, decide.first = 4 of each of 3 configurations; "
        "raise it"
    )
    assert design_problems(sweep_of("a", decide=UntilBest(budget="12runs")), in_batches=False) == []


def test_configurations_that_train_the_same_runs_are_refused(
    sweep_of: Callable[..., list[Configuration]],
) -> None:
    first, second, _ = sweep_of("a", decide=UntilBest())
    same = [
        replace(each, settings={**first.settings, "plot": {"animation": on}})
        for each, on in ((first, False), (second, True))
    ]
    (problem,) = design_problems(same, in_batches=False)
    assert "some of these train the same runs" in problem


def test_swept_seeds_are_refused_with_a_design_and_allowed_without() -> None:
    decided = [{"seed": 0, "seeds": seeds, "decide": {"most": 64}} for seeds in (4, 8)]
    assert seed_problems(decided) == [
        "seeds: cannot be swept with decide, which gives all configurations the same seeds"
    ]
    assert seed_problems([{"seed": seed, "seeds": 4, "decide": {}} for seed in (0, 8)]) == []


def test_a_single_configuration_has_nothing_to_decide() -> None:
    assert single_problem(Fixed()) == ""
    assert "add -m" in single_problem(UntilBest())
