"""A reader beside a run that goes on: a step that goes away while it is read is not damaged."""

import os
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from freqjax.checkpoints import manifests, reading
from freqjax.checkpoints.store import (
    CheckpointStore,
    export_params_only,
    read_meta,
    restore_described,
    restore_params,
)
from freqjax.errors import UserError
from tests.checkpoints import checkpoint_writer
from tests.checkpoints.checkpoint_victim import state_at
from tests.processes import running
from tests.root import ROOT


def template():
    return jax.eval_shape(lambda: state_at(0)[0])


def assert_is_step(found, step):
    assert (found.step, found.meta) == (step, {"step": step})
    kernel = found.params["Dense_0"]["kernel"]
    np.testing.assert_array_equal(kernel, state_at(step)[0]["Dense_0"]["kernel"])


def save(store, step):
    """Save a step that is better than all before."""
    store.save(step, *state_at(step), {"step": step}, metric=-step)


@pytest.fixture
def run(tmp_path):
    """A run of one step."""
    with CheckpointStore(tmp_path / "checkpoints", warn=pytest.fail) as store:
        save(store, 1)
    return tmp_path


def go_on(run, monkeypatch, name, times=1):
    """Let the run save three better steps, which removes the older ones, just before `manifests.<name>`."""
    original, calls = getattr(manifests, name), []
    step = [max(manifests.steps(run / "checkpoints"))]

    def overtaken(*arguments, **options):
        if len(calls) < times:
            calls.append(name)
            with CheckpointStore(run / "checkpoints", warn=pytest.fail) as store:
                for _ in range(3):
                    step[0] += 1
                    with monkeypatch.context() as patch:
                        patch.setattr(manifests, name, original)
                        save(store, step[0])
        return original(*arguments, **options)

    monkeypatch.setattr(manifests, name, overtaken)


@pytest.mark.parametrize("moment", ["read", "prove"])
def test_a_step_that_went_away_is_passed_over_without_a_word(run, monkeypatch, moment):
    go_on(run, monkeypatch, moment)
    assert_is_step(restore_params(run, template(), warn=pytest.fail), 4)


@pytest.mark.parametrize("moment", ["read", "prove"])
def test_meta_and_exports_are_read_again_too(run, tmp_path, monkeypatch, moment):
    go_on(run, monkeypatch, moment)
    assert read_meta(run, warn=pytest.fail).step == 4
    monkeypatch.undo()
    go_on(run, monkeypatch, moment)
    folder = export_params_only(run, tmp_path / "exported", warn=pytest.fail)
    monkeypatch.undo()
    assert_is_step(restore_params(folder, template(), warn=pytest.fail), 7)


def test_a_store_that_only_reads_does_so_as_well(run, monkeypatch):
    go_on(run, monkeypatch, "prove")
    with CheckpointStore(run / "checkpoints", warn=pytest.fail, read_only=True) as store:
        found = store.restore_last_params(template())
    assert found is not None
    assert_is_step(found, 4)


def test_a_step_that_was_named_and_has_gone_is_not_called_damaged(run, monkeypatch):
    go_on(run, monkeypatch, "prove")
    with pytest.raises(
        UserError, match=r"there is no checkpoint at .*checkpoints/1: it does not exist"
    ):
        restore_params(run / "checkpoints" / "1", template(), warn=pytest.fail)


def test_damage_beside_a_run_that_goes_on_is_told_once(run, monkeypatch):
    with CheckpointStore(run / "checkpoints", warn=pytest.fail) as store:
        save(store, 2)
    manifests.path_of(run / "checkpoints", 2).write_text("{")
    go_on(run, monkeypatch, "prove")  # before step 1 is tried in the place of the damaged one
    said = []
    assert_is_step(restore_params(run, template(), warn=said.append), 5)
    assert len(said) == 1 and "checkpoints/2 is damaged" in said[0]


def test_a_reader_that_is_never_quick_enough_says_so(run, monkeypatch):
    monkeypatch.setattr(reading, "_ATTEMPTS", 2)
    go_on(run, monkeypatch, "prove", times=2)
    with pytest.raises(UserError, match="are replaced faster than they can be read"):
        restore_params(run, template(), warn=pytest.fail)


def test_reading_beside_a_process_that_saves_without_a_pause(tmp_path):
    """The first template takes until its step has gone, as the imports of a reader may."""
    seen = []

    def template_of(found):
        seen.append(found.meta["step"])
        end = time.monotonic() + 30
        while len(seen) == 1 and (tmp_path / f"checkpoints/{seen[0]}").exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        return template()

    command = [sys.executable, checkpoint_writer.__file__, str(tmp_path / "checkpoints")]
    with running(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "saved\n"
        assert writer.poll() is None
        found = restore_described(tmp_path, template_of, warn=pytest.fail)
        assert found.step > seen[0]
        assert_is_step(found, found.step)
        for _ in range(10):
            found = restore_described(tmp_path, template_of, warn=pytest.fail)
            assert_is_step(found, found.step)
