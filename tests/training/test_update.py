"""The train step against autodiff and optax by hand, and every scan against its slow twin."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from freqjax.networks import make_network, require_streams
from freqjax.tasks import make_task
from freqjax.training.chunks import make_chunk
from freqjax.training.optimizers import make_schedule
from freqjax.training.streams import layout
from freqjax.training.trainers import StreamTrainer
from freqjax.training.update import state_of
from tests.twins import tiny_config


def parts(config):
    task = make_task(config.task)
    network = make_network(config.network, task)
    return task, network, task.rows("train")


def chunk_of(config):
    task, network, blocks = parts(config)
    stream = layout(blocks, config)
    schedule = make_schedule(config.optimizer, 1000, stream.inputs.shape[0])
    chunk = jax.jit(make_chunk(network, task, config, schedule, 2))
    state = state_of(network, task, config, network.init(jax.random.key(0)), stream.inputs.shape[2])
    return chunk, state, stream


def test_sequential_layout_keeps_the_rows_in_order():
    config = tiny_config(train={"regime": "tbptt", "truncation": 5})
    _, _, blocks = parts(config)
    stream = layout(blocks, config)
    assert stream.inputs.shape == (8, 5, 1, 3)
    np.testing.assert_array_equal(
        np.asarray(stream.targets).reshape(-1), np.asarray(blocks.targets).reshape(-1)
    )
    np.testing.assert_array_equal(np.flatnonzero(stream.resets.reshape(-1)), [0, 20])
    np.testing.assert_array_equal(stream.groups.reshape(-1), np.repeat([0, 1], 20))


def test_parallel_layout_puts_the_blocks_side_by_side():
    config = tiny_config(train={"regime": "full", "streams": "parallel"})
    _, _, blocks = parts(config)
    stream = layout(blocks, config)
    assert stream.inputs.shape == (1, 20, 2, 3)
    np.testing.assert_array_equal(stream.targets[0, :, 1], blocks.targets[1])
    np.testing.assert_array_equal(np.argwhere(stream.resets), [[0, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("reset", "streams", "rows"),
    [("block", "sequential", 2), ("epoch", "sequential", 1), ("epoch", "parallel", 2),
     ("never", "sequential", 0), ("never", "parallel", 0)],
)  # fmt: skip
def test_resets_are_marked_in_the_stream(reset, streams, rows):
    config = tiny_config(task={"reset": reset}, train={"streams": streams})
    assert int(layout(parts(config)[2], config).resets.sum()) == rows


@pytest.mark.parametrize("reset", ["block", "never"])
def test_online_equals_value_and_grad_with_optax(reset):
    """One Adam step a sample, the gradient cut: a Python loop over the public pieces of JAX and optax."""
    config = tiny_config(task={"reset": reset})
    _, network, blocks = parts(config)
    chunk, state, stream = chunk_of(config)
    params, carry = state.params, state.carry
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    moments = optimizer.init(params)
    losses = []

    @jax.jit
    def step(params, moments, carry, x, target):
        def loss(params):
            after, y = require_streams(network).step(params, carry, x)
            return jnp.sum(jnp.square(y - target)), after

        (value, after), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, moments = optimizer.update(grads, moments)
        return optax.apply_updates(params, updates), moments, after, value, optax.tree.norm(grads)

    norms = []
    for n, (x, target) in enumerate(
        zip(blocks.inputs.reshape(40, 1, 3), blocks.targets.reshape(40, 1, 1), strict=True)
    ):
        if reset == "block" and n % 20 == 0:
            carry = network.init_carry(params, 1)
        params, moments, carry, value, norm = step(params, moments, carry, x, target)
        losses.append(float(value))
        norms.append(float(norm))
    state, info = chunk(state, stream)
    for ours, theirs in zip(jax.tree.leaves(state.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    np.testing.assert_allclose(info.loss_sums, np.reshape(losses, (2, 20)).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(info.norm_max, max(norms), rtol=1e-5)
    np.testing.assert_allclose(info.norm_sum, sum(norms), rtol=1e-5)
    assert int(info.norm_argmax) == int(np.argmax(norms))
    np.testing.assert_array_equal(info.row_counts, [20, 20])


def test_a_chunk_in_parts_is_bitwise_the_whole():
    chunk, state, stream = chunk_of(tiny_config(train={"regime": "tbptt", "truncation": 4}))
    whole, _ = chunk(state, stream)
    for first in (0, 5):
        state, _ = chunk(state, jax.tree.map(lambda a: a[first : first + 5], stream))  # noqa: B023
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(a, b)


def test_truncation_at_the_whole_stream_is_full_backpropagation():
    full = tiny_config(train={"regime": "full", "streams": "parallel"})
    cut = tiny_config(train={"regime": "tbptt", "truncation": 20, "streams": "parallel"})
    results = []
    for config in (full, cut):
        chunk, state, stream = chunk_of(config)
        results.append(chunk(state, stream)[0])
    for a, b in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_array_equal(a, b)


def test_truncation_cuts_the_gradient_and_keeps_the_state():
    """With a rate too small to matter the losses are those of the whole stream, whatever K is."""
    fields = {"optimizer": {"learning_rate": 1e-12}, "task": {"reset": "never"}}
    losses, norms = [], []
    for truncation in (1, 4, 20):
        regime = {"regime": "tbptt", "truncation": truncation}
        chunk, state, stream = chunk_of(tiny_config(train=regime, **fields))
        info = chunk(state, stream)[1]
        losses.append(info.loss_sums)
        norms.append(float(info.norm_sum))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    np.testing.assert_allclose(losses[0], losses[2], rtol=1e-5)
    assert len({round(norm, 3) for norm in norms}) == 3


def test_the_first_bad_update_is_found():
    chunk, state, stream = chunk_of(tiny_config())
    assert int(chunk(state, stream)[1].bad_update) == 40
    inputs = stream.inputs.at[17, 0, 0, 0].set(jnp.nan)
    assert int(chunk(state, stream._replace(inputs=inputs))[1].bad_update) == 17


def test_layers_are_measured_apart():
    config = tiny_config()
    chunk, state, stream = chunk_of(config)
    after, info = chunk(state, jax.tree.map(lambda a: a[:1], stream))
    leaves = zip(jax.tree.leaves(state.params), jax.tree.leaves(after.params), strict=True)
    expected = [np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in leaves]
    np.testing.assert_allclose(info.update_ratios, expected, rtol=1e-4)
    np.testing.assert_allclose(
        np.sum(np.square(info.layer_norm_maxima)), info.norm_max**2, rtol=1e-5
    )


@pytest.mark.parametrize("noise", ["fixed", "fresh"])
def test_nothing_is_compiled_after_the_first_epoch(noise):
    config = tiny_config(task={"noise": noise}, train={"epochs": 9})
    task, network, blocks = parts(config)
    trainer = StreamTrainer(network, task, config, blocks)
    compiled = []
    while trainer.epoch < 1:
        trainer.advance()

    def listen(event, duration_secs, **kwargs):
        if "compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        while trainer.epoch < 5:
            trainer.advance()
    finally:
        jax.monitoring.clear_event_listeners()
    assert compiled == []


def test_fresh_noise_is_new_every_epoch_and_counted():
    config = tiny_config(task={"noise": "fresh"}, train={"epochs": 3})
    task, network, blocks = parts(config)
    trainer = StreamTrainer(network, task, config, blocks)
    seen = []
    while trainer.epoch < 3:
        seen.append(np.asarray(trainer._source.part(trainer.epoch, 0).inputs))
        trainer.advance()
    assert np.abs(seen[0] - seen[1])[..., 0].min() > 0
    assert trainer.distinct_rows == 3 * 40


def test_the_rate_follows_schedule_and_plateau():
    config = tiny_config(
        optimizer={"schedule": "plateau", "plateau_patience": 0, "plateau_min_delta": 10.0}
    )
    task, network, blocks = parts(config)
    trainer = StreamTrainer(network, task, config, blocks)
    results = [trainer.advance() for _ in range(3)]
    rates = [result.row["lr"] for result in results if result is not None]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 5e-4], rtol=1e-6)
