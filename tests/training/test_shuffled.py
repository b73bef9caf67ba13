"""Examples: shuffled whole sequences of unequal length, each against a loop over it alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import make_network
from freqjax.training.chunks import make_chunk
from freqjax.training.frozen import choose_forward, group_means, make_forward, make_frozen_losses
from freqjax.training.optimizers import make_schedule
from freqjax.training.sources import make_source
from freqjax.training.streams import padding_resets
from freqjax.training.trainers import StreamTrainer
from freqjax.training.update import state_of
from tests.slow import some
from tests.training.masked import GROUPS, LENGTHS, Masked
from tests.twins import split_of, tiny_config

PLAIN_SGD = {"name": "sgd", "momentum": 0.0, "clip_norm": None, "learning_rate": 1.0}
BOTH_WAYS = {"cell": "gru", "bidirectional": True, "layers": 2, "learned_carry": True}
WEIGHT = np.array([1, 0.5, 2, 1, 0], np.float32)


def parts(network=None, batch=5, padding=0.0, weight=None, last_only=False, **train):
    config = tiny_config(
        network={"hidden_size": 3} | (network or {}),
        train={"regime": "examples", "batch": batch, "divergence_factor": None} | train,
        optimizer=PLAIN_SGD,
    )
    task = Masked(config.task, padding, weight, last_only)
    return config, task, make_network(config.network, task), task.rows("train")


def alone(network, params, rows, number):
    """Return the outputs [length, O] of one sequence, run at its own length."""
    xs = jnp.asarray(rows.inputs[number, : LENGTHS[number]])[:, None]
    resets = jnp.zeros((LENGTHS[number], 1), bool)
    return network.unroll(params, network.init_carry(params, 1), xs, resets)[1][:, 0]


@pytest.mark.parametrize("network", [{}, BOTH_WAYS], ids=["causal", "both ways"])
@pytest.mark.parametrize("last_only", some([False, True], True))
def test_an_update_is_the_gradient_over_what_is_there(network, last_only):
    """Padding of large numbers, weights, one sequence that counts for nothing."""
    config, task, net, rows = parts(network, padding=9.0, weight=WEIGHT, last_only=last_only)
    targets = split_of(task, "train").targets

    def loss(params):
        total = count = 0.0
        for number, (length, weight) in enumerate(zip(LENGTHS, WEIGHT, strict=True)):
            error = alone(net, params, rows, number) - (
                targets[number][None] if last_only else targets[number, :length]
            )
            error = error[-1:] if last_only else error
            total += weight * jnp.sum(jnp.square(error))
            count += weight * len(error)
        return total / count

    source = make_source(task, config, rows)
    state = state_of(net, task, config, net.init(jax.random.key(0)), source.streams)
    state = state._replace(params=jax.tree.map(lambda a: a + 0.1, state.params))
    chunk = make_chunk(net, task, config, make_schedule(config.optimizer, 1, 1), 2)
    after, info = jax.jit(chunk)(state, source.part(0, 0))
    value, grads = jax.jit(jax.value_and_grad(loss))(state.params)
    for a, b, g in zip(*map(jax.tree.leaves, (state.params, after.params, grads)), strict=True):
        np.testing.assert_allclose(a - b, g, atol=2e-6)
    np.testing.assert_allclose(info.loss_sums.sum() / info.row_counts.sum(), value, rtol=1e-5)


def test_an_epoch_holds_every_sequence_once_and_the_last_batch_is_filled_with_nothing():
    config, task, net, rows = parts(batch=3)
    source = make_source(task, config, rows)
    assert (source.updates, source.streams, source.rows) == (2, 3, 21)
    seen = [source.part(epoch, 0) for epoch in (0, 0, 1)]
    first = [np.asarray(s.inputs[:, 0, :, 0]) for s in seen]
    counted = np.asarray(seen[0].groups[:, 0]) < 2
    assert counted.tolist() == [[True] * 3, [True, True, False]]
    assert sorted(first[0][counted].tolist()) == sorted(rows.inputs[:, 0, 0].tolist())
    np.testing.assert_array_equal(first[0], first[1])
    assert (first[0] != first[2]).any()
    chunk = make_chunk(net, task, config, make_schedule(config.optimizer, 1, 1), 2)
    state = state_of(net, task, config, net.init(jax.random.key(0)), 3)
    info = jax.jit(chunk)(state, seen[0])[1]
    expected = [sum(n for n, g in zip(LENGTHS, GROUPS, strict=True) if g == k) for k in (0, 1)]
    assert info.row_counts.tolist() == expected


def test_a_batch_is_at_most_all_sequences():
    config, task, _, rows = parts(batch=99)
    source = make_source(task, config, rows)
    assert (source.updates, source.streams) == (1, 5)


@pytest.mark.parametrize("network", [{}, BOTH_WAYS], ids=["causal", "both ways"])
def test_frozen_outputs_do_not_depend_on_padding(network, monkeypatch):
    monkeypatch.setattr("freqjax.training.frozen._STREAMS", 2)  # five sequences in three goes
    config, _, net, rows = parts(network, padding=9.0)
    params = jax.tree.map(lambda a: a + 0.1, net.init(jax.random.key(2)))
    outputs = choose_forward(net, config)(params, rows, "block")
    for number, length in enumerate(LENGTHS):
        expected = alone(net, params, rows, number)
        np.testing.assert_allclose(outputs[number, :length], expected, atol=1e-6)


def test_windows_over_padding_do_not_read_it():
    config, _, net, rows = parts(BOTH_WAYS, padding=9.0, regime="windows")
    config.windows.length, config.windows.stride, config.windows.batch = 7, 7, 5
    params = net.init(jax.random.key(2))
    outputs = choose_forward(net, config)(params, rows, "block")
    for number, length in enumerate(LENGTHS):
        expected = alone(net, params, rows, number)
        np.testing.assert_allclose(outputs[number, :length], expected, atol=1e-6)


def test_frozen_means_are_weighted_and_padding_may_be_anything():
    _, task, net, rows = parts(padding=np.nan, weight=WEIGHT)
    params = net.init(jax.random.key(2))
    means = group_means(make_forward(net)(params, rows, "block"), rows, task)
    targets = split_of(task, "train").targets
    for group in (0, 1):
        total = count = 0.0
        for number, (length, weight) in enumerate(zip(LENGTHS, WEIGHT, strict=True)):
            if GROUPS[number] == group:
                error = alone(net, params, rows, number) - targets[number, :length]
                total += weight * float(jnp.sum(jnp.square(error)))
                count += weight * length
        assert means[group] == pytest.approx(total / count, rel=1e-5)
    frozen = jax.jit(make_frozen_losses(net, task, "block", 2))
    np.testing.assert_allclose(frozen(params, rows), means, rtol=1e-5)


def test_padding_begins_after_the_last_sample_that_counts():
    weights = np.array([[1, 1, 1], [1, 0, 0], [0, 2, 0], [0, 0, 0]], np.float32)
    expected = [[False] * 3, [False, True, False], [False, False, True], [True, False, False]]
    assert padding_resets(weights).tolist() == expected
    assert jax.jit(padding_resets)(weights).tolist() == expected


def test_training_on_examples_goes_on_in_mid_epoch(monkeypatch):
    config, task, net, rows = parts(batch=2)
    monkeypatch.setattr("freqjax.training.sources.SHUFFLED_CHUNK_ROWS", 28)  # of three updates, two

    def trainer():
        return StreamTrainer(net, task, config, rows)

    whole, cut, resumed = trainer(), trainer(), trainer()
    for _ in range(3):
        cut.advance()
    saved = jax.device_get((cut.params, cut.device_state()))
    params, state = jax.tree.map(jnp.asarray, saved)
    resumed.restore(params, state, cut.host_state())
    results = [resumed.advance() for _ in range(3)]
    expected = [whole.advance() for _ in range(6)][3:]
    assert [r and r.loss for r in results] == [r and r.loss for r in expected]
    for a, b in zip(jax.tree.leaves(resumed.params), jax.tree.leaves(whole.params), strict=True):
        np.testing.assert_array_equal(a, b)
