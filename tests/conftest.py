"""Shared by all tests: small typed configurations, and commands as a user types them."""

# ruff: noqa: E402
import dataclasses
import functools
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase

from sinegan.engine.kernels import use_uniform_kernels

# As the command does, before the first operation of PyTorch.
assert use_uniform_kernels()

from sinegan.app.conf_folder import conf_folder
from sinegan.config import Config, Plot
from sinegan.game.losses import Minimax
from sinegan.game.networks import Network
from sinegan.game.optimisers import SGD, Adam
from sinegan.game.targets import Sine
from sinegan.main import main
from sinegan.training.setup import Training

# No test fails because the machine is busy.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# A shell's background job, and nohup, begin with these ignored, and so would the commands under test.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

MakeConfig = Callable[..., Config]
Finished = subprocess.CompletedProcess[str]
OpenHydra = Callable[..., AbstractContextManager[Hydra]]


@pytest.fixture
def make_config() -> MakeConfig:
    """Makes a configuration that trains in no time.

    Keywords replace its parts; `training={…}` replaces single fields of that part.
    """

    def make(training: dict[str, Any] | None = None, **parts: Any) -> Config:
        default = Config(
            target=Sine(points=6),
            network=Network(latent=3, generator=(8,), discriminator=(8,)),
            loss=Minimax(),
            optim=Adam(lr=1e-3, generator_lr=1e-3, discriminator_lr=1e-3),
            training=Training(
                steps=12,
                batch_size=4,
                evaluate_every=5,
                evaluation_samples=8,
                compile="never",
                keep_checkpoints=True,  # so that tests can compare the last states
            ),
            plot=Plot(),
            seeds=3,
        )
        return dataclasses.replace(
            default, training=dataclasses.replace(default.training, **training or {}), **parts
        )

    return make


@pytest.fixture
def make_diverging_config(make_config: MakeConfig) -> MakeConfig:
    """Makes a configuration whose runs diverge within a few steps; keywords as for `make_config`."""
    return functools.partial(make_config, optim=SGD(lr=1e30, generator_lr=1e30, discriminator_lr=1e30))


@pytest.fixture(scope="session")
def open_hydra() -> OpenHydra:
    """Opens Hydra in this process over the YAML files of conf/, or of another folder, for a `with`."""

    @contextmanager
    def open_folder(conf: Path | None = None) -> Iterator[Hydra]:
        version = VersionBase.instance()
        before = version.getbase()
        try:
            with initialize_config_dir(str(conf or conf_folder()), version_base="1.3", job_name="sinegan"):
                hydra = GlobalHydra.instance().hydra
                assert hydra is not None
                yield hydra
        finally:
            # Hydra's conformance suites are for applications that name no version.
            version.version_base = before

    return open_folder


@pytest.fixture
def sinegan(tmp_path: Path) -> Callable[..., Finished]:
    """Runs `python -m sinegan.main` in an empty folder."""

    def run(*arguments: str, module: str = "sinegan.main") -> Finished:
        command = [sys.executable, "-m", module, *arguments]
        environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "COLUMNS")}
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=environment
        )

    return run


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Finished]]:
    """Runs `python -m sinegan.main` in this process, which saves importing everything again."""
    handlers, level = list(logging.root.handlers), logging.root.level

    def run(*arguments: str) -> Finished:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["sinegan", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        printed, errors = capfd.readouterr()
        code = stopped.value.code
        if isinstance(code, str):
            code, errors = 1, f"{errors}{code}\n"
        return Finished(arguments, code or 0, printed, errors)

    yield run
    for handler in set(logging.root.handlers) - set(handlers):
        handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
