"""The hand-written gradient of the LSTM against autodiff, finite differences, PyTorch and itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import LstmCarry, LstmNetwork, lstm_backward
from freqjax.networks.initializers import INITIALIZERS
from tests.twins import SETTING

TIME, STREAMS, HIDDEN = 23, 3, 6


def network(hidden=HIDDEN, learned_carry=True):
    return LstmNetwork(
        SETTING._replace(hidden_size=hidden), INITIALIZERS["rotor"], learned_carry=learned_carry
    )


def normal(seed, shape, dtype=jnp.float64):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def point(net, dtype=jnp.float64, seed=0, time=TIME):
    """Return parameters without the initializer's zeros, a carry, xs, and resets at one row in four."""
    params = net.init(jax.random.key(seed))
    leaves, tree = jax.tree.flatten(params)
    moved = [a.astype(dtype) + 0.2 * normal(k, a.shape, dtype) for k, a in enumerate(leaves)]
    hidden = net.setting.hidden_size
    carry = LstmCarry(*(normal(50 + k, (STREAMS, hidden), dtype) for k in range(2)))
    xs = normal(60 + seed, (time, STREAMS, 5), dtype)
    resets = jnp.asarray(np.random.default_rng(70 + seed).random((time, STREAMS)) < 0.25)
    return (jax.tree.unflatten(tree, moved), carry, xs), resets


def loss_of(unroll, resets):
    """Compute a loss that depends on every output and the last carry, each with another derivative."""

    def loss(params, carry, xs):
        carry, ys = unroll(params, carry, xs, resets)
        slopes = normal(90, ys.shape, ys.dtype)
        return jnp.sum(jnp.sin(slopes * ys)) + jnp.sum(jnp.cos(carry.c)) + jnp.sum(carry.h**2)

    return loss


def gradients(unroll, arguments, resets):
    return compiled(unroll)(arguments, resets)


def compiled(unroll):
    """Return the function (arguments, resets) → loss and its gradients, jitted."""

    @jax.jit
    def both(arguments, resets):
        return jax.value_and_grad(loss_of(unroll, resets), argnums=(0, 1, 2))(*arguments)

    return both


def assert_close(ours, theirs, **tolerance):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("learned_carry", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_value_and_gradients_equal_autodiff(float64, monkeypatch, learned_carry, wide):
    monkeypatch.setattr(lstm_backward, "_WIDE", 1 if wide else 1000)
    net = network(learned_carry=learned_carry)
    arguments, resets = point(net)
    none = jnp.zeros_like(resets)
    ours, theirs = compiled(net.unroll), compiled(net.unroll_autodiff)
    for flags in (resets, none, ~none, none.at[0].set(True), none.at[-1].set(True)):
        assert_close(ours(arguments, flags), theirs(arguments, flags), rtol=1e-10, atol=1e-10)


def test_single_precision_equals_autodiff_as_far_as_it_goes():
    net = network(hidden=32)
    arguments, resets = point(net, jnp.float32, time=200)
    ours, theirs = (gradients(f, arguments, resets) for f in (net.unroll, net.unroll_autodiff))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == jnp.float32
        np.testing.assert_allclose(a, b, atol=2e-5 * float(jnp.abs(b).max()))


def test_gradients_equal_finite_differences(float64):
    net = network()
    arguments, resets = point(net)
    loss = jax.jit(loss_of(net.unroll, resets))
    leaves, tree = jax.tree.flatten(arguments)
    direction = [normal(100 + k, a.shape) for k, a in enumerate(leaves)]
    grads = jax.tree.leaves(gradients(net.unroll, arguments, resets)[1])
    slope = sum(jnp.vdot(g, d) for g, d in zip(grads, direction, strict=True))

    def moved(by):
        there = [a + by * d for a, d in zip(leaves, direction, strict=True)]
        return loss(*jax.tree.unflatten(tree, there))

    np.testing.assert_allclose((moved(1e-5) - moved(-1e-5)) / 2e-5, slope, rtol=1e-7)


def test_a_reset_cuts_the_gradient_of_that_stream(float64):
    net = network()
    (params, carry, xs), resets = point(net)
    resets = jnp.zeros_like(resets).at[10, 1].set(True)

    @jax.jit
    def later(carry, xs):
        return jnp.sum(net.unroll(params, carry, xs, resets)[1][10:])

    dcarry, dxs = jax.grad(later, argnums=(0, 1))(carry, xs)
    np.testing.assert_array_equal(dxs[:10, 1], 0)
    np.testing.assert_array_equal(dcarry.c[1], 0)
    assert np.abs(dxs[9, [0, 2]]).min() > 0
    assert np.abs(dcarry.c[jnp.array([0, 2])]).min() > 0


def test_gradients_equal_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    net = network(hidden=16, learned_carry=False)
    (params, carry, xs), resets = point(net, jnp.float32, time=50)
    resets = jnp.zeros_like(resets)
    lstm, head = torch.nn.LSTM(5, 16), torch.nn.Linear(16, 1)
    cell = params["cell"]

    def tensor(array):
        return torch.from_numpy(np.array(array)).requires_grad_()

    pairs = (
        (lstm.weight_ih_l0, cell["input"]["kernel"].T),
        (lstm.weight_hh_l0, cell["recurrent"]["kernel"].T),
        (lstm.bias_ih_l0, cell["input"]["bias"]),
        (lstm.bias_hh_l0, cell["recurrent"]["bias"]),
        (head.weight, params["head"]["kernel"].T),
        (head.bias, params["head"]["bias"]),
    )
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(tensor(ours))
    c, h, x = tensor(carry.c), tensor(carry.h), tensor(xs)
    head(lstm(x, (h[None], c[None]))[0]).square().sum().backward()

    def loss(params, carry, xs):
        return jnp.sum(jnp.square(net.unroll(params, carry, xs, resets)[1]))

    grads, dcarry, dxs = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(params, carry, xs)
    cell = grads["cell"]
    ours = (
        cell["input"]["kernel"].T,
        cell["recurrent"]["kernel"].T,
        cell["input"]["bias"],
        cell["recurrent"]["bias"],
        grads["head"]["kernel"].T,
        grads["head"]["bias"],
        *dcarry,
        dxs,
    )
    for array, theirs in zip(ours, (*(p for p, _ in pairs), c, h, x), strict=True):
        expected = theirs.grad.numpy()
        np.testing.assert_allclose(array, expected, atol=2e-5 * np.abs(expected).max())


def test_replicas_side_by_side_equal_each_alone(float64):
    net = network()
    points = [point(net, seed=seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *points)
    alone = compiled(net.unroll)
    together = jax.vmap(alone)(*stacked)
    for k, (arguments, resets) in enumerate(points):
        one = jax.tree.map(lambda a: a[k], together)  # noqa: B023
        assert_close(one, alone(arguments, resets), rtol=1e-10, atol=1e-10)


def test_parameters_alone_may_have_replicas(float64):
    net = network()
    (params, carry, xs), resets = point(net)
    several = jax.tree.map(lambda a: jnp.stack([a, 0.5 * a]), params)
    loss = loss_of(net.unroll, resets)
    together = jax.jit(jax.vmap(jax.grad(loss), in_axes=(0, None, None)))(several, carry, xs)
    halved = jax.jit(jax.grad(loss))(jax.tree.map(lambda a: 0.5 * a, params), carry, xs)
    assert_close(jax.tree.map(lambda a: a[1], together), halved, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("window", [1, 3])
def test_windows_chained_by_their_carries_have_the_gradient_of_the_whole(float64, window):
    net = network()
    arguments, resets = point(net, time=6)

    def chained(params, carry, xs, resets):
        parts = []
        for first in range(0, 6, window):
            rows = slice(first, first + window)
            carry, ys = net.unroll(params, carry, xs[rows], resets[rows])
            parts.append(ys)
        return carry, jnp.concatenate(parts)

    assert_close(
        gradients(chained, arguments, resets),
        gradients(net.unroll, arguments, resets),
        rtol=1e-10,
        atol=1e-10,
    )


def test_the_gradient_is_traced_once():
    net = network()
    arguments, resets = point(net, jnp.float32)
    traces = []

    def counted(params, carry, xs, resets):
        traces.append(None)
        return net.unroll(params, carry, xs, resets)

    step = compiled(counted)
    for by in (1.0, 0.5, 0.1):
        step(jax.tree.map(lambda a: by * a, arguments), resets)  # noqa: B023
    step(arguments, ~resets)
    assert len(traces) == 1


def test_mixed_precisions_are_promoted_and_gradients_return_as_they_came(float64):
    net = network()
    (params, carry, xs), resets = point(net)
    arguments = (jax.tree.map(lambda a: a.astype(jnp.float32), params), carry, xs)
    value, grads = gradients(net.unroll, arguments, resets)
    assert value.dtype == jnp.float64
    assert jax.tree.map(lambda a: a.dtype, grads) == jax.tree.map(lambda a: a.dtype, arguments)


def test_memory_grows_linearly_with_time():
    """Bytes that the compiler sets aside for a gradient: 10 times the samples, 10 times the memory."""
    net = network(hidden=16)

    def temporary(time):
        (params, carry, xs), resets = point(net, jnp.float32, time=time)
        grad = jax.jit(jax.grad(lambda p: loss_of(net.unroll, resets)(p, carry, xs)))
        analysis = grad.lower(params).compile().memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes

    few, many = temporary(500), temporary(5000)
    assert many < 10.5 * few
    assert many < 12 * 16 * 4 * STREAMS * 5000  # 12 H floats a row
