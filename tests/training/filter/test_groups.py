"""The weights that one group's input opens are a filter of all weights of all groups."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from freqjax.networks import Filterable
from freqjax.training.filter.block import Settings, begin, run
from freqjax.training.filter.judgement import END
from freqjax.training.prepared import Prepared
from tests.training.filter.small import config_of

ROWS, NOISE = 40, 0.1


def filter_of_all_weights(network, flat, tree, places, scales, rows):
    """Filter the weights at `places` of the flat parameters with one covariance of them all.

    Derivatives are those of `network.step`, by JAX: nothing here knows of groups or parts.

    Returns:
      flat parameters after the rows, the covariance of the scaled weights.
    """

    def step(flat, state, x):
        carry, output = network.step(tree(flat), structure(state), x[None])
        return ravel_pytree(carry)[0], output[0, 0]

    def start(flat):
        return ravel_pytree(network.init_carry(tree(flat), 1))[0]

    structure = ravel_pytree(network.init_carry(tree(flat), 1))[1]
    state, by = start(flat), jax.jacobian(start)(flat)[:, places]
    derive = jax.jit(jax.jacobian(step, (0, 1)))
    covariance = np.eye(len(places))
    for x, target in zip(*rows, strict=True):
        (by_flat, by_state), (seen, through) = derive(flat, state, x)
        slope = np.asarray(seen[places] + through @ by) * scales
        state, output = step(flat, state, x)
        by = by_flat[:, places] + by_state @ by
        power = slope @ covariance @ slope
        total = power + max(NOISE, power)
        gain = covariance @ slope / total
        covariance = covariance - total * np.outer(gain, gain)
        change = scales * gain * float(target - output)
        flat, state = flat.at[places].add(change), state + by @ change
    return flat, covariance


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        pytest.param("online_stream", 1e-3, id="pairs"),
        pytest.param("online_lru", 1e-9, id="units", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("group", [0, 1])
def test_a_group_alone_is_a_filter_of_the_weights_of_all_groups(name, tolerance, group):
    """The selector of another group's pairs closes them but for a small rest; that of units, entirely."""
    prepared = Prepared(config_of(name))
    network, rows = prepared.network, prepared.train_rows
    assert isinstance(network, Filterable)
    parts = network.parts()
    params = jax.tree.map(lambda array: jnp.asarray(array, jnp.float64), prepared.initial_params())
    flat, tree = ravel_pytree(params)
    places = parts.gather(tree(jnp.arange(len(flat), dtype=jnp.float64))).astype(int)
    assert len(set(places.ravel())) == places.size
    scales = parts.scales(params, 0.15)
    sequence = np.asarray(rows.groups).tolist().index(group)
    inputs = jnp.asarray(rows.inputs[sequence, :ROWS], jnp.float64)
    targets = jnp.asarray(rows.targets[sequence, :ROWS, 0], jnp.float64)
    expected, covariance = filter_of_all_weights(
        network, flat, tree, places.ravel(), scales.ravel(), (inputs, targets)
    )
    numbers = parts.constants(params)[group], parts.bias(params), scales[group]
    kept = parts.recursion.kept("rtrl", parts.weights)
    arrays = (jnp.asarray(number, jnp.float64) for number in (*numbers, kept, NOISE, 1.0, 1.0))
    trained = jnp.asarray(parts.gather(params)[group])
    block = begin(jnp.stack([trained, trained]), END, None, parts.recursion)
    settings = Settings(*arrays, recursion=parts.recursion)
    found = run(settings, block, inputs[:, np.array(parts.others, int)], targets, 0, ROWS)
    units = np.where(scales > 0, scales, 1)
    change = np.asarray(expected - flat)[places] / units
    ours = np.asarray(found.trained - trained) / units[group]
    largest = np.abs(ours).max()
    assert largest > 0.1
    np.testing.assert_allclose(ours, change[group], rtol=0, atol=tolerance * largest)
    np.testing.assert_allclose(change[1 - group], 0, atol=tolerance * largest)
    of_group = np.repeat(np.arange(2), places[0].size)
    across = covariance[of_group == group][:, of_group != group]
    np.testing.assert_allclose(across, 0, atol=tolerance)
