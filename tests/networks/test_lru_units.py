"""Units of a linear recurrent unit in a filter: places, the step, derivatives, a corrected state."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import LruNetwork, lru_units
from freqjax.networks.filtered import correct
from freqjax.networks.lru_units import LruParts, UnitState
from freqjax.networks.lru_weights import INITIALIZERS, unit_owners
from freqjax.networks.weights import LstmSetting

# One group that owns all units, and groups of three units and two.
SETTINGS = {
    "no selector": LstmSetting(2, 4, 1),
    "three selectors first": LstmSetting(5, 7, 1, (0, 1, 2)),
}


@pytest.fixture(params=SETTINGS)
def setting(request):
    """Each of the settings."""
    return SETTINGS[request.param]


def network_of(setting):
    return LruNetwork(setting, INITIALIZERS["pytorch"], learned_carry=True)


def params_of(setting, seed=1):
    """Draw weights with little decay."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(network_of(setting).init, jax.random.key(0))
    params = jax.tree.map(lambda a: rng.normal(size=a.shape), shapes)
    params["recurrence"]["nu"] -= 6
    return params | ({"skip": np.zeros((2, 1))} if "skip" in params else {})


def rows_of(setting, group, samples):
    """Return rows [T, D] of a group, and their inputs that are no selector [T, M]."""
    rows = np.random.default_rng(5).normal(size=(samples, setting.input_size))
    rows[:, list(setting.selectors)] = 0
    if setting.selectors:
        rows[:, setting.selectors[group]] = 1
    return rows, jnp.asarray(rows[:, list(setting.others)])


def test_gathered_weights_are_those_of_the_units_of_every_group(setting):
    numbers = iter(range(1, 1000))
    params = jax.tree.map(
        lambda a: np.array([next(numbers) for _ in range(a.size)], float).reshape(a.shape),
        params_of(setting),
    )
    parts = LruParts(setting)
    found = parts.gather(params)
    assert found.shape == (parts.groups, parts.parts, parts.weights)
    assert (parts.parts, parts.weights) == ((3 if setting.selectors else 4), 2 * 2 + 6)
    assert parts.bias(params) == params["head"]["bias"][0]
    there = np.zeros(found.shape[:2], bool)
    for unit, group in enumerate(unit_owners(setting)):
        into, carry, head = params["input"], params["carry"], params["head"]
        expected = [params["recurrence"][name][unit] for name in ("nu", "theta")]
        expected += [into[part][row, unit] for row in (0, 1) for part in ("re", "im")]
        expected += [carry["re"][unit], carry["im"][unit], head["re"][unit, 0], head["im"][unit, 0]]
        assert found[group, unit // parts.groups].tolist() == expected
        there[group, unit // parts.groups] = True
    np.testing.assert_array_equal(found[~there], 0)


def test_scatter_undoes_gather_and_changes_nothing_else(setting):
    parts, params = LruParts(setting), params_of(setting)
    owned = parts.gather(jax.tree.map(np.ones_like, params))
    new = owned * np.random.default_rng(2).normal(size=owned.shape)
    scattered = parts.scatter(params, new)
    np.testing.assert_array_equal(parts.gather(scattered), new)
    back = parts.scatter(scattered, parts.gather(params))
    jax.tree.map(np.testing.assert_array_equal, back, params)
    changed = jax.tree.map(lambda a, b: int(np.sum(a != b)), scattered, params)
    assert sum(jax.tree.leaves(changed)) == int(owned.sum())
    jax.tree.map(np.testing.assert_array_equal, params, params_of(setting))  # not in place


def network_outputs(setting, params, rows):
    """Return outputs [T] of the whole network without the head's bias."""
    net, resets = network_of(setting), jnp.zeros((len(rows), 1), bool)
    carry = net.init_carry(params, 1)
    ys = net.unroll_autodiff(params, carry, jnp.asarray(rows)[:, None], resets)[1]
    return ys[:, 0, 0] - params["head"]["bias"][0]


@functools.partial(jax.jit, static_argnames="gradient")
def summed_derivatives(trained, xs, slopes, gradient="rtrl"):
    """Return Σ_t slopes_t ∂output_t/∂weights [P, n], the outputs [T], and the last state and sensitivity."""
    factors = jnp.asarray(lru_units.kept(gradient, trained.shape[-1]), trained.dtype)
    state, none = lru_units.begin(trained), jnp.zeros(0)
    begin = state, lru_units.initial_sensitivity(state, trained.shape[-1]), jnp.zeros_like(trained)

    def body(past, row):
        state, sensitivity, total = past
        before = jax.tree.map(lambda part: factors[None] * part, sensitivity)
        state, sensitivity, output, derivatives = lru_units.advance_with_derivatives(
            trained, none, state, before, row[0]
        )
        return (state, sensitivity, total + row[1] * derivatives), output

    (state, sensitivity, total), outputs = jax.lax.scan(body, begin, (xs, slopes))
    return total, outputs, state, sensitivity


def test_derivatives_of_a_group_sum_to_the_gradient_through_the_network(setting, float64):
    parts, params = LruParts(setting), jax.tree.map(jnp.asarray, params_of(setting))
    group = parts.groups - 1
    rows, xs = rows_of(setting, group, 2000)
    slopes = jnp.asarray(np.random.default_rng(8).normal(size=2000))
    summed = jax.jit(jax.grad(lambda p: jnp.sum(slopes * network_outputs(setting, p, rows))))
    expected = parts.gather(summed(params))[group]
    trained = jnp.asarray(parts.gather(params)[group])
    found, outputs, _, _ = summed_derivatives(trained, xs, slopes)
    wanted = network_outputs(setting, params, rows)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    single = summed_derivatives(*(jnp.asarray(v, jnp.float32) for v in (trained, xs, slopes)))[0]
    np.testing.assert_allclose(single, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(summed_derivatives(trained, xs, slopes, "snap1")[0], found)


def test_the_step_without_derivatives_is_the_same(float64):
    setting = SETTINGS["no selector"]
    trained = jnp.asarray(LruParts(setting).gather(params_of(setting))[0])
    _, xs = rows_of(setting, 0, 50)
    _, outputs, end, _ = summed_derivatives(trained, xs, jnp.zeros(50))
    state, found = jax.lax.scan(
        lambda s, x: lru_units.advance(trained, jnp.zeros(0), s, x), lru_units.begin(trained), xs
    )
    np.testing.assert_allclose(found, outputs, rtol=1e-13)
    np.testing.assert_allclose(state.s, end.s, rtol=1e-13)


def test_the_truncated_gradient_is_that_of_each_step_from_a_state_taken_as_data(float64):
    setting = SETTINGS["no selector"]
    trained = jnp.asarray(LruParts(setting).gather(params_of(setting))[0])
    _, xs = rows_of(setting, 0, 25)
    found = summed_derivatives(trained, xs, jnp.ones(25), "truncated")[0]
    state, expected = lru_units.begin(trained), 0
    derive = jax.jit(jax.grad(lambda w, s, x: lru_units.advance(w, jnp.zeros(0), s, x)[1]))
    for x in xs:
        expected += derive(trained, state, x)
        state = lru_units.advance(trained, jnp.zeros(0), state, x)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_corrected_state_is_the_one_of_the_changed_weights_to_first_order(float64):
    setting = SETTINGS["no selector"]
    trained = jnp.asarray(LruParts(setting).gather(params_of(setting))[0])
    _, xs = rows_of(setting, 0, 60)
    along = jnp.asarray(np.random.default_rng(9).normal(size=trained.shape))
    _, _, state, sensitivity = summed_derivatives(trained, xs, jnp.zeros(60))
    ahead, behind = (
        summed_derivatives(trained + step * along, xs, jnp.zeros(60))[2].s for step in (1e-6, -1e-6)
    )
    corrected = correct(state, sensitivity, along).s
    np.testing.assert_allclose((ahead - behind) / 2e-6, corrected - state.s, rtol=1e-6, atol=1e-7)


def test_a_block_begins_at_the_initial_carry_alone():
    trained = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 8)), jnp.float32)
    before = UnitState(jnp.full((3, 2), jnp.nan))
    state = lru_units.begin(trained, before)
    np.testing.assert_array_equal(state.s, trained[..., -4:-2])
    np.testing.assert_array_equal(lru_units.carry_of(state), trained[..., -4:-2])


def test_the_scale_of_a_speed_is_a_share_of_it():
    setting = SETTINGS["three selectors first"]
    parts, params = LruParts(setting), params_of(setting)
    params["recurrence"]["theta"] = np.linspace(-0.3, 0.6, 7)
    found, twice = parts.scales(params, 0.1), parts.scales(params, 0.2)
    theta = np.abs(parts.gather(params)[..., 1])
    np.testing.assert_allclose(found[..., 1], 0.1 * theta, rtol=1e-12)
    np.testing.assert_allclose(twice[..., 1], 0.2 * theta, rtol=1e-12)
    rest = np.delete(np.arange(parts.weights), 1)
    np.testing.assert_array_equal(found[..., rest], twice[..., rest])
    assert np.all(found[0] > 0)
    np.testing.assert_array_equal(found[1:, 2], 0)  # units that are not there
