"""Epochs of so many updates: they go on where the last one ended, in every order of the rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import make_network
from freqjax.tasks import make_task
from freqjax.training.sources import chunk_bounds, make_source
from freqjax.training.trainers import StreamTrainer
from tests.slow import some
from tests.twins import tiny_config

REGIMES = {
    "online": {"regime": "online"},
    "tbptt": {"regime": "tbptt", "truncation": 5},
    "full": {"regime": "full", "streams": "parallel"},
    "windows": {"regime": "windows"},
    "examples": {"regime": "examples", "batch": 1},
}


def parts(name, noise, **train):
    config = tiny_config(
        train=REGIMES[name] | {"divergence_factor": None} | train,
        task={"noise": noise},
        windows={"length": 6, "stride": 4, "batch": 3},
        network={"cell": "rnn"},
    )
    return config, make_task(config.task)


def updates_of(source, epochs):
    found = [source.part(e, k) for e in range(epochs) for k in range(len(source.bounds))]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *found)


@pytest.mark.parametrize("noise", ["fixed", "fresh"])
@pytest.mark.parametrize("name", REGIMES)
def test_epochs_of_so_many_updates_are_the_passes_cut_elsewhere(name, noise):
    config, task = parts(name, noise)
    rows = task.rows("train")
    plain = make_source(task, config, rows, cut=lambda u, r: chunk_bounds(u, r, 3 * r))
    config.train.steps_per_epoch = steps = plain.updates * 2 // 3 + 2
    counted = make_source(task, config, rows, cut=lambda u, r: chunk_bounds(u, r, 4 * r))
    assert counted.updates == steps
    passes, epochs = 3, (3 * plain.updates) // steps
    ours, theirs = updates_of(counted, epochs), updates_of(plain, passes)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(a, b[: len(a)])
    # A run that goes on there asks a source of its own for a part in the middle.
    last = make_source(task, config, rows, cut=lambda u, r: chunk_bounds(u, r, 4 * r))
    number = len(last.bounds) - 1
    for a, b in zip(
        jax.tree.leaves(last.part(epochs - 1, number)),
        jax.tree.leaves(counted.part(epochs - 1, number)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_rows_drawn_are_counted_by_updates():
    config, task = parts("online", "fresh", steps_per_epoch=25)
    source = make_source(task, config, task.rows("train"), cut=lambda u, r: chunk_bounds(u, r, 10))
    assert [source.rows_drawn(1, k) for k in range(3)] == [25, 35, 45]
    config, task = parts("windows", "fresh", steps_per_epoch=3)
    source = make_source(task, config, task.rows("train"))
    assert [source.rows_drawn(e, 0) for e in (0, 1, 2)] == [0, 40, 80]  # four updates to a pass
    config, task = parts("windows", "fixed")
    assert make_source(task, config, task.rows("train")).rows_drawn(3, 0) is None


@pytest.mark.parametrize("name", some(["online", "windows"], "windows"))
def test_such_an_epoch_goes_on_in_its_middle(name, monkeypatch):
    monkeypatch.setattr("freqjax.training.sources.CHUNK_ROWS", 10)
    monkeypatch.setattr("freqjax.training.sources.SHUFFLED_CHUNK_ROWS", 36)
    config, task = parts(name, "fresh", steps_per_epoch={"online": 25, "windows": 3}[name])
    network = make_network(config.network, task)

    def trainer():
        return StreamTrainer(network, task, config, task.rows("train"))

    whole, cut, resumed = trainer(), trainer(), trainer()
    for _ in range(5):
        cut.advance()
    saved = jax.device_get((cut.params, cut.device_state()))
    params, state = jax.tree.map(jnp.asarray, saved)
    resumed.restore(params, state, cut.host_state())
    results = [resumed.advance() for _ in range(4)]
    expected = [whole.advance() for _ in range(9)][5:]
    assert [r and (r.loss, r.row["step"]) for r in results] == [
        r and (r.loss, r.row["step"]) for r in expected
    ]
    assert resumed.step == whole.step
    for a, b in zip(jax.tree.leaves(resumed.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_array_equal(a, b)
