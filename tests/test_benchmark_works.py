"""The benchmark's pieces of work: each is described twice, for sinegan and for its peers."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benchmarks() -> SimpleNamespace:
    """The modules of the benchmark that need no JAX."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        names = ("works", "products", "summary")
        modules = {name: import_module(f"benchmarks.{name}") for name in names}
        return SimpleNamespace(**modules, engine=import_module("benchmarks.peers.engine"))


def test_both_descriptions_of_a_work_have_the_same_sizes(benchmarks: SimpleNamespace) -> None:
    for work in benchmarks.works.WORKS.values():
        setup = benchmarks.engine.configuration(work).setup
        network, training = setup.network, setup.training
        assert (network.latent, *network.generator, setup.target.points) == work.generator_sizes
        assert (setup.target.points, *network.discriminator, 1) == work.discriminator_sizes
        assert (training.batch_size, training.discriminator_steps) == (work.batch, work.discriminator_steps)


def test_the_products_of_a_step_are_those_of_its_passes(benchmarks: SimpleNamespace) -> None:
    """The generator runs forward and back; the discriminator does on the fakes and on one real row."""
    (a, b, c, d), (e, f, g, h) = (5, 64, 128, 16), (16, 64, 256, 1)
    generator, discriminator = a * b + b * c + c * d, e * f + f * g + g * h
    back_to_noise, back_to_row = a * b, e * f
    expected = 64 * (3 * generator - back_to_noise + 3 * discriminator) + 3 * discriminator - back_to_row
    found = benchmarks.products.operations_of_step(benchmarks.works.ORIGINAL)
    assert found == pytest.approx(2 * expected, rel=0.01)


def test_a_summary_says_which_goals_are_met(benchmarks: SimpleNamespace, tmp_path: Path) -> None:
    pd = import_module("pandas")
    ways = {"JAX": 100.0, "sinegan": 130.0, "products": 260.0, "ceiling": 400.0}
    rates = pd.DataFrame(
        [
            {"work": work, "way": way, "how": "", "runs": 8, "rate": rate * factor}
            for work, factor in (("original", 1.0), ("wgan_gp", 0.1))
            for way, rate in ways.items()
        ]
    )
    operations = {"original": 1e6, "wgan_gp": 1e7}
    benchmarks.summary.write(tmp_path, rates, pd.DataFrame(), operations, 32)
    goals = pd.read_csv(tmp_path / "goals.csv")
    assert goals[["work", "found", "met"]].values.tolist() == [
        ["original", 1.3, True],
        ["wgan_gp", 1.3, True],
        ["original", 0.65, True],
    ]
    benchmarks.summary.write(tmp_path, rates, pd.DataFrame(), operations, 64)
    assert pd.read_csv(tmp_path / "goals.csv")["met"].tolist() == [True, True, False]
    products = pd.read_csv(tmp_path / "products.csv").set_index("work").loc["wgan_gp"]
    assert products["share_of_step_time"] == pytest.approx(0.5)
    assert products["ceiling_gflop_s"] == pytest.approx(0.4)


def agreement(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.agreement", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("work", ["original", "r1_ring", "wgan_gp", "large", "wide", "batch_256"])
def test_jax_takes_the_steps_that_sinegan_takes(work: str) -> None:
    pytest.importorskip("jax")
    done = agreement(work, "--dtype=float64")
    assert not done.returncode, done.stderr
    differences = json.loads(done.stdout.splitlines()[-1])
    assert {"losses", "generator's weights", "discriminator's square"} <= differences.keys()


@pytest.mark.slow
def test_other_work_is_noticed() -> None:
    pytest.importorskip("jax")
    assert "does other work" in agreement("r1_ring", "--peer=original").stderr
