"""Evaluations follow the schedule, and each run has the right end."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from sinegan.config import Config, Plot
from sinegan.game.optimisers import SGD, Adam
from sinegan.training.loop import SAMPLE_COUNT, Evaluation, engine_settings, train
from sinegan.training.signature import Run
from sinegan.training.stack import Stack

MakeConfig = Callable[..., Config]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def evaluations(*runs: Run) -> list[Evaluation]:
    with engine_settings():
        return list(train(Stack(runs)))


def test_the_first_the_regular_and_the_last_step_are_evaluated(make_config: MakeConfig) -> None:
    looks = evaluations(Run(make_config().setup, 0), Run(make_config().setup, 1))
    assert [each.step for each in looks] == [0, 5, 10, 12]
    assert [each.status[0] for each in looks] == ["running"] * 3 + ["finished"]
    assert looks[-1].end_step == (12, 12)
    assert looks[-1].ended.all()
    assert not any(each.ended.any() for each in looks[:-1])
    assert looks[-1].samples is not None
    assert looks[-1].samples.curves.shape == (2, SAMPLE_COUNT, 6)
    assert looks[-1].samples.probability.shape == (2, SAMPLE_COUNT)
    assert looks[0].samples is None


def test_frames_have_a_schedule_of_their_own(make_config: MakeConfig) -> None:
    config = make_config(plot=Plot(animation=True, every=4))
    looks = evaluations(Run(config.setup, 0))
    assert [each.step for each in looks] == [0, 4, 5, 8, 10, 12]
    assert [each.step for each in looks if each.frame is not None] == [0, 4, 8, 12]
    assert [each.step for each in looks if each.metrics is not None] == [0, 5, 10, 12]
    for each in looks:
        if each.frame is not None:
            assert each.frame.curves.shape == (1, 1, 6)
            assert each.frame.probability.shape == (1, 1)


def test_a_run_stops_when_its_discriminator_is_undecided(make_config: MakeConfig) -> None:
    tolerant = make_config(training={"stop_tolerance": 0.5})
    looks = evaluations(Run(tolerant.setup, 0))
    assert [(each.step, each.status) for each in looks] == [(0, ("stopped",))]
    mixed = evaluations(Run(tolerant.setup, 0), Run(make_config().setup, 0))
    assert [each.status[0] for each in mixed] == ["stopped"] * 4
    assert [each.measured.tolist() for each in mixed] == [[True, True]] + [[False, True]] * 3
    assert mixed[-1].end_step == (0, 12)


def test_each_run_stops_at_its_first_evaluation_within_its_own_tolerance(make_config: MakeConfig) -> None:
    def tolerant(tolerance: float | None) -> Config:
        fast = Adam(lr=0.01, generator_lr=0.01, discriminator_lr=0.01)
        return make_config(optim=fast, training={"evaluate_every": 1, "stop_tolerance": tolerance})

    free = evaluations(*[Run(tolerant(None).setup, seed) for seed in range(8)])
    history = np.array([each.metrics["d_real"] for each in free if each.metrics is not None])
    distances = np.abs(history - 0.5)
    nearest = distances.argmin(0)
    assert np.any((nearest > 0) & (nearest < 12)), "some runs should come nearest on their way"
    looks = evaluations(*[Run(tolerant(distances[:, seed].min()).setup, seed) for seed in range(8)])
    assert looks[-1].step == nearest.max()
    assert looks[-1].end_step == tuple(nearest)
    assert looks[-1].status == tuple("finished" if step == 12 else "stopped" for step in nearest)
    ends = [[each.step for each in looks if each.ended[lane]] for lane in range(8)]
    assert ends == [[step] for step in nearest]


def test_a_run_whose_metrics_are_not_finite_has_diverged_though_its_losses_were(
    make_config: MakeConfig,
) -> None:
    config = make_config(
        optim=SGD(lr=1e38, generator_lr=1e38, discriminator_lr=1e38), training={"evaluate_every": 1}
    )
    stack = Stack([Run(config.setup, 0)])
    with engine_settings():
        _, first = train(stack)
    assert stack.finite_steps().tolist() == [1]
    assert (first.step, first.status, first.end_step) == (1, ("diverged",), (1,))
    assert not first.measured.any()


def test_a_diverged_run_has_its_step_and_no_measurements(
    make_config: MakeConfig, make_diverging_config: MakeConfig
) -> None:
    bad, good = (
        make_diverging_config(),
        make_config(optim=SGD(lr=1e-3, generator_lr=1e-3, discriminator_lr=1e-3)),
    )
    looks = evaluations(Run(good.setup, 0), Run(bad.setup, 1))
    assert looks[1].status == ("running", "diverged")
    assert looks[1].measured.tolist() == [True, False]
    stack = Stack([Run(bad.setup, 1)])
    with engine_settings():
        first = next(
            step for step in range(1, 13) if (stack.advance(step), stack.finite_steps()[0] < step)[1]
        )
    assert looks[1].end_step[1] == first
    assert looks[-1].status == ("finished", "diverged")


def test_the_loop_ends_when_no_run_is_left(make_diverging_config: MakeConfig) -> None:
    looks = evaluations(Run(make_diverging_config().setup, 0))
    assert [each.step for each in looks] == [0, 5]


def test_a_restored_stack_continues_after_its_last_evaluation(make_config: MakeConfig) -> None:
    run = Run(make_config().setup, 0)
    whole = evaluations(run)
    first, second = Stack([run]), Stack([run])
    with engine_settings():
        first.advance(5)
        second.restore(first.saved())
        rest = list(train(second))
    assert [each.step for each in rest] == [10, 12]
    for mine, expected in zip(rest, whole[2:], strict=True):
        assert mine.metrics is not None
        assert expected.metrics is not None
        assert all(np.array_equal(mine.metrics[name], expected.metrics[name]) for name in expected.metrics)


@pytest.mark.usefixtures("two_threads")
def test_engine_settings_are_restored_after_an_error() -> None:
    tiny = torch.tensor(1e-30) * 1e-10

    def fail() -> None:
        with engine_settings():
            assert torch.get_num_threads() == 1
            assert (torch.tensor(1e-30) * 1e-10).item() == 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert torch.get_num_threads() == 2
    assert (torch.tensor(1e-30) * 1e-10).item() == tiny.item() > 0
