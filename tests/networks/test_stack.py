"""Layers of every cell against PyTorch, a NumPy loop, autodiff, and themselves by another path."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.config.names import CELLS
from freqjax.errors import UserError
from freqjax.networks import (
    BidirectionalNetwork,
    Cell,
    StackedNetwork,
    cell_class,
    count_parameters,
    require_streams,
)
from freqjax.networks.initializers import LAYER_INITIALIZERS
from tests.twins import SETTING, sigmoid

TIME, STREAMS, HIDDEN = 13, 3, 4
# The name of every layer's tensors in PyTorch, and where they are here.
_TENSORS = (
    ("weight_ih", "input", "kernel"),
    ("weight_hh", "recurrent", "kernel"),
    ("bias_ih", "input", "bias"),
    ("bias_hh", "recurrent", "bias"),
)


def network(
    cell: str | type[Cell] = "gru",
    hidden=HIDDEN,
    initializer="pytorch",
    bidirectional=False,
    **changes,
):
    """A stack; `cell` is a class, or a name, after which may stand a nonlinearity."""
    setting = SETTING._replace(hidden_size=hidden)
    kind = BidirectionalNetwork if bidirectional else StackedNetwork
    cell = cell_class(*cell.split()) if isinstance(cell, str) else cell
    return kind(setting, cell, LAYER_INITIALIZERS[initializer], **changes)


def normal(seed, shape, dtype=jnp.float32):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def point(net, dtype=jnp.float32, time=TIME):
    """Return parameters without the initializer's zeros, a carry, xs, and resets at one row in five."""
    leaves, tree = jax.tree.flatten(net.init(jax.random.key(0)))
    moved = [a.astype(dtype) + 0.3 * normal(k, a.shape, dtype) for k, a in enumerate(leaves)]
    params = jax.tree.unflatten(tree, moved)
    carry = jax.tree.map(
        lambda a: a.astype(dtype) + normal(50, a.shape, dtype), net.init_carry(params, STREAMS)
    )
    xs = normal(60, (time, STREAMS, SETTING.input_size), dtype)
    return params, carry, xs, jnp.asarray(np.random.default_rng(70).random((time, STREAMS)) < 0.2)


def assert_close(ours, theirs, **tolerance):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


# Between them every cell, each with a stack of its own.
STACKS = {
    "gru": {"cell": "gru", "layers": 2},
    "lstm, film": {"cell": "lstm", "layers": 2, "film": True, "learned_carry": True},
    "rnn, film": {"cell": "rnn", "layers": 1, "film": True},
    "rnn relu": {"cell": "rnn relu", "layers": 2, "learned_carry": True},
    "gru, residual": {"cell": "gru", "layers": 3, "residual": True},
}
BOTH_WAYS = {
    "gru, both ways": {
        "cell": "gru",
        "layers": 2,
        "bidirectional": True,
        "film": True,
        "learned_carry": True,
    },
}


def torch_twin(torch, net, cell, params, layers, bidirectional):
    """Return PyTorch's module with the weights of `params`, in double precision, and pairs to compare."""
    kind, options = {
        "lstm": (torch.nn.LSTM, {}),
        "gru": (torch.nn.GRU, {}),
        "rnn": (torch.nn.RNN, {}),
        "rnn relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
    }[cell]
    module = kind(5, HIDDEN, num_layers=layers, bidirectional=bidirectional, **options).double()
    head = torch.nn.Linear(HIDDEN * (1 + bidirectional), 1).double()
    pairs = [
        (head.weight, lambda tree: tree["head"]["kernel"]),
        (head.bias, lambda tree: tree["head"]["bias"]),
    ]
    for number in range(layers):
        for direction, suffix in (("forward", ""), ("backward", "_reverse"))[: 1 + bidirectional]:
            for tensor, part, name in _TENSORS:

                def ours(tree, number=number, direction=direction, part=part, name=name):
                    layer = tree[f"layer_{number}"]
                    return (layer[direction] if bidirectional else layer)[part][name]

                pairs.append((getattr(module, f"{tensor}_l{number}{suffix}"), ours))
    with torch.no_grad():
        for theirs, here in pairs:
            theirs.copy_(torch.from_numpy(np.array(here(params)).T))
    return module, head, pairs


@pytest.mark.parametrize(
    ("cell", "layers", "bidirectional"),
    [
        ("rnn", 1, False),
        ("rnn", 2, True),
        ("rnn relu", 1, False),
        ("rnn relu", 3, True),
        ("gru", 3, False),
        ("lstm", 2, False),
        ("lstm", 3, True),
    ],
)
def test_forward_and_gradients_equal_pytorch(float64, cell, layers, bidirectional):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    net = network(cell, layers=layers, bidirectional=bidirectional)
    params, carry, xs, resets = point(net, jnp.float64)
    module, head, pairs = torch_twin(torch, net, cell, params, layers, bidirectional)
    x = torch.from_numpy(np.array(xs)).requires_grad_()
    # PyTorch lists the states layer by layer, in each the two directions.
    flat = [c for layer in carry for c in (layer if bidirectional else (layer,))]
    start = [
        torch.from_numpy(np.stack([getattr(c, name) for c in flat])).requires_grad_()
        for name in sorted(flat[0]._fields, reverse=True)  # h, c
    ]
    outputs, last = module(x, tuple(start) if cell == "lstm" else start[0])
    theirs = head(outputs)
    theirs.square().mean().backward()

    def loss(params, carry, xs):
        after, ys = net.unroll(params, carry, xs, jnp.zeros_like(resets))
        return jnp.mean(jnp.square(ys)), (after, ys)

    grads, (after, ys) = jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))(params, carry, xs)
    np.testing.assert_allclose(ys, theirs.detach().numpy(), atol=1e-12)
    assert count_parameters(params) == sum(tensor.numel() for tensor, _ in pairs)
    for tensor, ours in pairs:
        np.testing.assert_allclose(ours(grads[0]).T, tensor.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(grads[2], x.grad.numpy(), atol=1e-12)
    h = np.stack([c.h for layer in after for c in (layer if bidirectional else (layer,))])
    np.testing.assert_allclose(h, (last[0] if cell == "lstm" else last).detach(), atol=1e-12)
    dh = np.stack([c.h for layer in grads[1] for c in (layer if bidirectional else (layer,))])
    np.testing.assert_allclose(dh, start[0].grad, atol=1e-12)


def test_a_relu_at_rest_has_no_slope():
    """As PyTorch's: a unit whose sum is exactly 0 passes nothing back."""
    combine, carry_type = cell_class("rnn", "relu").combine, cell_class("rnn", "relu").carry
    carry, sums = carry_type(jnp.zeros((1, 3))), jnp.array([[-1.0, 0.0, 2.0]])

    def total(sums):
        return combine(carry, sums, jnp.zeros_like(sums)).h.sum()

    assert total(sums) == 2
    np.testing.assert_array_equal(jax.grad(total)(sums), [[0, 0, 1]])


@pytest.mark.parametrize("case", sorted(STACKS | BOTH_WAYS))
def test_the_backward_pass_equals_autodiff(float64, case):
    net = network(**(STACKS | BOTH_WAYS)[case])
    params, carry, xs, resets = point(net, jnp.float64)

    def compiled(unroll):
        def loss(params, carry, xs, resets):
            carry, ys = unroll(params, carry, xs, resets)
            total = sum(jnp.sum(jnp.cos(leaf)) for leaf in jax.tree.leaves(carry))
            return jnp.sum(jnp.sin(normal(90, ys.shape, ys.dtype) * ys)) + total

        return jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))

    ours, theirs = compiled(net.unroll), compiled(net.unroll_autodiff)
    for flags in (resets, resets.at[0].set(True).at[-1].set(True)):
        assert_close(
            ours(params, carry, xs, flags), theirs(params, carry, xs, flags), rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("case", sorted(STACKS))
def test_one_sample_at_a_time_scanned_and_batched_agree(case):
    net = network(**STACKS[case])
    params, _, xs, resets = point(net)
    _, scanned = jax.jit(net.unroll)(params, net.init_carry(params, STREAMS), xs, resets)
    step = jax.jit(require_streams(net).step)
    for b in range(STREAMS):
        carry = net.init_carry(params, 1)
        for t in range(TIME):
            if resets[t, b]:
                carry = net.init_carry(params, 1)
            carry, y = step(params, carry, xs[t, b : b + 1])
            np.testing.assert_allclose(y[0], scanned[t, b], atol=1e-5)


@pytest.mark.parametrize("case", sorted(STACKS))
def test_chunks_and_single_samples_carry_the_state(case):
    net = network(**STACKS[case])
    params, carry, xs, resets = point(net)
    unroll = jax.jit(net.unroll)
    last, whole = unroll(params, carry, xs, resets)
    parts = []
    for rows in (slice(0, 6), slice(6, 7), slice(7, 13)):
        carry, ys = unroll(params, carry, xs[rows], resets[rows])
        parts.append(ys)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    assert_close(carry, last, atol=1e-5)


def dense(layer, part, x):
    return x @ np.asarray(layer[part]["kernel"], float) + np.asarray(layer[part]["bias"], float)


def test_film_equals_a_numpy_loop():
    """Two GRU layers, from the equations: the selector is no input of the cells."""
    net = network(layers=2, film=True)
    params, _, xs, _ = point(net)
    none = jnp.zeros((TIME, STREAMS), bool)
    _, ys = jax.jit(net.unroll)(params, net.init_carry(params, STREAMS), xs, none)
    states = [np.zeros((STREAMS, HIDDEN)), np.zeros((STREAMS, HIDDEN))]
    for t, x in enumerate(np.asarray(xs, np.float64)):
        features, selector = x[:, :1], x[:, 1:]
        for number, h in enumerate(states):
            layer = params[f"layer_{number}"]
            u, v = dense(layer, "input", features), dense(layer, "recurrent", h)
            r, z = (sigmoid(u[:, p] + v[:, p]) for p in (slice(0, 4), slice(4, 8)))
            n = np.tanh(u[:, 8:] + r * v[:, 8:])
            states[number] = (1 - z) * n + z * h
            scale, shift = (
                selector @ np.asarray(layer["film"][k], float) for k in ("scale", "shift")
            )
            features = (1 + scale) * states[number] + shift
        head = params["head"]
        expected = features @ np.asarray(head["kernel"], float) + np.asarray(head["bias"], float)
        np.testing.assert_allclose(ys[t], expected, atol=2e-6)


def test_film_starts_as_the_identity():
    net, plain = network(film=True), network()
    params = net.init(jax.random.key(0))
    _, _, xs, resets = point(net)
    _, ys = net.unroll(params, net.init_carry(params, STREAMS), xs, resets)
    kernel = jnp.zeros((5, 12)).at[0].set(params["layer_0"]["input"]["kernel"][0])
    layer = {part: dict(params["layer_0"][part]) for part in ("input", "recurrent")}
    layer["input"]["kernel"] = kernel
    same = {"layer_0": layer, "head": params["head"]}
    _, expected = plain.unroll(same, plain.init_carry(same, STREAMS), xs, resets)
    np.testing.assert_allclose(ys, expected, atol=1e-6)


def test_film_needs_a_selector_and_something_else():
    with pytest.raises(ValueError, match="FiLM needs inputs"):
        StackedNetwork(
            SETTING._replace(selectors=()),
            cell_class("gru"),
            LAYER_INITIALIZERS["pytorch"],
            film=True,
        )


def test_nothing_passes_a_reset_in_either_direction():
    net = network("rnn", layers=2, bidirectional=True)
    params, _, xs, _ = point(net)
    none = jnp.zeros((TIME, STREAMS), bool)
    carry = net.init_carry(params, STREAMS)
    unroll = jax.jit(net.unroll)
    _, flagged = unroll(params, carry, xs, none.at[6, 1].set(True))
    for rows in (slice(0, 6), slice(6, TIME)):
        _, alone = unroll(params, carry, xs[rows], none[rows])
        np.testing.assert_allclose(flagged[rows, 1], alone[:, 1], atol=1e-6)
    _, plain = unroll(params, carry, xs, none)
    np.testing.assert_allclose(flagged[:, 0], plain[:, 0], atol=1e-6)
    assert np.abs(flagged[5, 1] - plain[5, 1]).max() > 1e-3


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_padding_behind_a_reset_changes_no_output_before_it(value):
    """A whole-sequence network on sequences of several lengths, against each alone."""
    net = network("gru", layers=2, bidirectional=True, learned_carry=True)
    params, _, xs, _ = point(net)
    lengths = (TIME, 9, 4)
    assert len(lengths) == STREAMS
    padded, resets = np.array(xs), np.zeros((TIME, STREAMS), bool)
    for b, length in enumerate(lengths):
        padded[length:, b] = value
        if length < TIME:
            resets[length, b] = True
    unroll = jax.jit(net.unroll)
    _, ys = unroll(params, net.init_carry(params, STREAMS), padded, resets)
    for b, length in enumerate(lengths):
        alone = net.unroll(
            params, net.init_carry(params, 1), xs[:length, b : b + 1], jnp.zeros((length, 1), bool)
        )[1]
        np.testing.assert_allclose(ys[:length, b], alone[:, 0], atol=1e-6)


def test_both_directions_have_no_step():
    net = network(bidirectional=True)
    assert not hasattr(net, "step")
    with pytest.raises(UserError, match="bidirectional is true: it must be false"):
        require_streams(net)
    assert require_streams(network()).step


def test_dropout_is_pytorchs_between_layers_alone():
    """With the identity for a cell what is read is the mask itself."""
    net = network("rnn", hidden=2000, layers=2, dropout=0.25)
    shapes = jax.eval_shape(net.init, jax.random.key(0))
    params = jax.tree.map(lambda a: jnp.zeros(a.shape), shapes)
    eye = jnp.eye(2000)
    params["layer_0"]["input"]["bias"] = jnp.full(2000, np.arctanh(0.6))
    params["layer_1"]["input"]["kernel"] = eye
    params["head"]["kernel"] = jnp.ones((2000, 1))
    xs, none = jnp.zeros((2, 1, 5)), jnp.zeros((2, 1), bool)
    carry = net.init_carry(params, 1)

    @jax.jit
    def total(key):
        return net.unroll(params, carry, xs, none, dropout_key=key)[1][:, 0, 0]

    np.testing.assert_allclose(total(None), 2000 * np.tanh(0.6), rtol=1e-4)
    shares = total(jax.random.key(1)) / (2000 * np.tanh(0.6 / 0.75))
    # Five standard errors of the share that is kept; and each sample drops its own.
    assert np.all(np.abs(shares - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 2000))
    assert shares[0] != shares[1]
    np.testing.assert_array_equal(total(jax.random.key(1)), total(jax.random.key(1)))
    assert not np.array_equal(total(jax.random.key(1)), total(jax.random.key(2)))


def composed(net, params, inputs, layers, bidirectional, resets):
    """Return the outputs of residual layers, each run as a network of its own, with a head that copies."""
    features, h = HIDDEN * (1 + bidirectional), inputs
    copy = {"kernel": jnp.eye(features), "bias": jnp.zeros(features)}
    for number in range(layers):
        setting = SETTING._replace(
            input_size=h.shape[-1], hidden_size=HIDDEN, output_size=features, selectors=()
        )
        kind = BidirectionalNetwork if bidirectional else StackedNetwork
        alone = kind(setting, net._cell, LAYER_INITIALIZERS["pytorch"], learned_carry=True)
        weights = {"layer_0": params[f"layer_{number}"], "head": copy}
        _, made = alone.unroll(weights, alone.init_carry(weights, STREAMS), h, resets)
        h = made + h if number else made
    return h @ params["head"]["kernel"] + params["head"]["bias"][None, None]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_residual_layers_equal_networks_of_one_layer_and_sums(cell, bidirectional):
    net = network(cell, layers=3, bidirectional=bidirectional, residual=True, learned_carry=True)
    params, _, xs, resets = point(net)
    _, ys = net.unroll(params, net.init_carry(params, STREAMS), xs, resets)
    np.testing.assert_allclose(
        ys, composed(net, params, xs, 3, bidirectional, resets), atol=2e-6, rtol=2e-6
    )
    plain = network(cell, layers=3, bidirectional=bidirectional, learned_carry=True)
    _, others = plain.unroll(params, plain.init_carry(params, STREAMS), xs, resets)
    assert np.abs(ys - others).max() > 0.1


def test_residual_layers_equal_a_numpy_loop():
    """Two layers of tanh units with FiLM, from the equations: what a layer adds is not modulated by it."""
    net = network("rnn", layers=2, film=True, residual=True)
    params, _, xs, _ = point(net)
    none = jnp.zeros((TIME, STREAMS), bool)
    _, ys = jax.jit(net.unroll)(params, net.init_carry(params, STREAMS), xs, none)
    states = [np.zeros((STREAMS, HIDDEN)), np.zeros((STREAMS, HIDDEN))]
    for t, x in enumerate(np.asarray(xs, np.float64)):
        given, selector = x[:, :1], x[:, 1:]
        for number, h in enumerate(states):
            layer = params[f"layer_{number}"]
            states[number] = np.tanh(dense(layer, "input", given) + dense(layer, "recurrent", h))
            scale, shift = (
                selector @ np.asarray(layer["film"][k], float) for k in ("scale", "shift")
            )
            made = (1 + scale) * states[number] + shift
            given = made + given if number else made
        head = params["head"]
        expected = given @ np.asarray(head["kernel"], float) + np.asarray(head["bias"], float)
        np.testing.assert_allclose(ys[t], expected, atol=2e-6)


def test_what_a_residual_layer_adds_is_not_dropped():
    """A second layer that makes 0 leaves the features of the first as they are, whatever it does not read."""
    net = network("rnn", layers=2, dropout=0.5, residual=True)
    params, carry, xs, resets = point(net)
    params["layer_1"] = jax.tree.map(jnp.zeros_like, params["layer_1"])
    _, plain = net.unroll(params, net.init_carry(params, STREAMS), xs, resets)
    _, keyed = net.unroll(
        params, net.init_carry(params, STREAMS), xs, resets, dropout_key=jax.random.key(0)
    )
    np.testing.assert_array_equal(plain, keyed)
    _, moved = net.unroll(params, carry, xs, resets)
    assert np.abs(moved - plain).max() > 1e-3


def test_a_single_layer_drops_nothing():
    net = network("rnn", layers=1, dropout=0.5)
    params, carry, xs, resets = point(net)
    _, plain = net.unroll(params, carry, xs, resets)
    _, keyed = net.unroll(params, carry, xs, resets, dropout_key=jax.random.key(0))
    np.testing.assert_array_equal(plain, keyed)


def bias_of(net, params, gate, layer="layer_0"):
    first = net._cell.gates.index(gate) * HIDDEN
    return np.asarray(params[layer]["input"]["bias"])[first : first + HIDDEN]


def test_initializers_open_the_gate_that_keeps():
    for cell, keeps in (("lstm", "f"), ("gru", "z")):
        net = network(cell, layers=2, initializer="unit_forget")
        params = net.init(jax.random.key(0))
        for name in ("layer_0", "layer_1"):
            np.testing.assert_array_equal(bias_of(net, params, keeps, name), 1)
            assert np.sum(params[name]["input"]["bias"]) == HIDDEN
        net = network(cell, initializer="chrono")
        params = net.init(jax.random.key(0))
        spread = bias_of(net, params, keeps)
        assert np.all((spread >= 0) & (spread <= np.log(9_999)))
        assert spread.max() > 1
        if cell == "lstm":
            np.testing.assert_array_equal(bias_of(net, params, "i"), -spread)
        else:
            np.testing.assert_array_equal(bias_of(net, params, "r"), 0)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_initial_recurrence_is_orthogonal_or_in_pytorchs_interval(cell):
    kernel = network(cell, initializer="orthogonal").init(jax.random.key(0))["layer_0"]["recurrent"]
    for gate in np.split(np.asarray(kernel["kernel"]), len(cell_class(cell).gates), axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(HIDDEN), atol=1e-5)
    params = network(cell, layers=2, bidirectional=True).init(jax.random.key(0))
    for leaf in jax.tree.leaves((params["layer_0"], params["layer_1"])):
        assert 0.3 < np.abs(leaf).max() * HIDDEN**0.5 <= 1
    assert np.abs(params["head"]["kernel"]).max() <= (2 * HIDDEN) ** -0.5


def test_a_gate_that_keeps_is_needed():
    with pytest.raises(ValueError, match="has none that keeps"):
        network("rnn", initializer="chrono").init(jax.random.key(0))


def test_replicas_side_by_side_equal_each_alone():
    net = network("rnn", layers=2, dropout=0.3)
    params, carry, xs, resets = point(net)
    several = jax.tree.map(lambda a: jnp.stack([a, 0.5 * a]), params)
    keys = jax.random.split(jax.random.key(3), 2)

    def loss(params, key):
        return jnp.sum(net.unroll(params, carry, xs, resets, dropout_key=key)[1] ** 2)

    solo = jax.jit(jax.grad(loss))
    together = jax.jit(jax.vmap(jax.grad(loss)))(several, keys)
    for k in range(2):
        alone = solo(jax.tree.map(lambda a: a[k], several), keys[k])  # noqa: B023
        assert_close(jax.tree.map(lambda a: a[k], together), alone, rtol=1e-4, atol=1e-4)  # noqa: B023


class TwoStateCell(Cell):
    """A cell of a user's own: two states, three gates, and none that keeps."""

    gates = "abc"

    class Carry(NamedTuple):
        """States of the cell."""

        slow: jax.Array
        h: jax.Array

    carry = Carry

    @staticmethod
    def combine(carry, driven, recurrent):
        """Compute leaky sums at two rates."""
        a, b, c = jnp.split(driven + recurrent, 3, axis=-1)
        slow = 0.9 * carry.slow + jax.nn.sigmoid(a) * jnp.tanh(b)
        return TwoStateCell.Carry(slow, jnp.tanh(c) * slow + 0.1 * carry.h)


@pytest.mark.parametrize("initializer", ["pytorch", "orthogonal"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_any_cell_stacks_with_the_gradient_of_autodiff(float64, initializer, bidirectional):
    net = network(
        TwoStateCell,
        initializer=initializer,
        bidirectional=bidirectional,
        layers=2,
        film=True,
        learned_carry=True,
    )
    params, carry, xs, resets = point(net, jnp.float64)

    def loss(unroll, params, carry):
        carry, ys = unroll(params, carry, xs, resets)
        return jnp.sum(jnp.sin(ys)) + sum(jnp.sum(leaf) for leaf in jax.tree.leaves(carry))

    ours = jax.grad(functools.partial(loss, net.unroll), argnums=(0, 1))(params, carry)
    theirs = jax.grad(functools.partial(loss, net.unroll_autodiff), argnums=(0, 1))(params, carry)
    assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    for leaf in jax.tree.leaves(ours):
        assert np.abs(leaf).max() > 0
