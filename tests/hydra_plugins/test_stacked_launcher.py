"""The launcher is a good Hydra citizen: Hydra's own conformance suites pass against it."""

import pytest
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

# The suites set no version_base, and Hydra says what that will mean.
pytestmark = pytest.mark.filterwarnings("ignore:(?s).*version_base", "ignore:(?s).*working directory")


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", [])])
class TestStackedLauncher(LauncherTestSuite):
    """Sweeps of Hydra's own test applications."""


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [("stacked", ["hydra/sweeper=basic", "hydra.sweeper.max_batch_size=2"])],
)
class TestStackedLauncherInBatches(BatchedSweeperTestSuite):
    """The same, batch after batch."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [
        pytest.param(
            {},
            [
                "-m",
                "hydra/launcher=stacked",
                "hydra/hydra_logging=disabled",
                "hydra/job_logging=disabled",
            ],
            id="stacked_launcher",
        )
    ],
)
class TestStackedLauncherIntegration(IntegrationTestSuite):
    """Applications in processes of their own."""
