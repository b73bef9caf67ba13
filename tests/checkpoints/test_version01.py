"""Runs and sweeps of version 0.1 resume and evaluate as they did.

tests/data/version01/*.zip were written by the code of commit 6d2fd00: folders of runs stopped by SIGTERM (one
of stochastic gradients in the middle of an epoch, one of a curriculum) and of sweeps killed at an epoch's
end. In each, whole.jsonl and whole.json are metrics.jsonl and parts of the summary, or sweep.json, of the
same training when nothing had stopped it. The steps of the curriculum are damped so much that
the rounding of another version of JAX does not change the number of iterations that solve them.
"""

import json
import shutil
from pathlib import Path

import jax
import pytest

import freqjax
from freqjax import UserError, sweep
from freqjax.checkpoints.records import Record
from freqjax.checkpoints.rows import read as read_rows
from freqjax.checkpoints.store import read_meta
from freqjax.checkpoints.versions import upgrade
from freqjax.config import overrides, shipped
from freqjax.main import main
from freqjax.tasks import Extraction
from tests.slow import some

DATA = Path(__file__).parents[1] / "data" / "version01"
# Not compared: what was measured, and sentences, which are said more plainly since.
_MEASURED = ("seconds", "memory_mb", "words", "note")
# Counts of iterations until a number falls below a bound, which another rounding may reach one sooner.
_ROUNDED = ("solver_steps",)


@pytest.fixture
def unpacked(request, tmp_path, monkeypatch):
    """Return the folder of a run or sweep, with its whole.* beside it."""
    monkeypatch.setattr(Extraction, "draw", lambda *_: [])
    monkeypatch.setattr("freqjax.training.sources.CHUNK_ROWS", 7)
    folder = tmp_path / request.param
    shutil.unpack_archive(DATA / f"{request.param}.zip", folder)
    for name in ("whole.jsonl", "whole.json"):
        (folder / name).rename(tmp_path / name)
    return folder


def assert_alike(found, expected):
    """Check that numbers agree up to rounding, since the machine may differ, and all else is equal."""
    if isinstance(expected, dict):
        assert expected.keys() <= found.keys()
        for key in expected.keys() - set(_MEASURED):
            if key in _ROUNDED:
                assert abs(found[key] - expected[key]) <= 1, key
            else:
                assert_alike(found[key], expected[key])
    elif isinstance(expected, list) and len(expected) == len(found):
        for a, b in zip(found, expected, strict=True):
            assert_alike(a, b)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-6)
    else:
        assert found == expected


def assert_rows_alike(folder):
    found, expected = (
        sorted(read_rows(path, pytest.fail), key=lambda row: (row.get("replica", 0), row["epoch"]))
        for path in (folder / "metrics.jsonl", folder.parent / "whole.jsonl")
    )
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert_alike(a, b)


@pytest.mark.parametrize("unpacked", some(["online", "curriculum"], "online"), indirect=True)
def test_a_run_resumes_to_the_same_end(unpacked):
    said = []
    config = overrides.load(unpacked / "config.json")
    summary = freqjax.train(config, unpacked, resume=True, say=said.append)
    assert any(line.startswith("resumed at update") for line in said)
    assert_rows_alike(unpacked)
    assert_alike(summary, json.loads((unpacked.parent / "whole.json").read_text()))
    record = Record.from_json(read_meta(unpacked, warn=pytest.fail).meta, "it")
    assert record.replicas[0].stopping.reason == "epochs_done"


@pytest.mark.parametrize(
    "unpacked", some(["sweep_shared", "sweep_serial"], "sweep_shared"), indirect=True
)
def test_a_sweep_resumes_to_the_same_end(unpacked, monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda *_: jax.devices()[:1])
    said = []
    config = overrides.load(unpacked / "config.json")
    sweep.run(config, unpacked, resume=True, figures=False, say=said.append)
    assert any(line.startswith("resumed after epoch") for line in said)
    assert_rows_alike(unpacked)
    found = json.loads((unpacked / "sweep.json").read_text())
    assert_alike(found, json.loads((unpacked.parent / "whole.json").read_text()))
    assert set(found["rows"][0]) == set(
        json.loads((unpacked.parent / "whole.json").read_text())["rows"][0]
    )


@pytest.mark.parametrize("unpacked", ["online"], indirect=True)
def test_a_checkpoint_evaluates_to_the_numbers_of_its_summary(unpacked, capsys):
    flags = ["--mode", "evaluate", "--no-figures", "--checkpoint", str(unpacked)]
    assert main([*flags, "--workdir", str(unpacked.parent / "evaluated")]) == 0
    found = json.loads((unpacked.parent / "evaluated/evaluation.json").read_text())
    before = json.loads((unpacked / "summary.json").read_text())
    for key in ("train", "test", "probes", "parameters", "initializer"):
        assert_alike(found[key], before[key])


@pytest.mark.slow
@pytest.mark.parametrize("unpacked", ["online"], indirect=True)
def test_a_run_that_was_stopped_is_diagnosed(unpacked, capsys):
    assert main(["--mode", "diagnose", "--workdir", str(unpacked)]) == 0
    assert (unpacked / "diagnosis.json").exists()


def test_the_clock_that_ships_is_of_version_01_and_has_its_numbers(tmp_path, capsys):
    folder = shipped.checkpoint("clock64")
    assert "format" not in read_meta(folder, warn=pytest.fail).meta
    flags = ["--mode", "evaluate", "--no-figures", "--checkpoint", "clock64"]
    assert main([*flags, "--workdir", str(tmp_path / "evaluated")]) == 0
    found = json.loads((tmp_path / "evaluated/evaluation.json").read_text())
    before = json.loads((folder / "summary.json").read_text())
    # Rounding gathers over 10,000 samples: another processor gives some per cent more or less.
    assert found["test"]["mse"] == pytest.approx(before["test"]["mse"], rel=0.15)
    assert found["initializer"] == before["initializer"]


def test_hashes_of_a_run_by_field_become_hashes_by_path():
    old = {
        "config": {"task": {"train_path": "a.npz", "test_path": ""}, "network": {}},
        "trainer": {"epoch": 1, "step": 4},
        "stopping": {"best_loss": 1.0},
        "elapsed_seconds": 2.0,
        "data_hashes": {"task.train_path": "12ab"},
    }
    record = Record.from_json(old, "it")
    assert record.data_hashes == {"a.npz": "12ab"}
    assert record.spent.wall_seconds == 2.0 and record.replicas[0].stopping.best_loss == 1.0
    assert Record.from_json(json.loads(json.dumps(record.to_json())), "it") == record
    assert upgrade(record.to_json()) == record.to_json()


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ([], "must be an object"),
        ({"format": 3}, "of format 3, but this freqjax reads up to 2"),
        ({"format": 2}, "cannot be read"),
        ({}, "cannot be read"),
    ],
)
def test_a_record_that_cannot_be_read_is_a_sentence(values, part):
    with pytest.raises(UserError, match=part):
        Record.from_json(values, "the checkpoint")
