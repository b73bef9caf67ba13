"""Pairs of LSTM units: places of their weights, the step, its derivatives, and a state corrected."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import pairs
from freqjax.networks.filtered import correct
from freqjax.networks.lstm import LstmCarry, RotorNetwork
from freqjax.networks.pairs import Pairs, PairState, Sensitivity
from freqjax.networks.rotors import rotor_weights
from freqjax.networks.weights import LstmSetting, LstmWeights, RotorSetting

# One input that is no selector, and the selectors, of which there are none where one group owns all pairs.
SETTINGS = {
    "no selector": (1, 8, ()),
    "one selector": (2, 6, (1,)),
    "four groups of five pairs": (5, 10, (1, 2, 3, 4)),
    "five groups, odd H, selectors first": (7, 27, (0, 1, 2, 3, 4)),
}


def setting_of(name):
    inputs, hidden, selectors = SETTINGS[name]
    rotors = RotorSetting((0.004, 0.05), leak=0.002, decay=0.001, turn_scale=2.0)
    return LstmSetting(inputs, hidden, 1, selectors, longest=100, gain=0.2, rotors=rotors)


def rotor_arrays(setting, dtype: Any = np.float64):
    weights = rotor_weights(jax.random.key(3), setting)
    return LstmWeights._make(np.asarray(array, dtype) for array in weights)


def inputs_of(setting, group, samples):
    """Return rows [T, D] of a group, and those of the inputs that are no selector [T, M]."""
    rows = np.random.default_rng(5).normal(size=(samples, setting.input_size))
    rows[:, list(setting.selectors)] = 0
    if setting.selectors:
        rows[:, setting.selectors[group]] = 1
    return rows, rows[:, list(setting.others)]


@pytest.fixture(params=SETTINGS)
def setting(request):
    """Each of the settings."""
    return setting_of(request.param)


def test_positions_are_those_of_the_owners(setting):
    places = Pairs(setting)
    groups = max(1, len(setting.selectors))
    assert (places.groups, places.others) == (
        groups,
        setting.input_size - len(setting.selectors),
    )
    assert places.pairs == -(-(setting.hidden_size // 2) // groups)
    assert places.weights == 8 * (places.others + 3) + 4


def test_gathered_weights_are_those_of_the_network(setting):
    """Every entry of the order that the module documents, from arrays whose numbers are all different."""
    numbers = iter(range(1, 100_000))
    shapes = [array.shape for array in rotor_arrays(setting)]
    arrays = LstmWeights._make(
        np.array([next(numbers) for _ in range(np.prod(s))], float).reshape(s) for s in shapes
    )
    places, h = Pairs(setting), setting.hidden_size
    found = places.gather(arrays)
    for pair in range(h // 2):
        group, place = pair % places.groups, pair // places.groups
        expected, fixed = [], []
        for unit in (2 * pair, 2 * pair + 1):
            for gate in range(4):
                column = gate * h + unit
                own = (
                    arrays.input_kernel[setting.selectors[group], column]
                    if setting.selectors
                    else arrays.input_bias[column]
                )
                expected += [arrays.input_kernel[row, column] for row in setting.others]
                expected += [own, *arrays.recurrent_kernel[[2 * pair, 2 * pair + 1], column]]
                bias = arrays.recurrent_bias[column]
                fixed.append(bias + arrays.input_bias[column] if setting.selectors else bias)
        units = [2 * pair, 2 * pair + 1]
        expected += [*arrays.carry[units], *arrays.head_kernel[units, 0]]
        assert found[group, place].tolist() == expected
        assert places.fixed(arrays)[group, place].ravel().tolist() == fixed


def test_scatter_undoes_gather_and_changes_nothing_else(setting):
    places, weights = Pairs(setting), rotor_arrays(setting)
    owned = places.gather(LstmWeights._make(np.ones_like(array) for array in weights))
    new = owned * np.random.default_rng(1).normal(size=owned.shape)
    scattered = places.scatter(weights, new)
    np.testing.assert_array_equal(places.gather(scattered), new)
    back = places.scatter(scattered, places.gather(weights))
    for found, expected in zip(back, weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    # As many numbers of the arrays differ as there are trained weights: none is written twice.
    changed = sum(int(np.sum(a != b)) for a, b in zip(scattered, weights, strict=True))
    assert changed == int(owned.sum()) == places.weights * (setting.hidden_size // 2)


def network_run(setting, weights, rows, carry):
    """Return outputs [T] of the whole network without the head's bias, by its slow reference."""
    network = RotorNetwork(setting, rotor_weights, learned_carry=True)
    params = jax.tree.map(jnp.asarray, network.tree(weights))
    resets = jnp.zeros((len(rows), 1), bool)
    _, outputs = network.unroll_autodiff(params, carry, jnp.asarray(rows)[:, None], resets)
    return outputs[:, 0, 0] - params["head"]["bias"][0]


def carry_of(setting, weights):
    """Return the carry of a start, c [1, H], from weights that may be traced."""
    c = jnp.asarray(weights.carry)[None]
    return LstmCarry(c, jnp.zeros_like(c))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("last", [False, True], ids=["first group", "last group"])
def test_a_group_advances_as_the_whole_network(setting, last):
    """The other groups' pairs are held, so that they contribute about 1e-7 to an output."""
    places, weights = Pairs(setting), rotor_arrays(setting)
    group = places.groups - 1 if last else 0
    rows, xs = inputs_of(setting, group, 300)
    expected = network_run(setting, weights, rows, carry_of(setting, weights))
    trained = jnp.asarray(places.gather(weights)[group])
    fixed = jnp.asarray(places.fixed(weights)[group])
    state = PairState(trained[:, -4:-2], jnp.zeros_like(trained[:, :2]))
    _, found = jax.lax.scan(
        lambda s, x: pairs.advance(trained, fixed, s, x), state, jnp.asarray(xs)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert np.std(expected) > 1e-3


@functools.partial(jax.jit, static_argnames="gradient")
def summed_derivatives(trained, fixed, xs, slopes, gradient="rtrl"):
    """Return Σ_t slopes_t ∂output_t/∂weights [P, n], the outputs [T], and the last state and sensitivity."""
    factors = jnp.asarray(pairs.kept(gradient, trained.shape[-1]), trained.dtype)
    state = PairState(trained[:, -4:-2], jnp.zeros_like(trained[:, :2]))
    begin = state, pairs.initial_sensitivity(state, trained.shape[-1]), jnp.zeros_like(trained)

    def body(past, row):
        state, sensitivity, total = past
        before = Sensitivity(*(factors[None] * part for part in sensitivity))
        state, sensitivity, output, derivatives = pairs.advance_with_derivatives(
            trained, fixed, state, before, row[0]
        )
        return (state, sensitivity, total + row[1] * derivatives), output

    (state, sensitivity, total), outputs = jax.lax.scan(body, begin, (xs, slopes))
    return total, outputs, state, sensitivity


def reference(setting, weights, group, samples):
    """Return rows [T, M], slopes [T], and the gradient of Σ slopes · outputs through the whole network."""
    rows, xs = inputs_of(setting, group, samples)
    slopes = np.random.default_rng(8).normal(size=samples)

    def summed(weights):
        outputs = network_run(setting, weights, rows, carry_of(setting, weights))
        return jnp.sum(jnp.asarray(slopes) * outputs)

    gradient = jax.grad(summed)(LstmWeights(*map(jnp.asarray, weights)))
    return xs, slopes, Pairs(setting).gather(gradient)[group]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ["no selector", "one selector"])
def test_summed_derivatives_are_the_gradient_through_the_network(name):
    """Without held pairs the two are the same function: equal to rounding over 2,000 samples."""
    setting = setting_of(name)
    places, weights = Pairs(setting), rotor_arrays(setting)
    xs, slopes, expected = reference(setting, weights, 0, 2000)
    arguments = places.gather(weights)[0], places.fixed(weights)[0], xs, slopes
    found = summed_derivatives(*map(jnp.asarray, arguments))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["no selector", "one selector"])
def test_single_precision_is_as_good_as_that_of_the_gradient_through_the_network(name):
    """Rounding of the states, which both share, may cost 1e-4 of the gradient over 2,000 samples."""
    setting = setting_of(name)
    places, weights = Pairs(setting), rotor_arrays(setting, np.float32)
    xs, slopes, expected = reference(setting, weights, 0, 2000)
    arguments = places.gather(weights)[0], places.fixed(weights)[0], xs, slopes
    found = summed_derivatives(*map(jnp.asarray, arguments))[0]
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-5 * np.abs(expected).max())


@pytest.mark.usefixtures("float64")
def test_derivatives_of_one_group_are_those_of_the_network_where_the_others_are_held():
    setting = setting_of("five groups, odd H, selectors first")
    weights = rotor_arrays(setting)
    kernel = weights.input_kernel.copy()
    kernel[np.abs(kernel) == 16] *= 40  # gates that are closed and open exactly
    weights = weights._replace(input_kernel=kernel)
    places = Pairs(setting)
    xs, slopes, expected = reference(setting, weights, 2, 400)
    arguments = places.gather(weights)[2], places.fixed(weights)[2], xs, slopes
    found = summed_derivatives(*map(jnp.asarray, arguments))[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.usefixtures("float64")
def test_a_corrected_state_is_the_one_of_the_changed_weights_to_first_order():
    """Halving the change quarters what is left of the difference."""
    setting = setting_of("no selector")
    places, weights = Pairs(setting), rotor_arrays(setting)
    _, xs = inputs_of(setting, 0, 60)
    trained, fixed = jnp.asarray(places.gather(weights)[0]), jnp.asarray(places.fixed(weights)[0])
    run = functools.partial(
        summed_derivatives, fixed=fixed, xs=jnp.asarray(xs), slopes=jnp.zeros(60)
    )
    _, _, state, sensitivity = run(trained)
    direction = jnp.asarray(np.random.default_rng(9).normal(size=trained.shape))

    def left(size):
        change = size * direction
        corrected, there = correct(state, sensitivity, change), run(trained + change)[2]
        moved = max(float(jnp.abs(a - b).max()) for a, b in zip(there, state, strict=True))
        missed = max(float(jnp.abs(a - b).max()) for a, b in zip(there, corrected, strict=True))
        return moved, missed

    (moved, missed), (_, halved) = left(1e-4), left(5e-5)
    assert missed < 0.01 * moved
    assert missed / halved == pytest.approx(4, rel=0.05)
    # Central differences agree with the derivatives themselves.
    ahead, behind = run(trained + 1e-6 * direction)[2], run(trained - 1e-6 * direction)[2]
    forward = correct(state, sensitivity, direction)
    for a, b, to, start in zip(ahead, behind, forward, state, strict=True):
        np.testing.assert_allclose((a - b) / 2e-6, to - start, rtol=1e-5, atol=1e-6)


def own_weights_only(others):
    """Return [2, m] flags of the weights that enter a unit's own gates or carry, by counting them out."""
    flags = [[], []]
    for unit in range(2):
        for owner in range(2):
            for _gate in range(4):
                flags[unit] += [owner == unit] * (others + 1 + 2)
        flags[unit] += [unit == 0, unit == 1]
    return np.array(flags, float)


@pytest.mark.parametrize("others", [1, 3])
def test_what_is_carried_is_the_definition_of_each_gradient(others):
    weights = 8 * (others + 3) + 4
    np.testing.assert_array_equal(pairs.kept("snap1", weights), own_weights_only(others))
    np.testing.assert_array_equal(pairs.kept("truncated", weights), np.zeros((2, weights - 2)))
    np.testing.assert_array_equal(pairs.kept("rtrl", weights), np.ones((2, weights - 2)))


@pytest.mark.usefixtures("float64")
def test_the_truncated_gradient_is_that_of_each_step_from_a_state_taken_as_data():
    setting = setting_of("no selector")
    places, weights = Pairs(setting), rotor_arrays(setting)
    _, xs = inputs_of(setting, 0, 25)
    trained, fixed = jnp.asarray(places.gather(weights)[0]), jnp.asarray(places.fixed(weights)[0])
    found = summed_derivatives(trained, fixed, jnp.asarray(xs), jnp.ones(25), "truncated")[0]
    state = PairState(trained[:, -4:-2], jnp.zeros_like(trained[:, :2]))
    expected, derive = 0, jax.jit(jax.grad(lambda w, *rest: pairs.advance(w, *rest)[1]))
    for x in jnp.asarray(xs):
        expected += derive(trained, fixed, state, x)
        state = pairs.advance(trained, fixed, state, x)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_scales_bound_the_change_of_speed():
    """The scale is the share of the weight that turns a pair, where the usual scale is more."""
    setting = setting_of("four groups of five pairs")
    places = Pairs(setting)
    cycles = np.array([1e-4, 0.05, 0.01, 0.02, 1e-4])
    usual, scales = places.scales(cycles, 1e9), places.scales(cycles, 0.1)
    candidate = [
        gates.reshape(*gates.shape[:2], 2, 4, -1)[..., 2, :]
        for gates in (usual[..., :-4], scales[..., :-4])
    ]
    for pair, speed in enumerate(2 * np.pi * cycles):
        group, place = pair % 4, pair // 4
        before, after = (gates[group, place] for gates in candidate)
        # W of ω is 4 sin ω off the diagonal: its change at the scale is the share of that, or the usual one.
        assert after[0, -1] == pytest.approx(min(before[0, -1], 4 * 0.1 * np.sin(speed)))
        np.testing.assert_allclose(after / before, after[0, -1] / before[0, -1], rtol=1e-6)
    places_of = np.arange(places.weights)
    others = places_of[:-4].reshape(2, 4, -1)[:, [0, 1, 3]].ravel()
    untouched = np.concatenate([others, places_of[-4:]])
    np.testing.assert_array_equal(scales[..., untouched], usual[..., untouched])
    np.testing.assert_array_equal(scales[1:, 1], 0)  # pairs that are not there
