"""Pretraining of an encoder: what is hidden, the loss against NumPy, and which weights learn when."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import freqjax
from freqjax import ClassifierConfig, NetworkConfig
from freqjax.checkpoints import rows as saved_rows
from freqjax.networks import TrainsApart
from freqjax.tasks.classifier import parts
from freqjax.tasks.classifier.network.layout import Layout, Modality
from freqjax.tasks.classifier.network.pretraining import filling_loss, init_filler
from tests.tasks.classifier.test_task import config_of, write

N, L, UPDATES = 5, 12, 3
LAYOUT = Layout(L, {"pose": 2, "gaze": 1})


def windows(seed=0):
    """Draw windows of which one sample of pose is missing, and gaze altogether in one window."""
    random = np.random.default_rng(seed)
    there = {name: np.ones((N, L), bool) for name in LAYOUT.channels}
    there["pose"][0, 4], there["gaze"][1] = False, False
    found = {}
    for name, count in LAYOUT.channels.items():
        values = random.normal(size=(N, L, count)).astype(np.float32)
        values = np.where(there[name][..., None], values, 0)
        found[name] = Modality(jnp.asarray(values), jnp.asarray(there[name]))
    return found


def test_the_loss_is_that_of_what_is_hidden_and_was_present():
    given, seen = windows(), {}
    filler = init_filler(jax.random.key(1), LAYOUT, 4)
    features = np.random.default_rng(1).normal(size=(N, 4)).astype(np.float32)

    def encode(parts):
        seen.update(parts)
        return jnp.asarray(features)

    loss = float(filling_loss(encode, filler, given, jax.random.key(2)))
    guess = features @ np.asarray(filler["kernel"]) + np.asarray(filler["bias"])
    guess = guess.reshape(N, L, 3)
    squares = []
    for n in range(N):
        was, remains = (np.asarray(p["pose"].present[n]) for p in (given, seen))
        hidden = np.flatnonzero(was & ~remains)
        assert hidden.max() - hidden.min() <= L // 4 - 1 and len(hidden) >= L // 4 - 1
        first = 0
        for name, count in LAYOUT.channels.items():
            own, other = given[name], seen[name]
            for t in range(L):
                if own.present[n, t] and not other.present[n, t]:
                    assert not np.any(np.asarray(other.values[n, t]))
                    apart = guess[n, t, first : first + count] - np.asarray(own.values[n, t])
                    squares += list(apart**2)
                else:
                    np.testing.assert_array_equal(other.values[n, t], own.values[n, t])
            first += count
    assert loss == pytest.approx(np.mean(squares), rel=1e-5)


def grads_at(step):
    """Return the gradient of mean loss and penalty, as training takes it, at an update."""
    config = ClassifierConfig(pretraining=UPDATES, smoothing=0.1)
    network = parts.make(config, NetworkConfig(cell="gru", hidden_size=4), LAYOUT, 2, 2)
    assert isinstance(network, TrainsApart)
    params = network.init(jax.random.key(0))
    given = windows()
    values = [np.asarray(p.values).reshape(N, -1) for p in given.values()]
    flags = [np.asarray(p.present, np.float32) for p in given.values()]
    xs: Any = np.concatenate([*values, *flags], axis=1)[None]
    targets: Any = np.eye(2, dtype=np.float32)[np.arange(N) % 2][None]
    resets: Any = np.zeros((1, N), bool)

    @jax.jit
    def loss(params, step):
        found = network.training_pass(params, xs, targets, resets, key=jax.random.key(3), step=step)
        logs = jax.nn.log_softmax(found.outputs, axis=-1)
        return found.penalty - jnp.mean(jnp.sum(logs * targets, axis=-1))

    return jax.grad(loss)(params, jnp.int32(step))


def test_classes_are_learned_only_after_the_updates_that_fill_in():
    first, last, after = (grads_at(step) for step in (0, UPDATES - 1, UPDATES))
    for grads in (first, last):
        assert not np.any(np.asarray(grads["head"]["kernel"]))
        assert np.any(np.asarray(grads["filler"]["kernel"]))
        assert np.any(np.asarray(grads["encoder"]["conv_0"]["kernel"]))
    assert np.any(np.asarray(after["head"]["kernel"]))
    assert not np.any(np.asarray(after["filler"]["kernel"]))


def test_rows_tell_how_many_of_their_updates_learn_no_class(tmp_path):
    config = config_of(write(tmp_path / "a.npz"), pretraining=4)
    config.train.epochs, config.train.batch = 3, 16
    freqjax.train(config, tmp_path / "run", say=lambda line: None)
    rows = saved_rows.read(tmp_path / "run" / "metrics.jsonl", print)
    assert [row["step"] for row in rows] == [3, 6, 9]
    assert [row.get("pretraining") for row in rows] == [3, 1, None]
    # The cross-entropy of outputs of 0 over three classes.
    assert rows[0]["loss"] == pytest.approx(np.log(3), rel=1e-5)
    assert rows[1]["loss"] != pytest.approx(np.log(3), rel=1e-5)


def test_what_follows_from_the_rest_of_a_window_is_filled_in():
    config = ClassifierConfig(pretraining=1)
    layout = Layout(16, {"pose": 1})
    network: Any = parts.make(config, NetworkConfig(hidden_size=16), layout, 2, 2)
    params = network.init(jax.random.key(0))
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, (256, 1))
    waves = np.sqrt(2) * np.sin(2 * np.pi * np.arange(16)[None] / 8 + phase)
    given = {
        "pose": Modality(jnp.asarray(waves[..., None], jnp.float32), jnp.ones((256, 16), bool))
    }
    rule = optax.adam(3e-3)

    def loss(params, key):
        own = {k: params[k] for k in ("encoder", "norm")}
        return filling_loss(lambda x: network._encoded(own, x, None), params["filler"], given, key)

    @jax.jit
    def update(params, state, key):
        value, grads = jax.value_and_grad(loss)(params, key)
        changes, state = rule.update(grads, state, params)
        return optax.apply_updates(params, changes), state, value

    state, losses = rule.init(params), []
    for key in jax.random.split(jax.random.key(1), 150):
        params, state, value = update(params, state, key)
        losses.append(float(value))
    assert losses[0] > 0.8 and np.mean(losses[-10:]) < 0.3


def test_without_pretraining_there_are_no_weights_of_it():
    network = parts.make(ClassifierConfig(), NetworkConfig(hidden_size=4), LAYOUT, 2, 2)
    assert "filler" not in network.init(jax.random.key(0))
