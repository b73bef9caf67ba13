"""Checkpoints survive what disks, kills and people do to them, or say that they did not."""

import json
import logging
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from freqjax.checkpoints import manifests
from freqjax.checkpoints.store import CheckpointStore, export_params_only, read_meta, restore_params
from freqjax.errors import UserError
from tests.checkpoints import checkpoint_victim
from tests.checkpoints.checkpoint_victim import metric_at, state_at
from tests.processes import running
from tests.root import ROOT


class Carry(NamedTuple):
    c: Any
    h: Any


class Training(NamedTuple):
    optimizer: Any
    updates: Any
    carry: Carry
    key: Any
    extra: Any


def make_params(seed: int = 0) -> dict:
    draw = np.random.default_rng(seed).normal
    return {
        "LSTM_0": {"ii": {"kernel": jnp.asarray(draw(size=(3, 8)), jnp.float32)}},
        "Dense_0": {
            "kernel": jnp.asarray(draw(size=(8, 1)), jnp.float32),
            "bias": jnp.asarray(draw(size=1), jnp.bfloat16),
        },
    }


def make_training(seed: int = 0) -> Training:
    params = make_params(seed)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    state = optimizer.init(params)
    _, state = optimizer.update(jax.tree.map(jnp.ones_like, params), state)
    extra = {
        "mask": jnp.array([True, False]),
        "nothing": jnp.zeros((0, 3), jnp.int8),
        "keys": jax.random.split(jax.random.key(seed, impl="rbg"), 3),
        "none": None,
        "odd": jnp.array([np.nan, -0.0, np.inf, 1e-45], jnp.float32),
        "host": np.arange(3, dtype=np.float32),
    }
    carry = Carry(jnp.full((2, 8), seed, jnp.float32), jnp.zeros((2, 8)))
    return Training(state, jnp.int32(seed), carry, jax.random.key(seed), extra)


def bits(leaf: Any) -> tuple:
    """Return what two leaves must share to be bitwise equal."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        impl = str(jax.random.key_impl(leaf))
        return (impl, *bits(jax.random.key_data(leaf)))
    array = np.asarray(leaf)
    return str(array.dtype), array.shape, array.tobytes()


def assert_same(left: Any, right: Any) -> None:
    assert jax.tree.structure(left) == jax.tree.structure(right)
    assert [bits(a) for a in jax.tree.leaves(left)] == [bits(b) for b in jax.tree.leaves(right)]


def unexpected(message: str) -> None:
    raise AssertionError(f"unexpected warning: {message}")


def open_store(directory: Path, warn: Any = unexpected, **options: Any) -> CheckpointStore:
    return CheckpointStore(directory, warn=warn, **options)


def fill(directory: Path, steps: Any = (1, 2), **options: Any) -> None:
    """Save the states of `steps`; the metric falls with the step."""
    with open_store(directory) as store:
        for step in steps:
            store.save(step, *state_at(step), {"step": step}, metric=-step, **options)


def on_disk(directory: Path) -> list[int]:
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())


def step_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flip_bit(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def assert_falls_back(directory: Path, damaged: int, good: int) -> None:
    """Check that restoring skips step `damaged`, reports it once, and returns step `good`."""
    warnings: list[str] = []
    with open_store(directory, warn=warnings.append, read_only=True) as store:
        restored = store.restore_last(*state_at(0))
    assert restored is not None and restored.step == good
    assert_same((restored.params, restored.training), state_at(good))
    assert len(warnings) == 1 and str(directory / str(damaged)) in warnings[0]


def test_round_trip_is_bitwise_and_of_the_same_types(tmp_path):
    meta = {"config": {"hidden": 64, "rate": 1e-3, "name": "χ"}, "seen": 2**40}
    with open_store(tmp_path) as store:
        store.save(7, make_params(1), make_training(1), meta, metric=0.5)
    with open_store(tmp_path) as store:
        restored = store.restore_last(make_params(), make_training())
        assert restored is not None
        assert_same(restored.params, make_params(1))
        assert_same(restored.training, make_training(1))
        assert (restored.step, restored.meta) == (7, meta)
        structs = jax.eval_shape(lambda: (make_params(), make_training()))
        from_structs = store.restore_last(*structs)
    assert from_structs is not None
    assert_same(from_structs.training, make_training(1))


def test_restored_arrays_are_uncommitted_and_own_their_memory(tmp_path):
    device = jax.devices()[0]
    params = jax.device_put(make_params(), device)
    with open_store(tmp_path) as store:
        store.save(0, params, make_training(), {}, metric=0.0)
        restored = store.restore_best(params)
    assert restored is not None
    for leaf in jax.tree.leaves((restored.params, restored.training)):
        assert isinstance(leaf, jax.Array) and not leaf.committed
        assert leaf.sharding == jax.sharding.SingleDeviceSharding(device)


def test_a_restored_key_continues_the_same_stream(tmp_path):
    fill(tmp_path, [3])
    with open_store(tmp_path) as store:
        restored = store.restore_last(*state_at(0))
    assert restored is not None and restored.training is not None
    key = jax.random.fold_in(restored.training.key, 5)
    same = jax.random.fold_in(jax.random.key(3), 5)
    np.testing.assert_array_equal(jax.random.normal(key, (4,)), jax.random.normal(same, (4,)))


def test_parameterless_networks_can_be_saved(tmp_path):
    with open_store(tmp_path) as store:
        store.save(0, {}, (), {}, metric=0.0)
        restored = store.restore_last({}, ())
    assert restored is not None and (restored.params, restored.training) == ({}, ())


def test_an_orbax_manager_reads_the_same_folders(tmp_path):
    fill(tmp_path)
    args = ocp.args.Composite(params=ocp.args.StandardRestore())
    with ocp.CheckpointManager(tmp_path) as manager:
        assert list(manager.all_steps()) == [1, 2]
        params = manager.restore(2, args=args).params
    np.testing.assert_array_equal(
        params["Dense_0/kernel"], state_at(2)[0]["Dense_0"]["kernel"], strict=True
    )


def test_nothing_there_is_none(tmp_path):
    with open_store(tmp_path) as store:
        assert store.restore_last({}, {}) is None
        assert store.restore_best({}) is None
    with open_store(tmp_path / "absent", read_only=True) as store:
        assert store.restore_last({}, {}) is None
    assert not (tmp_path / "absent").exists()


def test_retention_keeps_newest_two_best_and_kept(tmp_path):
    metrics = {1: 5.0, 2: 4.0, 3: 1.0, 4: 3.0, 5: 2.0, 6: 9.0, 7: 1.0}
    expected = {
        1: [1],
        2: [1, 2],
        3: [2, 3],
        4: [2, 3, 4],
        5: [2, 3, 4, 5],
        6: [2, 3, 5, 6],
        7: [2, 6, 7],  # the newer of equals is the best
    }
    for step, metric in metrics.items():
        with open_store(tmp_path) as store:
            store.save(step, *state_at(step), {}, metric=metric, keep=step == 2)
        assert on_disk(tmp_path) == expected[step]
        manifests = sorted(int(path.stem) for path in (tmp_path / "manifests").iterdir())
        assert manifests == expected[step]
        assert sorted(path.name for path in tmp_path.iterdir() if not path.name.isdecimal()) == [
            "manifests"
        ]
    with open_store(tmp_path) as store:
        best = store.restore_best(state_at(0)[0])
    assert best is not None and best.step == 7


@pytest.mark.parametrize("metric", [float("nan"), float("inf"), -float("inf")])
def test_a_metric_that_is_not_finite_is_the_worst(tmp_path, metric):
    with open_store(tmp_path) as store:
        store.save(1, *state_at(1), {}, metric=3.0)
        for step in (2, 3, 4, 5):
            store.save(step, *state_at(step), {}, metric=metric)
        best = store.restore_best(state_at(0)[0])
    assert best is not None and best.step == 1
    assert on_disk(tmp_path) == [1, 4, 5]


def test_every_flipped_bit_is_found(tmp_path):
    fill(tmp_path, (1, 2))
    rng = random.Random(0)
    files = step_files(tmp_path / "2")
    assert len(files) > 10
    for path in files + rng.choices(files, k=60):
        original = path.read_bytes()
        flip_bit(path, rng)
        assert_falls_back(tmp_path, damaged=2, good=1)
        path.write_bytes(original)


def test_every_flipped_bit_of_a_manifest_is_found(tmp_path):
    fill(tmp_path, (1, 2))
    rng = random.Random(1)
    path = tmp_path / "manifests" / "2.json"
    original = path.read_bytes()
    content = json.loads(original)
    for _ in range(100):
        flip_bit(path, rng)
        try:
            harmless = json.loads(path.read_bytes()) == content  # white space
        except ValueError:
            harmless = False
        if not harmless:
            assert_falls_back(tmp_path, damaged=2, good=1)
        path.write_bytes(original)


@pytest.mark.parametrize("damage", ["truncated", "missing", "half-deleted", "no manifest", "empty"])
def test_incomplete_steps_are_passed_over(tmp_path, damage):
    fill(tmp_path, (1, 2))
    files = step_files(tmp_path / "2")
    largest = max(files, key=lambda path: path.stat().st_size)
    if damage == "truncated":
        os.truncate(largest, largest.stat().st_size // 2)
    elif damage == "missing":
        largest.unlink()
    elif damage == "half-deleted":
        for path in files[::2]:
            path.unlink()
    elif damage == "no manifest":
        (tmp_path / "manifests" / "2.json").unlink()
    else:
        shutil.rmtree(tmp_path / "2")
        (tmp_path / "2").mkdir()
    assert_falls_back(tmp_path, damaged=2, good=1)

    warnings: list[str] = []
    with open_store(tmp_path, warn=warnings.append) as store:
        best = store.restore_best(state_at(0)[0])
        assert best is not None and best.step == 1 and len(warnings) == 1
        with pytest.raises(UserError, match="2 exists already"):
            store.save(2, *state_at(2), {}, metric=0.0)
        store.discard_after(1)
        store.save(2, *state_at(2), {}, metric=0.0)
        last = store.restore_last(*state_at(0))
    assert last is not None and last.step == 2 and len(warnings) == 1


def test_none_good_is_an_error(tmp_path):
    fill(tmp_path, (1, 2))
    for step in (1, 2):
        flip_bit(step_files(tmp_path / str(step))[-1], random.Random(step))
    warnings: list[str] = []
    everything = pytest.raises(UserError, match=r"every checkpoint in .* is damaged")
    with open_store(tmp_path, warn=warnings.append) as store, everything:
        store.restore_last(*state_at(0))
    assert len(warnings) == 2
    assert on_disk(tmp_path) == [1, 2]


def test_an_existing_step_is_never_replaced(tmp_path):
    fill(tmp_path)
    before = {path: path.read_bytes() for path in step_files(tmp_path)}
    with open_store(tmp_path) as store, pytest.raises(UserError, match="checkpoint 2 exists"):
        store.save(2, *state_at(9), {}, metric=0.0)
    assert {path: path.read_bytes() for path in step_files(tmp_path)} == before


def test_going_back_discards_the_abandoned_future(tmp_path):
    fill(tmp_path, (1, 2, 3), keep=True)
    with open_store(tmp_path) as store:
        store.discard_after(1)
        assert on_disk(tmp_path) == [1]
        store.discard_after(1)
        store.save(2, *state_at(42), {"again": True}, metric=0.0)
        restored = store.restore_last(*state_at(0))
    assert restored is not None
    assert_same((restored.params, restored.training), state_at(42))
    assert (restored.step, restored.meta) == (2, {"again": True})


def test_leaves_that_differ_are_named(tmp_path):
    with open_store(tmp_path) as store:
        store.save(1, make_params(), make_training(), {}, metric=0.0)

        wrong = make_params()
        wrong["Dense_0"]["kernel"] = wrong["Dense_0"]["kernel"].astype(jnp.bfloat16)
        with pytest.raises(UserError, match=r"Dense_0/kernel is float32\[8,1\] .* bfloat16\[8,1\]"):
            store.restore_last(wrong, make_training())

        wrong = make_params()
        wrong["LSTM_0"]["ii"]["kernel"] = jnp.zeros((3, 9))
        with pytest.raises(UserError, match=r"LSTM_0/ii/kernel is float32\[3,8\] .*float32\[3,9\]"):
            store.restore_best(wrong)

        wrong = make_params()
        wrong["Dense_1"] = wrong.pop("Dense_0")
        with pytest.raises(UserError, match=r"Dense_1/bias is absent there and bfloat16\[1\] here"):
            store.restore_last(wrong, make_training())

        training = make_training()._replace(updates=jnp.float32(0))
        with pytest.raises(UserError, match=r"training updates is int32\[\] there and float32\[\]"):
            store.restore_last(make_params(), training)

        training = make_training()._replace(key=jax.random.key(0, impl="rbg"))
        with pytest.raises(UserError, match=r"training key is key<fry>\[\] .* key<rbg>\[\]"):
            store.restore_last(make_params(), training)


def test_leaves_that_would_be_cut_are_refused(tmp_path):
    with open_store(tmp_path) as store:
        for leaf in (3, 0.5, np.int64(2**40), np.zeros(2)):
            with pytest.raises(TypeError, match=r"leaf counts/seen is (int64|float64)"):
                store.save(1, {}, {"counts": {"seen": leaf}}, {}, metric=0.0)
        with pytest.raises(TypeError, match="JSON serializable"):
            store.save(1, {}, {}, {"path": tmp_path}, metric=0.0)
        with pytest.raises(TypeError, match="same name"):
            store.save(1, {"a/b": jnp.ones(1), "a": {"b": jnp.ones(1)}}, {}, {}, metric=0.0)
        with pytest.raises(ValueError, match="step must be 0 or more"):
            store.save(-1, {}, {}, {}, metric=0.0)
        assert on_disk(tmp_path) == []


def test_float64_is_not_cut_on_the_way_in(tmp_path):
    struct = jax.ShapeDtypeStruct((2,), np.float64)
    with open_store(tmp_path / "checkpoints") as store:
        with jax.enable_x64(True):
            store.save(1, {"w": jnp.asarray([0.1, 0.2], np.float64)}, {}, {}, metric=0.0)
        with pytest.raises(UserError, match=r"leaf w is float64\[2\].*x64"):
            store.restore_last({"w": struct}, {})
        with jax.enable_x64(True):
            restored = store.restore_last({"w": struct}, {})
    assert restored is not None and restored.params["w"].dtype == np.float64


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    directory = tmp_path / "checkpoints"
    with monkeypatch.context() as future:
        future.setattr(manifests, "FORMAT_VERSION", 2)
        fill(directory, (1,))
    before = step_files(tmp_path)
    with pytest.raises(UserError, match="has format 2, but this freqjax reads up to 1"):
        open_store(directory)
    with open_store(directory, read_only=True) as store, pytest.raises(UserError, match="format 2"):
        store.restore_last(*state_at(0))
    for path in (tmp_path, directory / "1"):
        with pytest.raises(UserError, match="format 2"):
            read_meta(path, warn=unexpected)
    assert step_files(tmp_path) == before


def test_read_only_touches_nothing(tmp_path):
    fill(tmp_path)
    (tmp_path / "unfinished-3").mkdir()  # a save that goes on in another process
    before = sorted(tmp_path.rglob("*"))
    with open_store(tmp_path, read_only=True) as store:
        assert store.restore_last(*state_at(0)) is not None
        with pytest.raises(RuntimeError, match="read-only"):
            store.save(3, *state_at(3), {}, metric=0.0)
        with pytest.raises(RuntimeError, match="read-only"):
            store.discard_after(0)
    assert sorted(tmp_path.rglob("*")) == before


def test_leftovers_of_a_kill_are_swept_up(tmp_path):
    fill(tmp_path)
    for leftover in ("unfinished-ab_d12x4/3.orbax-checkpoint-tmp/params", "trash/1/params"):
        (tmp_path / leftover).mkdir(parents=True)
        (tmp_path / leftover / "file").write_text("half")
    (tmp_path / "manifests" / "3.tmp").write_text("{")
    (tmp_path / "manifests" / "1.json").rename(tmp_path / "manifests" / "9.json")
    shutil.rmtree(tmp_path / "1")
    (tmp_path / "notes.txt").write_text("the user's own")
    open_store(tmp_path).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "manifests", "notes.txt"]
    assert [path.name for path in (tmp_path / "manifests").iterdir()] == ["2.json"]


def test_a_folder_that_cannot_be_made_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write checkpoints in .*file"):
        open_store(tmp_path / "file" / "checkpoints")


# Failing disks.


@pytest.mark.parametrize("limit", [0, 300, 2000, 6000])
def test_a_full_disk_leaves_the_earlier_ones_good(tmp_path, limit, capfd):
    """A limit on the size of files stands in for the disk; each size fails another file first."""
    threads = set(threading.enumerate())
    with open_store(tmp_path) as store:
        for step in (1, 2, 3):
            store.save(step, *state_at(step), {}, metric=step)
        assert on_disk(tmp_path) == [1, 2, 3]
        before = {path: path.read_bytes() for path in step_files(tmp_path)}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(
                UserError, match=f"cannot save checkpoint 4 in {tmp_path}: File too large"
            ):
                store.save(4, *state_at(4), {}, metric=0.0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert on_disk(tmp_path) == [1, 2, 3]
        assert {path: path.read_bytes() for path in before} == before
        restored = store.restore_best(state_at(0)[0])
        assert restored is not None and restored.step == 1
        store.save(4, *state_at(4), {}, metric=0.0)  # once there is room again
        restored = store.restore_best(state_at(0)[0])
        assert restored is not None and restored.step == 4
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=5)  # one that waits for what never comes would hold up the exit
        assert not thread.is_alive()
    open_store(tmp_path).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4", "manifests"]
    assert capfd.readouterr() == ("", "")


class Killed(BaseException):
    """Substitute for a kill: an exception that the program does not handle."""


DISK_CALLS = ("replace", "rename", "fsync", "unlink", "mkdir", "rmdir")


def run_until_disk_call(monkeypatch, count: int, error: BaseException | None, action: Any) -> int:
    """Run `action`, raising `error` from the `count`-th change of the disk on; return the calls.

    What orbax writes itself is one change, as its rename makes it.
    """
    calls = 0

    def counting(original: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if error is not None and calls >= count:
                raise error
            return original(*args, **kwargs)

        return counted

    with monkeypatch.context() as patched:
        for name in DISK_CALLS:
            patched.setattr(os, name, counting(getattr(os, name)))
        action()
    return calls


@pytest.mark.parametrize("error", [Killed(), OSError(28, "No space left on device")], ids=repr)
def test_an_end_at_any_change_of_the_disk(tmp_path, monkeypatch, error):
    """Whatever change is the last one made, the newest and the best step stay what they were.

    Step 4 becomes the best, and its saving removes steps 1 (the best before) and 2.
    """
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # counted below, but not waited for
    base = tmp_path / "base"
    with open_store(base) as store:
        for step, metric in ((1, 1.0), (2, 5.0), (3, 5.0)):
            store.save(step, *state_at(step), {}, metric=metric)

    def save_fourth(directory: Path) -> None:
        with open_store(directory) as store:
            store.save(4, *state_at(4), {}, metric=0.0)

    probe = tmp_path / "probe"
    shutil.copytree(base, probe)
    total = run_until_disk_call(monkeypatch, 0, None, lambda: save_fourth(probe))
    assert total > 40 and on_disk(probe) == [3, 4]
    saved = 0
    sample = random.Random(4).sample(range(1, total - 12), 8)
    for count in (*sample, *range(total - 11, total + 1)):
        directory = tmp_path / str(count)
        shutil.copytree(base, directory)
        try:
            made = run_until_disk_call(
                monkeypatch, count, error, lambda directory=directory: save_fourth(directory)
            )
        except (Killed, UserError):
            pass
        else:
            # How many calls orbax's threads make varies by a few: this save was over before the end.
            assert made < count
        with open_store(directory) as store:
            last = store.restore_last(*state_at(0))
            best = store.restore_best(state_at(0)[0])
            assert last is not None and best is not None
            assert (last.step, best.step) in ((3, 1), (4, 4))
            assert_same((last.params, last.training), state_at(last.step))
            saved += last.step == 4
            store.discard_after(last.step)
            store.save(5, *state_at(5), {}, metric=9.0)
        assert on_disk(directory) == sorted({best.step, last.step, 5})
        shutil.rmtree(directory)
    assert 0 < saved < 20


@pytest.mark.slow
def test_kill_at_any_moment(tmp_path):
    """Twelve kills of a process that saves in a loop, each resumed by the next process."""
    rng = random.Random(2)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, checkpoint_victim.__file__, str(tmp_path)]
    reached = 0
    for kill in range(12):
        with running(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as victim:
            assert victim.stdout is not None and victim.stderr is not None
            assert victim.stdout.readline().split() == ["ready", str(reached)], victim.stderr.read()
            # Every other one is killed in its first saves; the rest make progress for certain.
            lines = [victim.stdout.readline()] if kill % 2 else []
            time.sleep(rng.uniform(0.0, 0.25))
            victim.send_signal(signal.SIGKILL)
            lines += victim.stdout.readlines()
            promised = [int(line.split()[1]) for line in lines if line.endswith("\n")]
        assert victim.returncode == -signal.SIGKILL
        with open_store(tmp_path, read_only=True) as store:
            last = store.restore_last(*state_at(0))
            best = store.restore_best(state_at(0)[0])
        if last is None:
            assert not promised and reached == 0
            continue
        assert best is not None
        # What the process saw saved is there; one more may have been finished unseen.
        assert max([reached, *promised]) <= last.step <= max([reached, *promised]) + 1
        assert best.step == min(range(1, last.step + 1), key=metric_at)
        assert_same((last.params, last.training), state_at(last.step))
        assert_same(best.params, state_at(best.step)[0])
        assert (last.meta, best.meta) == ({"step": last.step}, {"step": best.step})
        reached = last.step
    assert reached >= 6
    open_store(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {*map(str, on_disk(tmp_path)), "manifests"}


# Evaluation.


def make_run(run: Path) -> Path:
    """Return a run whose best step is 2 and newest 4."""
    with open_store(run / "checkpoints") as store:
        for step, metric in ((1, 4.0), (2, 1.0), (3, 3.0), (4, 2.0)):
            store.save(step, *state_at(step), {"step": step}, metric=metric)
    return run


def test_a_run_means_its_best_step_and_a_step_means_itself(tmp_path):
    run = make_run(tmp_path / "run")
    template = state_at(0)[0]
    for path, step in ((run, 2), (run / "checkpoints" / "4", 4)):
        assert read_meta(path, warn=unexpected)[:4] == (step, None, None, {"step": step})
        restored = restore_params(path, template, warn=unexpected)
        assert_same(restored.params, state_at(step)[0])
        assert (restored.step, restored.training, restored.meta) == (step, None, {"step": step})


def test_evaluation_needs_no_training_item_and_writes_nothing(tmp_path):
    run = make_run(tmp_path / "run")
    shutil.rmtree(run / "checkpoints" / "2" / "training")
    before = sorted(run.rglob("*"))
    restored = restore_params(run, state_at(0)[0], warn=unexpected)
    assert_same(restored.params, state_at(2)[0])
    assert sorted(run.rglob("*")) == before


def test_damage_is_passed_over_in_a_run_and_refused_in_a_step(tmp_path):
    run = make_run(tmp_path / "run")
    flip_bit(max((run / "checkpoints" / "2" / "params").rglob("*/d/*")), random.Random(3))
    warnings: list[str] = []
    assert restore_params(run, state_at(0)[0], warn=warnings.append).step == 4
    assert len(warnings) == 1 and "checkpoints/2 is damaged" in warnings[0]
    with pytest.raises(UserError, match=r"checkpoints/2 is damaged: its file .* differs"):
        restore_params(run / "checkpoints" / "2", state_at(0)[0], warn=unexpected)
    (run / "checkpoints" / "manifests" / "4.json").unlink()
    with pytest.raises(UserError, match="checkpoints/4 is damaged: it has no manifest"):
        read_meta(run / "checkpoints" / "4", warn=unexpected)


def test_a_damaged_training_state_costs_no_weights(tmp_path):
    run = make_run(tmp_path / "run")
    flip_bit(max((run / "checkpoints" / "2" / "training").rglob("*/d/*")), random.Random(3))
    with open_store(run / "checkpoints", read_only=True) as store:
        best = store.restore_best(state_at(0)[0])
    assert best is not None and (best.step, best.training) == (2, None)
    shutil.rmtree(run / "checkpoints" / "4" / "training")
    warnings: list[str] = []
    with open_store(run / "checkpoints", warn=warnings.append, read_only=True) as store:
        last = store.restore_last_params(state_at(0)[0])
        whole = store.restore_last(*state_at(0))
        store.restore_last(*state_at(0))
    assert last is not None and (last.step, last.meta) == (4, {"step": 4})
    assert whole is not None and (whole.step, whole.meta) == (3, {"step": 3})
    assert len(warnings) == 1 and "checkpoints/4 is damaged" in warnings[0]  # told once


def test_what_is_no_checkpoint_is_refused(tmp_path):
    run = make_run(tmp_path / "run")
    (tmp_path / "empty" / "checkpoints").mkdir(parents=True)
    (tmp_path / "7").mkdir()
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path / "absent", "does not exist"),
        (tmp_path / "empty", "there is no checkpoint in"),
        (tmp_path / "7", "is not a checkpoint"),
        (tmp_path / "file", "is not a checkpoint"),
        (run / "checkpoints", "is not a checkpoint"),
        (run / "checkpoints" / "1", "does not exist"),
        (run / "checkpoints" / "manifests" / "2.json", "is not a checkpoint"),
    ):
        with pytest.raises(UserError, match=message):
            read_meta(path, warn=unexpected)
    with pytest.raises(UserError, match="Dense_0/kernel"):
        restore_params(run, {"Dense_0": {"kernel": jnp.zeros(3)}}, warn=unexpected)


def test_export_keeps_params_and_meta_only(tmp_path):
    run, shipped = make_run(tmp_path / "run"), tmp_path / "shipped"
    folder = export_params_only(run, shipped, warn=unexpected)
    assert folder == shipped / "checkpoints" / "2"
    assert sum(path.stat().st_size for path in step_files(shipped)) < 100_000
    assert not (folder / "training").exists()
    moved = tmp_path / "moved"
    shipped.rename(moved)
    for path in (moved, moved / "checkpoints" / "2"):
        restored = restore_params(path, state_at(0)[0], warn=unexpected)
        assert_same(restored.params, state_at(2)[0])
        assert (restored.step, restored.meta) == (2, {"step": 2})
    no_training = pytest.raises(UserError, match="exported without its training state")
    with open_store(moved / "checkpoints", read_only=True) as store, no_training:
        store.restore_last(*state_at(0))
    with pytest.raises(UserError, match="checkpoint 2 exists already"):
        export_params_only(run, moved, warn=unexpected)
    export_params_only(run / "checkpoints" / "4", moved, warn=unexpected)
    assert on_disk(moved / "checkpoints") == [2, 4]


# Manners.


def new_threads(before):
    """Return the threads that stay: one that ends may do so a little later on a busy machine."""
    deadline = time.monotonic() + 5
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def test_no_thread_outlives_a_save(tmp_path):
    before = set(threading.enumerate())
    with open_store(tmp_path) as store:
        store.save(1, *state_at(1), {}, metric=0.0)
        assert not new_threads(before)
        store.restore_last(*state_at(0))
    assert not new_threads(before)


def test_orbax_is_silent_and_others_are_not(tmp_path, capfd):
    from absl import logging as absl_logging

    verbosity = absl_logging.get_verbosity()
    root_handlers = list(logging.root.handlers)
    absl_logging.set_verbosity(absl_logging.INFO)
    absl_logging.use_absl_handler()
    handler = absl_logging.get_absl_handler()
    try:
        fill(tmp_path)
        assert capfd.readouterr() == ("", "")
        with open_store(tmp_path, read_only=True) as store:
            assert store.restore_last(*state_at(0)) is not None
        assert capfd.readouterr() == ("", "")
        absl_logging.info("the program's own")
        assert "the program's own" in capfd.readouterr().err
    finally:
        absl_logging.set_verbosity(verbosity)
        if handler not in root_handlers:
            logging.root.removeHandler(handler)


def test_importing_the_module_does_not_import_orbax():
    code = "import sys, freqjax.checkpoints.store; sys.exit('orbax' in sys.modules)"
    root = ROOT
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=60)
