"""A network padded with zeros to a larger hidden size against itself as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import (
    BidirectionalNetwork,
    LruNetwork,
    LstmNetwork,
    StackedNetwork,
    cell_class,
)
from freqjax.networks.initializers import INITIALIZERS, LAYER_INITIALIZERS
from freqjax.networks.lru_weights import INITIALIZERS as LRU_INITIALIZERS
from freqjax.networks.padding import crop_hidden, pad_hidden
from tests.twins import SETTING

HIDDEN, WIDER = 5, 8


def lstm(hidden, learned_carry):
    setting = SETTING._replace(hidden_size=hidden)
    return LstmNetwork(setting, INITIALIZERS["pytorch"], learned_carry=learned_carry)


def stack(cell, kind: type[StackedNetwork | BidirectionalNetwork] = StackedNetwork, **changes):
    def make(hidden):
        setting = SETTING._replace(hidden_size=hidden)
        return kind(setting, cell_class(*cell.split()), LAYER_INITIALIZERS["pytorch"], **changes)

    return make


CASES = {
    "lstm": lambda hidden: lstm(hidden, True),
    "lstm, stacked": stack("lstm", layers=2, film=True),
    "gru, both ways": stack("gru", BidirectionalNetwork, layers=2, film=True, learned_carry=True),
    "lru": lambda hidden: LruNetwork(
        SETTING._replace(hidden_size=hidden), LRU_INITIALIZERS["pytorch"], learned_carry=True
    ),
    "rnn": stack("rnn", layers=3, film=True),
    "gru, residual": stack("gru", layers=3, residual=True, learned_carry=True),
    "residual, both ways": stack("lstm", BidirectionalNetwork, layers=2, residual=True, film=True),
    "rnn, relu": stack("rnn relu", layers=2, film=True, learned_carry=True),
}


def point(net):
    params = net.init(jax.random.key(0))
    leaves, tree = jax.tree.flatten(params)
    rng = np.random.default_rng(2)
    moved = [a + jnp.asarray(0.3 * rng.normal(size=a.shape), a.dtype) for a in leaves]
    xs = jnp.asarray(rng.normal(size=(12, 3, SETTING.input_size)), jnp.float32)
    return jax.tree.unflatten(tree, moved), xs, jnp.asarray(rng.random((12, 3)) < 0.2)


@pytest.mark.parametrize("case", sorted(CASES))
def test_padding_is_inert(case):
    small, large = CASES[case](HIDDEN), CASES[case](WIDER)
    params, xs, resets = point(small)
    axes = small.hidden_axes()
    padded = pad_hidden(params, axes, HIDDEN, WIDER)
    shapes = jax.eval_shape(large.init, jax.random.key(0))
    assert jax.tree.map(jnp.shape, padded) == jax.tree.map(jnp.shape, shapes)
    assert axes == large.hidden_axes()

    def loss(net, params):
        carry, ys = net.unroll(params, net.init_carry(params, 3), xs, resets)
        return jnp.sum(jnp.sin(3 * ys)), (carry, ys)

    def gradients(net, params):
        return jax.jit(jax.grad(lambda p: loss(net, p), has_aux=True))(params)

    grads, (carry, ys) = gradients(small, params)
    wide, (wide_carry, wide_ys) = gradients(large, padded)
    # Sums of other lengths round otherwise; what is padded is nothing to the bit.
    np.testing.assert_allclose(wide_ys, ys, atol=1e-6)
    for ours, theirs in (
        (crop_hidden(wide, axes, HIDDEN, WIDER), grads),
        (jax.tree.map(lambda a: a[..., :HIDDEN], wide_carry), carry),
    ):
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1, np.abs(b).max()))
    back = pad_hidden(crop_hidden(wide, axes, HIDDEN, WIDER), axes, HIDDEN, WIDER)
    jax.tree.map(np.testing.assert_array_equal, back, wide)
    jax.tree.map(lambda a: np.testing.assert_array_equal(a[..., HIDDEN:], 0), wide_carry)


@pytest.mark.parametrize("case", sorted(CASES))
def test_cropping_undoes_padding_to_the_bit(case):
    net = CASES[case](HIDDEN)
    params, _, _ = point(net)
    axes = net.hidden_axes()
    padded = pad_hidden(params, axes, HIDDEN, WIDER)
    jax.tree.map(np.testing.assert_array_equal, crop_hidden(padded, axes, HIDDEN, WIDER), params)


def test_every_gate_is_padded_by_itself():
    kernel = jnp.arange(12.0).reshape(1, 12)  # four gates of 3
    padded = pad_hidden({"kernel": kernel}, {"kernel": (0, 4)}, 3, 5)["kernel"]
    expected = [[0, 1, 2, 0, 0, 3, 4, 5, 0, 0, 6, 7, 8, 0, 0, 9, 10, 11, 0, 0]]
    np.testing.assert_array_equal(padded, expected)


def test_a_narrower_size_and_a_wrong_one_are_refused():
    with pytest.raises(ValueError, match="wider is 3"):
        pad_hidden(jnp.zeros(4), (1,), 4, 3)
    with pytest.raises(ValueError, match="blocks of H = 3"):
        pad_hidden(jnp.zeros(4), (1,), 3, 6)
