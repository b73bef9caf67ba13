"""The content of the repository: its size, no generated files, and checks that can run."""

import json
import os
import subprocess

import pytest

from benchmarks import tour
from tests.root import ROOT

_LARGEST_MB = 15


def tracked():
    """List the files that git knows."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone")
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_tracked_files_stay_small():
    sizes = {path: path.stat().st_size for path in tracked() if path.is_file()}
    largest = sorted(sizes, key=sizes.__getitem__)[-5:]
    assert sum(sizes.values()) < 1e6 * _LARGEST_MB, [str(path) for path in largest]


def outputs(notebook):
    """List the numbers of the cells that hold outputs or say that they were run."""
    cells = json.loads(notebook)["cells"]
    return [n for n, c in enumerate(cells) if c.get("outputs") or c.get("execution_count")]


def test_notebooks_hold_no_outputs():
    """The tour has outputs, so that it reads well where nothing can be run; tests/test_tour.py holds them."""
    for path in tracked():
        if path.suffix == ".ipynb" and path.is_file() and path != tour.NOTEBOOK:
            assert outputs(path.read_text(encoding="utf-8")) == [], path


def test_an_output_would_be_found():
    cell = {"cell_type": "code", "source": [], "outputs": [], "execution_count": None}
    clean = {"cells": [cell, {"cell_type": "markdown", "source": []}]}
    assert outputs(json.dumps(clean)) == []
    run = {"cells": [cell, cell | {"outputs": [{}]}, cell | {"execution_count": 3}]}
    assert outputs(json.dumps(run)) == [1, 2]


@pytest.mark.skipif(os.name == "nt", reason="the checks are scripts for bash")
@pytest.mark.parametrize("name", ["run", "all"])
def test_the_checks_can_be_run(name):
    script = ROOT / ".ci" / name
    assert os.access(script, os.X_OK)
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
