"""A wheel, installed elsewhere, runs from any folder."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the built wheel, and the dependencies of this one."""
    home = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(home), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = home.glob("*.whl")
    environment = home / "env"
    venv.create(environment, with_pip=False)
    (site,) = environment.glob("lib/python*/site-packages")
    # A .pth file lends the dependencies, but not this checkout: nested .pth files are not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    python = str(environment / "bin/python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    subprocess.run([*install, "--ignore-installed", str(wheel)], check=True, capture_output=True)
    return environment


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sinegan_is_imported_from_the_wheel(elsewhere: Path, tmp_path: Path) -> None:
    code = "import sinegan, sinegan.app.conf_folder as c; print(sinegan.__file__, c.conf_folder())"
    printed = run(str(elsewhere / "bin/python"), "-c", code, folder=tmp_path)
    assert printed.count(str(elsewhere)) == 2
    assert str(ROOT) not in printed


@pytest.mark.parametrize("program", [["bin/python", "-m", "sinegan.main"], ["bin/sinegan"]])
def test_the_module_and_the_script_of_the_wheel_train(
    elsewhere: Path, tmp_path: Path, program: list[str]
) -> None:
    command = [str(elsewhere / program[0]), *program[1:]]
    small = ["network=tiny", "training.steps=3", "seeds=2", "training.batch_size=4"]
    printed = run(*command, "-m", "loss=minimax,non_saturating", *small, folder=tmp_path)
    assert "non_saturating" in printed
    (table,) = tmp_path.glob("outputs/sweeps/*/*/report/configurations.csv")
    assert len(table.read_text().splitlines()) == 3


def test_the_template_of_the_page_is_in_the_wheel(elsewhere: Path, tmp_path: Path) -> None:
    code = "from sinegan.report.page import page; print(page.__file__, page.template().render.__name__)"
    assert str(elsewhere) in run(str(elsewhere / "bin/python"), "-c", code, folder=tmp_path)
