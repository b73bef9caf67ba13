"""The LSTM against a NumPy twin, PyTorch, finite differences and itself by another path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import LstmCarry, LstmNetwork, count_parameters
from freqjax.networks.initializers import INITIALIZERS
from tests.twins import SETTING, lstm_step


def network(hidden=12, initializer="pytorch", learned_carry=False):
    return LstmNetwork(
        SETTING._replace(hidden_size=hidden), INITIALIZERS[initializer], learned_carry=learned_carry
    )


def stream(time=30, streams=3, seed=0):
    xs = jax.random.normal(jax.random.key(seed), (time, streams, 5))
    return xs, jnp.zeros((time, streams), bool)


@pytest.mark.parametrize(
    ("hidden", "learned", "expected"),
    [(64, False, 18_241), (128, False, 69_249), (256, False, 269_569), (64, True, 18_241 + 64)],
)
def test_parameter_counts_are_pytorchs(hidden, learned, expected):
    net = network(hidden, learned_carry=learned)
    assert count_parameters(jax.eval_shape(net.init, jax.random.key(0))) == expected


@pytest.mark.parametrize("initializer", sorted(INITIALIZERS))
def test_steps_equal_the_numpy_twin(initializer):
    net = network(initializer=initializer, learned_carry=True)
    params = net.init(jax.random.key(1))
    xs, _ = stream()
    carry = net.init_carry(params, 3)
    c, h = (np.asarray(a, np.float64) for a in carry)
    for x in xs:
        carry, y = net.step(params, carry, x)
        c, h, expected = lstm_step(params, c, h, np.asarray(x, np.float64))
        np.testing.assert_allclose(y, expected, atol=2e-6)
    np.testing.assert_allclose(carry.c, c, atol=2e-6)


def test_one_sample_at_a_time_scanned_and_batched_agree():
    net = network(hidden=16)
    params = net.init(jax.random.key(1))
    xs, resets = stream()
    _, scanned = net.unroll(params, net.init_carry(params, 3), xs, resets)
    for b in range(3):
        carry = net.init_carry(params, 1)
        for t in range(len(xs)):
            carry, y = net.step(params, carry, xs[t, b : b + 1])
            np.testing.assert_allclose(y[0], scanned[t, b], atol=1e-6)


def test_chunks_carry_the_state():
    net = network(hidden=16)
    params = net.init(jax.random.key(1))
    xs, resets = stream(time=40)
    unroll = jax.jit(net.unroll)
    carry, whole = unroll(params, net.init_carry(params, 3), xs, resets)
    part = net.init_carry(params, 3)
    outputs = []
    for first in range(0, 40, 10):
        part, ys = unroll(params, part, xs[first : first + 10], resets[first : first + 10])
        outputs.append(ys)
    np.testing.assert_allclose(np.concatenate(outputs), whole, atol=1e-6)
    np.testing.assert_allclose(part.h, carry.h, atol=1e-6)


def test_a_reset_starts_that_stream_over_and_no_other():
    net = network(learned_carry=True, initializer="rotor")
    params = net.init(jax.random.key(2))
    xs, resets = stream(time=20)
    _, flagged = net.unroll(params, net.init_carry(params, 3), xs, resets.at[7, 1].set(True))
    _, plain = net.unroll(params, net.init_carry(params, 3), xs, resets)
    _, fresh = net.unroll(params, net.init_carry(params, 3), xs[7:], resets[7:])
    np.testing.assert_array_equal(flagged[:, [0, 2]], plain[:, [0, 2]])
    np.testing.assert_allclose(flagged[7:, 1], fresh[:, 1], atol=1e-6)
    assert np.abs(flagged[7:, 1] - plain[7:, 1]).max() > 1e-3


def test_gradients_equal_finite_differences(float64):
    net = network(hidden=3, learned_carry=True)
    params = jax.tree.map(lambda a: a.astype(jnp.float64), net.init(jax.random.key(0)))
    xs, resets = stream(time=6, streams=2)
    resets = resets.at[3, 0].set(True)

    def loss(params):
        ys = net.unroll(params, net.init_carry(params, 2), xs, resets)[1]
        return jnp.sum(jnp.sin(ys))

    def moved(by):
        return loss(jax.tree.map(lambda p, d: p + by * d, params, direction))

    direction = jax.tree.map(lambda a: jax.random.normal(jax.random.key(a.size), a.shape), params)
    pairs = zip(jax.tree.leaves(jax.grad(loss)(params)), jax.tree.leaves(direction), strict=True)
    slope = sum(jnp.vdot(g, d) for g, d in pairs)
    np.testing.assert_allclose((moved(1e-5) - moved(-1e-5)) / 2e-5, slope, rtol=1e-8)


def torch_twin(torch, params, hidden):
    lstm = torch.nn.LSTM(5, hidden)
    head = torch.nn.Linear(hidden, 1)
    cell = params["cell"]
    with torch.no_grad():
        for ours, theirs in (
            (cell["input"]["kernel"].T, lstm.weight_ih_l0),
            (cell["recurrent"]["kernel"].T, lstm.weight_hh_l0),
            (cell["input"]["bias"], lstm.bias_ih_l0),
            (cell["recurrent"]["bias"], lstm.bias_hh_l0),
            (params["head"]["kernel"].T, head.weight),
            (params["head"]["bias"], head.bias),
        ):
            theirs.copy_(torch.from_numpy(np.array(ours)))
    return lstm, head


def test_forward_and_gradients_equal_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    net = network(hidden=16)
    params = net.init(jax.random.key(3))
    xs, resets = stream(time=50)
    lstm, head = torch_twin(torch, params, 16)

    def loss(params):
        ys = net.unroll(params, net.init_carry(params, 3), xs, resets)[1]
        return jnp.mean(jnp.square(ys)), ys

    (_, ys), grads = jax.value_and_grad(loss, has_aux=True)(params)
    theirs = head(lstm(torch.from_numpy(np.array(xs)))[0])
    theirs.square().mean().backward()
    np.testing.assert_allclose(ys, theirs.detach().numpy(), atol=1e-6)
    for ours, tensor in (
        (grads["cell"]["input"]["kernel"].T, lstm.weight_ih_l0),
        (grads["cell"]["recurrent"]["kernel"].T, lstm.weight_hh_l0),
        (grads["cell"]["input"]["bias"], lstm.bias_ih_l0),
        (grads["cell"]["recurrent"]["bias"], lstm.bias_hh_l0),
        (grads["head"]["kernel"].T, head.weight),
        (grads["head"]["bias"], head.bias),
    ):
        np.testing.assert_allclose(ours, tensor.grad.numpy(), atol=1e-6)


def test_the_hand_written_linearisation_equals_autodiff(float64):
    net = network(hidden=6, learned_carry=True, initializer="rotor")
    params = jax.tree.map(
        lambda a: a + 0.1 * jax.random.normal(jax.random.key(a.size), a.shape),
        net.init(jax.random.key(4)),
    )
    xs, resets = stream(time=25, streams=2)

    def predict(params):
        return net.unroll_autodiff(params, net.init_carry(params, 2), xs, resets)[1]

    linear = net.linearize(params, xs)
    outputs, tangent = jax.linearize(predict, params)
    change = jax.tree.map(lambda a: jax.random.normal(jax.random.key(1), a.shape), params)
    cotangent = jax.random.normal(jax.random.key(2), outputs.shape)
    np.testing.assert_allclose(linear.outputs, outputs, atol=1e-12)
    np.testing.assert_allclose(linear.tangent(change), tangent(change), rtol=1e-10, atol=1e-10)
    expected = jax.linear_transpose(tangent, params)(cotangent)[0]
    for ours, theirs in zip(
        jax.tree.leaves(linear.adjoint(cotangent)), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_the_carry_is_c_then_h():
    net = network()
    carry = net.init_carry(net.init(jax.random.key(0)), 2)
    assert isinstance(carry, LstmCarry)
    assert carry.c.shape == carry.h.shape == (2, 12)
