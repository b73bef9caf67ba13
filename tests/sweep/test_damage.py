"""Sweeps whose rows were damaged, and files in their folder that are not theirs."""

import shutil

import pytest

from freqjax import SweepConfig, sweep
from freqjax.checkpoints import manifests, rows
from freqjax.config import overrides
from tests.twins import tiny_config


def config():
    found = tiny_config(train={"epochs": 2})
    found.sweep = SweepConfig(axes={"train.seed": (0, 1), "network.hidden_size": (4, 12)})
    return overrides.apply(found, [])


def run(folder, *, resume=False):
    """Run the sweep; return what was said."""
    said = []
    sweep.run(config(), folder, resume=resume, figures=False, say=said.append)
    return said


def told(said):
    return [line for line in said if "metrics.jsonl" in line]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "run"
    run(folder)
    assert (folder / "checkpoints" / "bucket-1").is_dir()
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def damage(folder, line):
    """Break a line; return the replica and the epoch of its row."""
    path = folder / "metrics.jsonl"
    row = rows.read(path, pytest.fail)[line - 1]
    lines = path.read_bytes().splitlines(True)
    lines[line - 1] = b"z" + lines[line - 1][1:]
    path.write_bytes(b"".join(lines))
    return row["replica"], row["epoch"]


def test_a_damaged_row_is_named_once_and_the_others_stay(folder):
    path = folder / "metrics.jsonl"
    replica, epoch = damage(folder, 3)
    before = path.read_bytes()
    expected = [
        f"{path} is damaged in line 3: it is not JSON; it stays in the file and is passed over.",
        f"{path} has no row of epoch {epoch} of replica {replica}: the results do without.",
    ]
    assert told(run(folder, resume=True)) == expected
    assert path.read_bytes() == before
    # Now with a bucket left to train.
    shutil.rmtree(folder / "checkpoints" / "bucket-1")
    assert told(run(folder, resume=True)) == expected
    found = rows.read(path, lambda _: None)
    assert len(found) == 7 and path.read_bytes().count(b"\n") == 8
    assert {(r["replica"], r["epoch"]) for r in found} == {
        (r, e) for r in range(4) for e in (1, 2)
    } - {(replica, epoch)}


def test_the_folder_of_the_best_keeps_what_is_not_the_sweeps(folder):
    (folder / "best" / "notes.txt").write_text("a stranger's")
    (folder / "best" / "checkpoints" / "2024").mkdir()
    (folder / "best" / "checkpoints" / "2024" / "photo.png").write_text("a stranger's")
    run(folder, resume=True)
    assert (folder / "best" / "notes.txt").exists()
    assert (folder / "best" / "checkpoints" / "2024" / "photo.png").exists()
    shutil.rmtree(folder / "best" / "checkpoints" / "2024")
    assert len(manifests.steps(folder / "best" / "checkpoints")) == 1
