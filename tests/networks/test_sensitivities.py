"""Sensitivities carried forward, against backpropagation through the whole stream and finite differences."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from freqjax import NetworkConfig, TaskConfig
from freqjax.networks import (
    Cell,
    Linearizable,
    RealTime,
    Restricted,
    make_network,
    needs_of,
    network_of,
    split_gates,
)
from freqjax.networks.weights import coupled_mask
from freqjax.tasks import make_task


class SlowCarry(NamedTuple):
    """The output, and a field behind it."""

    h: Float[Array, "B H"]
    slow: Float[Array, "B H"]


class SlowCell(Cell):
    """A cell of somebody else's: the output is its first field, and the two sides enter differently."""

    gates = "ab"
    carry = SlowCarry

    @staticmethod
    def combine(carry, driven, recurrent):
        """Mix a slow field into the output."""
        u_a, u_b = split_gates(driven, 2)
        v_a, v_b = split_gates(recurrent, 2)
        slow = 0.9 * carry.slow + jnp.tanh(u_b + jax.nn.sigmoid(v_a) * v_b)
        return SlowCarry(jnp.sin(u_a + v_a + 0.3 * carry.h) + 0.5 * jnp.tanh(slow), slow)


NETWORKS = {
    "lstm": {"learned_carry": True},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn", "nonlinearity": "relu"},
    "pairs": {"recurrence": "pairs", "learned_carry": True, "initializer": "rotor"},
    "a cell of another": {"cell": f"{__name__}:SlowCell", "learned_carry": True},
}


class Stream(NamedTuple):
    """Rows xs [T, B, D], ys [T, B, O] and resets [T, B]."""

    xs: jax.Array
    ys: jax.Array
    resets: jax.Array


def make(fields, hidden=4, size=0.5, outputs=1):
    """Return a network that reads three inputs, and weights that are none of its initializer's."""
    config = NetworkConfig(hidden_size=hidden, **fields)
    needs = needs_of(config, make_task(TaskConfig(frequencies=(1.0, 2.0))))
    network = network_of(config, needs._replace(output_size=outputs))
    assert isinstance(network, RealTime)
    return network, drawn(jax.eval_shape(network.init, jax.random.key(0)), 1, size)


def drawn(tree, seed, size=1.0):
    """Draw arrays of the shapes of those in a tree."""
    rng, dtype = np.random.default_rng(seed), np.dtype(jnp.result_type(float))
    return jax.tree.map(
        lambda a: jnp.asarray((size * rng.normal(size=a.shape)).astype(dtype)), tree
    )


def stream(samples, streams=2, resets=0.01):
    """Draw a stream for three inputs and an output."""
    rng, dtype = np.random.default_rng(2), np.dtype(jnp.result_type(float))
    return Stream(
        jnp.asarray(rng.normal(size=(samples, streams, 3)).astype(dtype)),
        jnp.asarray(rng.normal(size=(samples, streams, 1)).astype(dtype)),
        jnp.asarray(rng.random((samples, streams)) < resets),
    )


def forward(network, params, rows, exact):
    """Sum the gradients of Σ (y − target)² over a stream; return it with the carry and memory at the end."""
    return jax.device_get(_forward(network, exact)(params, rows))


@functools.cache
def _forward(network, exact):
    def one(params, state, row):
        carry, memory, total = state
        carry, memory, reading = network.advance(params, carry, memory, row.xs, row.resets)
        slopes = 2 * (reading.outputs - row.ys)
        grads = jax.tree.map(lambda by: jnp.tensordot(slopes, by, 2), reading.by_params)
        return (carry, memory, jax.tree.map(jnp.add, total, grads)), reading.outputs

    @jax.jit
    def run(params, rows):
        streams = rows.xs.shape[1]
        carry = network.init_carry(params, streams)
        memory = network.sensitivities(params, streams, exact=exact)
        begin = carry, memory, jax.tree.map(jnp.zeros_like, params)
        return jax.lax.scan(functools.partial(one, params), begin, rows)

    return run


def through_time(network, params, rows):
    """Return the same gradient by backpropagation through the whole stream, and the outputs."""
    return jax.device_get(_through_time(network)(params, rows))


@functools.cache
def _through_time(network):
    def loss(params, rows):
        carry = network.init_carry(params, rows.xs.shape[1])
        _, outputs = network.unroll_autodiff(params, carry, rows.xs, rows.resets)
        return jnp.sum((outputs - rows.ys) ** 2), outputs

    return jax.jit(jax.grad(loss, has_aux=True))


def distance(ours, theirs):
    """Return the largest distance of two arrays of a tree, relative to the second."""
    distances = jax.tree.map(lambda a, b: np.linalg.norm(a - b) / np.linalg.norm(b), ours, theirs)
    return max(float(leaf) for leaf in jax.tree.leaves(distances))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_sum_to_those_through_the_whole_stream(name, float64):
    network, params = make(NETWORKS[name])
    rows = stream(2000)
    assert 10 < rows.resets.sum() < 80
    (_, _, ours), outputs = forward(network, params, rows, exact=True)
    theirs, expected = through_time(network, params, rows)
    np.testing.assert_allclose(outputs, expected, rtol=1e-9, atol=1e-12)
    assert distance(ours, theirs) < 1e-10


@pytest.mark.parametrize("name", ["gru", "pairs"])
def test_single_precision_is_enough(name):
    network, params = make(NETWORKS[name], hidden=6)
    rows = stream(2000)
    (_, _, ours), _ = forward(network, params, rows, exact=True)
    assert distance(ours, through_time(network, params, rows)[0]) < 1e-4


@pytest.mark.parametrize("name", ["lstm", "a cell of another"])
def test_snap1_is_exact_where_each_unit_reads_itself_alone(name, float64):
    network, params = make(NETWORKS[name])
    layer = params["cell"] if "cell" in params else params["layer_0"]
    kernel = layer["recurrent"]["kernel"]
    own = coupled_mask(4, kernel.shape[1] // 4, 1)
    rows = stream(200)
    cross = distance(
        forward(network, params, rows, exact=False)[0][2], through_time(network, params, rows)[0]
    )
    assert cross > 1e-2
    layer["recurrent"]["kernel"] = jnp.where(own, kernel, 0)
    (_, memory, ours), _ = forward(network, params, rows, exact=False)
    theirs, _ = through_time(network, params, rows)
    assert memory.shape[2] == 1
    assert distance(ours, theirs) < 1e-10


def test_snap1_in_pairs_differs_from_the_exact_gradient_unless_the_units_are_apart(float64):
    network, params = make(NETWORKS["pairs"])
    rows = stream(200)
    assert distance(*(forward(network, params, rows, exact=e)[0][2] for e in (False, True))) > 1e-2
    recurrent = params["cell"]["recurrent"]
    recurrent["kernel"] = jnp.where(coupled_mask(4, 4, 1), recurrent["kernel"], 0)
    theirs, _ = through_time(network, params, rows)
    assert distance(forward(network, params, rows, exact=False)[0][2], theirs) < 1e-10


@pytest.mark.parametrize("name", ["lstm", "pairs"])
def test_the_state_is_corrected_to_where_changed_weights_would_have_led(name, float64):
    network, params = make(NETWORKS[name])
    rows = stream(60, resets=0.02)
    (carry, memory, _), _ = forward(network, params, rows, exact=True)
    change = drawn(params, 5)

    @jax.jit
    def rerun(step):
        moved = jax.tree.map(lambda p, c: p + step * c, params, change)
        return network.unroll(moved, network.init_carry(moved, 2), rows.xs, rows.resets)[0]

    small = 1e-5
    ends = jax.device_get((rerun(small), rerun(-small)))
    slope = jax.tree.map(lambda a, b: (a - b) / (2 * small), *ends)
    correct = jax.jit(network.correct)
    corrected = jax.device_get(correct(carry, memory, change))
    ours = jax.tree.map(np.subtract, corrected, carry)
    assert distance(ours, slope) < 1e-7
    none = correct(carry, memory, jax.tree.map(np.zeros_like, change))
    jax.tree.map(np.testing.assert_array_equal, none, carry)


def test_a_reset_forgets_and_begins_at_the_learned_carry():
    network, params = make({"learned_carry": True})
    rows = stream(9, resets=0.0)
    _, memory, _ = forward(network, params, rows, exact=True)[0]
    fresh = jax.device_get(network.sensitivities(params, 2, exact=True))
    # The first field is the learned c, and the last row of the parameters.
    np.testing.assert_array_equal(fresh[0, 0, :, -1], np.eye(4))
    assert np.abs(fresh).sum() == 2 * 4
    x, flags = rows.xs[0], jnp.array([True, False])
    carry = network.init_carry(params, 2)
    advance = jax.jit(network.advance)
    after = [advance(params, carry, m, x, flags)[1] for m in (memory, fresh)]
    np.testing.assert_array_equal(after[0][0], after[1][0])
    assert np.abs(after[0][1] - after[1][1]).max() > 1e-3


def test_several_outputs_have_a_derivative_each(float64):
    network, params = make({}, outputs=3)
    carry, x = network.init_carry(params, 2), stream(1).xs[0]
    memory = network.sensitivities(params, 2, exact=True)
    _, _, reading = jax.jit(network.advance)(params, carry, memory, x, jnp.zeros(2, bool))
    expected = jax.jit(jax.jacobian(lambda p: network.step(p, carry, x)[1]))(params)
    assert jax.tree.structure(reading.by_params) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(reading.by_params), jax.tree.leaves(expected), strict=True):
        assert a.shape[:2] == (2, 3)
        np.testing.assert_allclose(a, b, atol=1e-14)


# Recurrent weights within pairs alone.


def test_weights_between_pairs_are_zero_and_have_no_effect(float64):
    network, params = make({"recurrence": "pairs", "learned_carry": True})
    assert isinstance(network, Restricted)
    between = ~coupled_mask(4, 4, 2)
    assert between.sum() == 32
    first = network.init(jax.random.key(3))["cell"]["recurrent"]["kernel"]
    assert (np.asarray(first) == 0)[between].all() and (np.asarray(first) != 0)[~between].all()
    recurrent = params["cell"]["recurrent"]
    held = params | {"cell": params["cell"] | {"recurrent": recurrent | {}}}
    held["cell"]["recurrent"]["kernel"] = jnp.where(between, 0, recurrent["kernel"])
    assert network.holds(held) and not network.holds(params)
    rows, resets = stream(20), jnp.zeros((20, 2), bool)
    dense, _ = make({"learned_carry": True})

    def outputs(run, params):
        return run(params, network.init_carry(params, 2), rows.xs, resets)[1]

    expected = jax.jit(lambda p: outputs(dense.unroll, p))(held)
    for run in (network.unroll, network.unroll_autodiff):

        def loss(params):
            ys = outputs(run, params)  # noqa: B023
            return jnp.sum(ys**2), ys

        grads, found = jax.device_get(jax.jit(jax.grad(loss, has_aux=True))(params))
        np.testing.assert_allclose(found, expected, atol=1e-14)
        kernel = grads["cell"]["recurrent"]["kernel"]
        assert (kernel == 0)[between].all() and (kernel != 0)[~between].all()
    _, y = jax.jit(network.step)(params, network.init_carry(params, 2), rows.xs[0])
    np.testing.assert_allclose(y, expected[0], atol=1e-14)


def test_linearisation_in_pairs_is_that_of_the_network(float64):
    network, params = make(NETWORKS["pairs"])
    assert isinstance(network, Linearizable)
    rows, change = stream(20), drawn(params, 5)

    def outputs(params):
        carry = network.init_carry(params, 2)
        return network.unroll_autodiff(params, carry, rows.xs, jnp.zeros((20, 2), bool))[1]

    @jax.jit
    def ours(params, change):
        found = network.linearize(params, rows.xs)
        return found.outputs, found.tangent(change), found.adjoint(rows.ys)

    @jax.jit
    def theirs(params, change):
        found, tangent = jax.jvp(outputs, (params,), (change,))
        return found, tangent, jax.vjp(outputs, params)[1](rows.ys)[0]

    pairs = zip(*(jax.tree.leaves(f(params, change)) for f in (ours, theirs)), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize(
    "fields", [{"layers": 2}, {"cell": "gru", "conditioning": "film"}, {"bidirectional": True}]
)
def test_other_networks_have_no_sensitivities(fields):
    task = make_task(TaskConfig(frequencies=(1.0, 2.0)))
    assert not isinstance(make_network(NetworkConfig(hidden_size=4, **fields), task), RealTime)
