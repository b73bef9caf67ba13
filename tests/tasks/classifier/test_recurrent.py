"""The recurrent encoder: a loop by hand, samples that are missing, and what a later sample changes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import freqjax
from freqjax import ClassifierConfig, NetworkConfig
from freqjax.errors import UserError
from freqjax.tasks.classifier import parts
from freqjax.tasks.classifier.network.classifier import ClassifierNetwork
from freqjax.tasks.classifier.network.layout import Layout, Modality
from freqjax.tasks.classifier.network.recurrent import Recurrent
from tests.tasks.classifier.test_task import config_of, write

N, L, H = 5, 9, 6
LAYOUT = Layout(L, {"pose": 3, "gaze": 2})


def make(**fields) -> Recurrent:
    config = NetworkConfig(**{"cell": "rnn", "hidden_size": H, **fields})
    network = parts.make(ClassifierConfig(encoder="recurrent"), config, LAYOUT, 4, 4)
    assert isinstance(network, ClassifierNetwork) and isinstance(network.encoder, Recurrent)
    return network.encoder


def draw(seed=0, lengths=(9, 4, 1, 0, 7)) -> dict[str, Modality]:
    """Draw N windows of these lengths, with gaps in each modality."""
    random = np.random.default_rng(seed)
    found = {}
    for name, count in LAYOUT.channels.items():
        present = random.random((N, L)) < 0.7
        present &= np.arange(L) < np.array(lengths)[:, None]
        values = random.normal(size=(N, L, count)) * present[..., None]
        found[name] = Modality(jnp.asarray(values, jnp.float32), jnp.asarray(present))
    return found


def loop(params, windows):
    """Return states [N, L, H] and features of a layer of tanh units, sample by sample."""
    weights = jax.tree.map(np.asarray, params)
    layer, head = weights["layer_0"], weights["head"]
    states = np.zeros((N, L, H))
    features = np.zeros((N, 2 * H))
    for n in range(N):
        h, state, read = np.zeros(H), np.zeros(H), []
        for t in range(L):
            flags = [bool(part.present[n, t]) for part in windows.values()]
            if any(flags):
                x = np.concatenate([*(np.asarray(p.values[n, t]) for p in windows.values()), flags])
                h = np.tanh(
                    x @ layer["input"]["kernel"]
                    + layer["input"]["bias"]
                    + h @ layer["recurrent"]["kernel"]
                    + layer["recurrent"]["bias"]
                )
                state = h @ head["kernel"] + head["bias"]
                read.append(state)
            states[n, t] = state
        features[n] = np.concatenate([state, np.mean(read, axis=0) if read else np.zeros(H)])
    return states, features


def test_states_and_features_are_those_of_a_loop_that_skips_what_is_missing():
    encoder, windows = make(), draw()
    params = encoder.init(jax.random.key(0))
    states, features = loop(params, windows)
    np.testing.assert_allclose(encoder.states(params, windows), states, atol=1e-5)
    np.testing.assert_allclose(encoder(params, windows), features, atol=1e-5)


@pytest.mark.parametrize(("cell", "layers"), [("rnn", 2), ("gru", 1), ("lstm", 1), ("lru", 1)])
def test_a_later_sample_leaves_the_state_at_an_earlier_one(cell, layers):
    encoder, windows = make(cell=cell, layers=layers), draw(lengths=(9,) * N)
    assert encoder.is_causal
    params = encoder.init(jax.random.key(0))
    other = draw(1, lengths=(9,) * N)
    mixed = {
        name: Modality(
            jnp.concatenate([part.values[:, :5], other[name].values[:, 5:]], axis=1),
            jnp.concatenate([part.present[:, :5], other[name].present[:, 5:]], axis=1),
        )
        for name, part in windows.items()
    }
    found, changed = (np.asarray(encoder.states(params, given)) for given in (windows, mixed))
    np.testing.assert_array_equal(found[:, :5], changed[:, :5])
    assert np.abs(found[:, 5:] - changed[:, 5:]).max() > 1e-3


def test_both_ways_padding_and_gaps_change_nothing():
    """A window is that of its samples alone, wherever those stand; only the later ones reach an earlier."""
    encoder = make(cell="gru", bidirectional=True)
    assert not encoder.is_causal
    params = encoder.init(jax.random.key(0))
    windows = draw()
    there = np.any([np.asarray(part.present) for part in windows.values()], axis=0)
    moved = {}
    for name, part in windows.items():
        values, present = np.zeros(part.values.shape, np.float32), np.zeros((N, L), bool)
        for n in range(N):
            rows = np.flatnonzero(there[n])
            values[n, L - len(rows) :] = np.asarray(part.values)[n, rows]
            present[n, L - len(rows) :] = np.asarray(part.present)[n, rows]
        moved[name] = Modality(jnp.asarray(values), jnp.asarray(present))
    np.testing.assert_allclose(encoder(params, moved), encoder(params, windows), atol=1e-6)


def test_features_are_dropped_between_layers_with_a_key():
    encoder, windows = make(cell="gru", layers=2, dropout=0.5), draw()
    params = encoder.init(jax.random.key(0))
    kept = encoder(params, windows)
    dropped = encoder(params, windows, jax.random.key(1))
    assert np.abs(np.asarray(kept) - np.asarray(dropped))[0].max() > 1e-3


@pytest.mark.parametrize(
    ("task", "network", "said"),
    [
        ({}, {"layers": 2}, "network.layers is 2: it must be 1 where task.encoder is convolutions"),
        ({}, {"bidirectional": True}, "network.bidirectional is True: it must be False"),
        (
            {"encoder": "recurrent", "context": "past"},
            {"cell": "lru"},
            "network.cell is lru: it must be a cell of layers where task.context is past",
        ),
    ],
)
def test_what_an_encoder_does_not_read_is_refused(tmp_path, task, network, said):
    config = config_of(write(tmp_path / "a.npz"), **task)
    for name, value in network.items():
        setattr(config.network, name, value)
    with pytest.raises(UserError, match=said):
        freqjax.train(config, tmp_path / "run", say=lambda line: None)


def test_a_run_learns_slopes(tmp_path):
    config: Any = config_of(write(tmp_path / "a.npz"), encoder="recurrent")
    config.train.epochs = 25
    summary = freqjax.train(config, tmp_path / "run", say=lambda line: None)
    assert summary["test"]["accuracy"] > 0.7
