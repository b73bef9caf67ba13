"""Replicas that the workers of a Dask cluster train are those of one machine, even if a worker is lost."""

import json
import os
import signal
import sys
import threading
import time

import pytest

from freqjax import UserError, sweep
from freqjax.checkpoints.rows import read as read_rows
from freqjax.config import overrides
from freqjax.config.sections import RunConfig, SweepConfig
from freqjax.run import experiment
from freqjax.sweep import axes, workers
from tests.twins import tiny_config

distributed = pytest.importorskip("distributed", reason="Dask is not installed")

# What differs from one training to the next: times.
TIMES = ("seconds", "us", "memory")


def windows_of(seeds, scheduler="", epochs=3):
    """Return the config of a sweep over seeds whose replicas share no program."""
    config = tiny_config(
        train={"regime": "windows", "epochs": epochs, "diagnose": False, "page": False},
        windows={"length": 20, "stride": 20, "batch": 4},
    )
    config.sweep = SweepConfig(axes={"train.seed": tuple(seeds)})
    config.run = RunConfig(scheduler=scheduler)
    return overrides.apply(config, [])


def run(config, folder, said=None, *, resume=False):
    say = (lambda line: None) if said is None else said.append
    sweep.run(config, folder, resume=resume, figures=False, say=say)
    found = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    rows = {
        (row["replica"], row["epoch"]): timeless(row)
        for row in read_rows(folder / "metrics.jsonl", pytest.fail)
    }
    return [timeless(row) for row in found["rows"]], rows


def timeless(row):
    return {key: value for key, value in row.items() if not any(part in key for part in TIMES)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Results and rows of a sweep on this machine."""
    return run(windows_of((0, 1, 2)), tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def cluster():
    settings = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"}
    with distributed.LocalCluster(processes=False, protocol="tcp://", **settings) as started:
        yield started


def test_workers_train_what_one_machine_trains(alone, cluster, tmp_path):
    said: list[str] = []
    config = windows_of((0, 1, 2), cluster.scheduler_address)
    assert run(config, tmp_path / "sweep", said) == alone
    assert not any("no worker is there" in line or "by workers" in line for line in said)
    saved = json.loads((tmp_path / "sweep/config.json").read_text(encoding="utf-8"))
    assert saved["run"]["scheduler"] == ""
    # Finished replicas are not trained again, here or there.
    assert run(windows_of((0, 1, 2)), tmp_path / "sweep", resume=True) == alone


def test_what_workers_refuse_is_said_in_one_sentence(cluster, tmp_path, monkeypatch):
    config = windows_of((0, 1), cluster.scheduler_address)
    monkeypatch.setattr(workers, "train", refusing)
    with pytest.raises(
        UserError, match=r"^a worker has freqjax .*: it must have another, as the sweep has\.$"
    ):
        run(config, tmp_path / "sweep")


def refusing(values, chosen, index, topic, version):
    return _TRAIN(values, chosen, index, topic, "another")


_TRAIN = workers.train


def test_schedulers_that_cannot_serve_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_ANSWER", 0.3)
    with pytest.raises(UserError, match=r"tcp://127.0.0.1:9: no Dask scheduler answers there"):
        run(windows_of((0, 1), "tcp://127.0.0.1:9"), tmp_path / "sweep")
    with pytest.raises(
        UserError, match=r"run.scheduler is nonsense: no Dask scheduler answers there"
    ):
        run(windows_of((0, 1), "nonsense"), tmp_path / "sweep")
    both = RunConfig(scheduler="tcp://127.0.0.1:9", coordinator="127.0.0.1:9")
    with (
        pytest.raises(UserError, match=r"it must be empty where run.coordinator is given"),
        workers.connected(both),
    ):
        pass
    config = windows_of((0, 1), "tcp://127.0.0.1:9")
    with pytest.raises(UserError, match=r"it must be empty where there is no sweep"):
        experiment.run(config, tmp_path / "run", resume=False, say=lambda line: None)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"it needs Dask, which pip install 'freqjax\[dask\]' adds"):
        run(windows_of((0, 1), "tcp://127.0.0.1:9"), tmp_path / "sweep")
    assert list(tmp_path.iterdir()) == []


def test_what_shares_a_program_is_trained_here_and_said(cluster):
    config = tiny_config(train={"regime": "full", "streams": "parallel", "epochs": 1})
    config.sweep = SweepConfig(axes={"train.seed": (0, 1)})
    buckets = axes.buckets(axes.replicas(overrides.apply(config, [])), 1.5)
    with workers.connected(RunConfig(scheduler=cluster.scheduler_address)) as client:
        (note,) = workers.notes(client, buckets)
    assert note == "2 replicas share a program with others and are trained here, not by workers."


@pytest.mark.slow
def test_the_replica_of_a_worker_that_is_killed_is_trained_again(tmp_path):
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    expected = run(windows_of((0, 1, 2), epochs=300), tmp_path / "alone")
    with distributed.LocalCluster(processes=True, **settings) as cluster:
        killed = []

        def kill():
            with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
                metrics = tmp_path / "sweep" / "metrics.jsonl"
                while not (
                    metrics.is_file() and metrics.read_text(encoding="utf-8").count("\n") > 5
                ):
                    time.sleep(0.05)
                busy = next(address for address, tasks in client.processing().items() if tasks)
                pid = client.run(os.getpid, workers=[busy])[busy]
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

        thread = threading.Thread(target=kill)
        thread.start()
        found = run(windows_of((0, 1, 2), cluster.scheduler_address, 300), tmp_path / "sweep")
        thread.join()
    assert killed and found == expected
