"""The wheel, in an environment of its own and far from the clone, holds all that it needs."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import venv

import pytest

import freqjax
from tests.root import ROOT

_PARTS = ("freqjax", "configs", "checkpoints", "pyproject.toml", "setup.py", "README.md", "LICENSE")


def run(folder, *words):
    """Run a command and return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        list(map(str, words)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy of the sources, without files in the clone and without old build files."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in _PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    found = importlib.metadata.version("setuptools").split(".")
    isolated = [] if int(found[0]) < 71 else ["--no-build-isolation"]
    run(
        folder,
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        *isolated,
        "-w",
        folder,
        folder,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return the folder of programs of an environment with the wheel and the packages installed here."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False)
    places = {"base": str(folder), "platbase": str(folder)}
    site = sysconfig.get_path("purelib", vars=places)
    # Of a folder in a .pth no .pth is read: an editable install here stays out of the way.
    with open(os.path.join(site, "here.pth"), "w") as file:
        file.write(sysconfig.get_path("purelib") + "\n")
    programs = folder / os.path.basename(sysconfig.get_path("scripts", vars=places))
    python = programs / os.path.basename(sys.executable)
    run(
        folder, sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index",
        wheel,
    )  # fmt: skip
    return programs


def test_nothing_but_freqjax_is_installed(wheel):
    assert wheel.name.startswith(f"freqjax-{freqjax.__version__}-")
    listed = run(wheel.parent, sys.executable, "-m", "zipfile", "-l", wheel)
    names = {line.split()[0] for line in listed.splitlines()[1:]}
    assert {name.split("/")[0].split("-")[0] for name in names} == {"freqjax"}
    assert {
        "freqjax/py.typed",
        "freqjax/native/filter.cc",
        "freqjax/native/numerics.h",
        "freqjax/native/online.cc",
        "freqjax/native/sensitivities.cc",
        "freqjax/shipped/configs/quick.py",
        "freqjax/tasks/autoencoder/poems/NOTICE.md",
        "freqjax/tasks/autoencoder/poems/poems.npz",
        "freqjax/tasks/classifier/watch/NOTICE.md",
        "freqjax/tasks/classifier/watch/watch.npz",
    } <= names
    clone = {str(p.relative_to(ROOT)) for p in (ROOT / "freqjax").rglob("*.py")}
    assert clone <= names


def test_a_config_and_a_checkpoint_are_found_by_name(installed, tmp_path):
    program = installed / "freqjax"
    assert run(tmp_path, program, "--version") == f"freqjax {freqjax.__version__}\n"
    where = run(tmp_path, installed / "python", "-c", "import freqjax; print(freqjax.__file__)")
    assert where.startswith(str(installed.parent))
    said = run(
        tmp_path, program, "train", "--config", "quick", "--workdir", "run", "--config.train.epochs=1",
        "--config.train.diagnose=false", "--config.train.regime=online", "--config.train.streams=sequential",
        "--config.curriculum.first_horizon=none", "--config.task.frequencies=2", "--config.task.duration=1",
    )  # fmt: skip
    assert "everything: run" in said
    words = ("evaluate", "--checkpoint", "clock64", "--no-figures", "--workdir", "judged")
    said = run(tmp_path, program, *words, "--config.task.duration=1")
    assert "everything: judged" in said
