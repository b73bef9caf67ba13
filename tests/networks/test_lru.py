"""The linear recurrent unit against a NumPy twin, finite differences, and itself by other paths."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import NetworkConfig, TaskConfig, UserError
from freqjax.networks import LruNetwork, count_parameters, make_network
from freqjax.networks.diagonal import parallel_scan
from freqjax.networks.lru_weights import INITIALIZERS, unit_owners
from freqjax.tasks import make_task
from tests.strangers import regressor
from tests.twins import ROTORS, SETTING

PLAIN = SETTING._replace(input_size=2, selectors=(), output_size=3, hidden_size=5)
SELECTED = SETTING._replace(input_size=5, selectors=(1, 3, 4), output_size=2, hidden_size=7)
SETTINGS = {"plain": PLAIN, "selected": SELECTED}


def network(setting, initializer="pytorch", learned_carry=True):
    return LruNetwork(setting, INITIALIZERS[initializer], learned_carry=learned_carry)


def params_of(net, dtype=jnp.float64, seed=1):
    """Return weights that are none of an initializer's, |λ| between about 0.5 and 0.99."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(net.init, jax.random.key(0))
    drawn = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape), dtype), shapes)
    drawn["recurrence"]["nu"] -= 3
    return drawn


def rows_of(setting, samples=40, streams=3, dtype: Any = np.float64):
    """Return rows [T, B, D] with a selector that changes from time to time, and resets [T, B]."""
    rng = np.random.default_rng(2)
    xs = rng.normal(size=(samples, streams, setting.input_size))
    if setting.selectors:
        xs[..., list(setting.selectors)] = 0
        at = rng.integers(0, len(setting.selectors), (1 + samples // 7, streams)).repeat(7, 0)
        chosen = np.array(setting.selectors)[at[:samples]]
        np.put_along_axis(xs, chosen[..., None], 1, axis=-1)
    return jnp.asarray(xs.astype(dtype)), jnp.asarray(rng.random((samples, streams)) < 0.05)


def twin_step(params, setting, s, x):
    """Advance one sample of one stream in NumPy: s [H] complex, x [D] → s, y [O]."""
    p = jax.tree.map(lambda v: np.asarray(v, np.float64), params)
    y = p["head"]["bias"].copy()
    others, s = x[list(setting.others)], s.copy()
    for unit, owner in enumerate(unit_owners(setting)):
        if setting.selectors and x[setting.selectors[owner]] == 0:
            continue  # it holds
        modulus = np.exp(-np.exp(p["recurrence"]["nu"][unit]))
        turn = modulus * np.exp(1j * p["recurrence"]["theta"][unit])
        heard = p["input"]["re"][:, unit] + 1j * p["input"]["im"][:, unit]
        s[unit] = turn * s[unit] + np.sqrt(1 - modulus**2) * (heard @ others)
        y += ((p["head"]["re"][unit] + 1j * p["head"]["im"][unit]) * s[unit]).real
    return s, y if setting.selectors else y + others @ p["skip"]


def initial(params, streams=3):
    start = np.asarray(params["carry"]["re"]) + 1j * np.asarray(params["carry"]["im"])
    return np.repeat(start[None], streams, 0)


@pytest.fixture(params=SETTINGS)
def setting(request):
    """A setting without a selector, and one with three of seven units."""
    return SETTINGS[request.param]


@pytest.mark.parametrize("way", ["step", "unroll", "unroll_autodiff", "parallel"])
def test_outputs_equal_the_numpy_twin(setting, way, float64):
    net = network(setting)
    params, (xs, resets) = params_of(net), rows_of(setting)
    if way == "step":
        step, carry, ys = jax.jit(net.step), net.init_carry(params, 3), []
        resets = jnp.zeros_like(resets)
        for x in xs:
            carry, y = step(params, carry, x)
            ys.append(y)
    else:
        carry = net.init_carry(params, 3)
        if way == "parallel":
            run = jax.jit(lambda carry: net._run(parallel_scan, params, carry, xs, resets))
            carry, ys = run(carry)
        else:
            carry, ys = jax.jit(getattr(net, way))(params, carry, xs, resets)
    s = initial(params)
    for t, x in enumerate(xs):
        s = np.where(np.asarray(resets)[t, :, None], initial(params), s)
        found = [twin_step(params, setting, s[b], np.asarray(x[b])) for b in range(3)]
        s = np.stack([state for state, _ in found])
        np.testing.assert_allclose(ys[t], [y for _, y in found], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(carry.re + 1j * carry.im, s, rtol=1e-12, atol=1e-12)


def test_both_scans_agree_over_a_long_stream(float64):
    net = network(SELECTED)
    params, (xs, resets) = params_of(net), rows_of(SELECTED, 5000)
    params["recurrence"]["nu"] = jnp.full(7, -12.0)  # hardly any decay
    carry = net.init_carry(params, 3)
    found = jax.jit(lambda: net._run(parallel_scan, params, carry, xs, resets))()
    expected = jax.jit(net.unroll)(params, carry, xs, resets)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * np.abs(theirs).max())


def test_chunks_carry_the_state(setting):
    net = network(setting)
    params = params_of(net, jnp.float32)
    xs, resets = rows_of(setting, dtype=np.float32)
    unroll = jax.jit(net.unroll)
    carry, whole = unroll(params, net.init_carry(params, 3), xs, resets)
    part, first = unroll(params, net.init_carry(params, 3), xs[:17], resets[:17])
    part, second = unroll(params, part, xs[17:], resets[17:])
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), part, carry)


def test_units_of_other_selectors_hold_to_the_bit():
    net = network(SELECTED)
    params = params_of(net, jnp.float32)
    x = jnp.array([[0.3, 0, -0.2, 1, 0]])  # the second selector
    before = net.init_carry(params, 1)
    after, _ = jax.jit(net.step)(params, before, x)
    held = unit_owners(SELECTED) != 1
    for a, b in zip(after, before, strict=True):
        np.testing.assert_array_equal(a[:, held], b[:, held])
        assert np.all(a[:, ~held] != b[:, ~held])


def test_gradients_equal_finite_differences(setting, float64):
    net = network(setting)
    params, (xs, resets) = params_of(net), rows_of(setting)

    @jax.jit
    def loss(params):
        return jnp.sum(jnp.sin(net.unroll(params, net.init_carry(params, 3), xs, resets)[1]))

    along = params_of(net, seed=8)
    ahead, behind = (
        loss(jax.tree.map(lambda p, d: p + step * d, params, along))  # noqa: B023
        for step in (1e-6, -1e-6)
    )
    pairs = jax.tree.map(jnp.vdot, jax.jit(jax.grad(loss))(params), along)
    slope = sum(jax.tree.leaves(pairs))
    np.testing.assert_allclose((ahead - behind) / 2e-6, slope, rtol=1e-7)


def forward(net, params, xs, resets, slopes, exact=True):
    """Return Σ slopes · ∂ outputs / ∂ parameters carried forward, and the carry and memory at the end."""

    def run(params, xs, resets, slopes):
        def one(past, row):
            carry, memory, total = past
            x, flags, slope = row
            carry, memory, reading = net.advance(params, carry, memory, x, flags)
            found = jax.tree.map(lambda by: jnp.tensordot(slope, by, 2), reading.by_params)
            return (carry, memory, jax.tree.map(jnp.add, total, found)), reading.outputs

        streams = xs.shape[1]
        memory = net.sensitivities(params, streams, exact=exact)
        begin = net.init_carry(params, streams), memory, jax.tree.map(jnp.zeros_like, params)
        return jax.lax.scan(one, begin, (xs, resets, slopes))

    # As arguments: of constants XLA computes λ itself, and rounds it otherwise.
    return jax.jit(run)(params, xs, resets, slopes)


def through_time(net, params, xs, resets, slopes):
    """Return the same gradient by backpropagation through the slow reference, and the outputs."""

    def loss(params):
        carry = net.init_carry(params, xs.shape[1])
        outputs = net.unroll_autodiff(params, carry, xs, resets)[1]
        return jnp.sum(slopes * outputs), outputs

    return jax.jit(jax.grad(loss, has_aux=True))(params)


@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-10), (np.float32, 1e-4)])
def test_gradients_carried_forward_are_those_through_time(setting, dtype, close, float64):
    net = network(setting)
    params, (xs, resets) = params_of(net, dtype), rows_of(setting, 2000, 2, dtype)
    params["recurrence"]["nu"] -= 4  # time constants of about a thousand samples
    resets = resets & (np.arange(2000) % 500 == 0)[:, None]
    slopes = np.random.default_rng(6).normal(size=(2000, 2, setting.output_size)).astype(dtype)
    theirs, expected = through_time(net, params, xs, resets, slopes)
    (_, _, ours), outputs = forward(net, params, xs, resets, slopes)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=close * np.abs(expected).max())
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=close * np.abs(b).max())


def test_snap1_is_the_whole_gradient_since_no_unit_acts_on_another():
    net = network(SELECTED)
    params = params_of(net, jnp.float32)
    exact, own = (net.sensitivities(params, 2, exact=exact) for exact in (True, False))
    jax.tree.map(np.testing.assert_array_equal, exact, own)


def test_the_state_is_corrected_to_where_changed_weights_would_have_led(setting, float64):
    net = network(setting)
    params, (xs, resets) = params_of(net), rows_of(setting, 60)
    slopes = jnp.zeros((60, 3, setting.output_size))
    (carry, memory, _), _ = forward(net, params, xs, resets, slopes)
    change = params_of(net, seed=8)

    @jax.jit
    def end(step):
        moved = jax.tree.map(lambda p, c: p + step * c, params, change)
        return net.unroll(moved, net.init_carry(moved, 3), xs, resets)[0]

    slope = jax.tree.map(lambda a, b: (a - b) / 2e-5, end(1e-5), end(-1e-5))
    corrected = jax.jit(net.correct)(carry, memory, change)
    ours = jax.tree.map(lambda a, b: a - b, corrected, carry)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), ours, slope)


def test_a_carry_that_is_not_learned_is_zero_and_has_no_gradient(float64):
    net = network(PLAIN, learned_carry=False)
    params, (xs, resets) = params_of(net), rows_of(PLAIN)
    assert "carry" not in params and "carry" not in net.hidden_axes()
    assert not any(np.any(part) for part in net.init_carry(params, 2))
    slopes = jnp.ones((40, 3, 3))
    (_, _, ours), _ = forward(net, params, xs, resets, slopes)
    theirs, _ = through_time(net, params, xs, resets, slopes)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), ours, theirs)


@pytest.mark.parametrize("learned_carry", [False, True])
def test_what_training_begins_with_can_be_donated(learned_carry):
    """Two arrays of one buffer cannot."""
    net = network(SELECTED, learned_carry=learned_carry)
    params = net.init(jax.random.key(0))
    given = params, net.init_carry(params, 1), net.sensitivities(params, 1, exact=True)
    shapes = jax.tree.map(jnp.shape, given)
    after = jax.jit(lambda *given: given, donate_argnums=(0, 1, 2))(*given)
    assert jax.tree.map(jnp.shape, after) == shapes


# Initial weights.


def test_a_unit_has_six_numbers_for_one_input_and_one_output():
    shapes = jax.eval_shape(network(SETTING, "rotor").init, jax.random.key(0))
    assert count_parameters(shapes) == 384 + 2 * 64 + 1  # with the initial carry and the bias


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_every_initializer_is_stable_and_draws_by_its_key(setting, initializer):
    setting = setting._replace(rotors=ROTORS._replace(peaks=(0.004,)))
    net = network(setting, initializer)
    first, again, other = (net.init(jax.random.key(seed)) for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.array_equal(first["recurrence"]["theta"], other["recurrence"]["theta"])
    modulus = np.exp(-np.exp(np.asarray(first["recurrence"]["nu"], np.float64)))
    assert np.all((modulus > 0) & (modulus < 1))
    expected = {"re", "im"} | {"bias"}
    assert first["head"].keys() == expected
    assert ("skip" in first) is not bool(setting.selectors)


def test_pytorch_draws_a_ring_uniformly():
    params = network(SETTING._replace(hidden_size=4000)).init(jax.random.key(0))
    square = np.exp(-2 * np.exp(np.asarray(params["recurrence"]["nu"], np.float64)))
    theta = np.asarray(params["recurrence"]["theta"])
    # |λ|² is uniform where λ is uniform in a ring.
    np.testing.assert_allclose(np.quantile(square, [0, 0.5, 1]), [0.81, 0.904, 0.998], atol=5e-3)
    np.testing.assert_allclose(np.quantile(theta, [0, 0.5, 1]), [0, np.pi, 2 * np.pi], atol=0.1)


def test_chrono_spreads_time_constants_evenly_up_to_the_longest():
    params = network(SETTING._replace(hidden_size=4000), "chrono").init(jax.random.key(0))
    constants = np.exp(-np.asarray(params["recurrence"]["nu"], np.float64))
    np.testing.assert_allclose(
        np.quantile(constants, [0, 0.5, 1]), [1, 5000, 1e4], rtol=0.05, atol=20
    )


def test_rotors_turn_through_the_band_of_every_selector_almost_without_decay():
    net = network(SETTING, "rotor")
    params = net.init(jax.random.key(0))
    cycles, owners = net.pair_cycles(params), net.pair_owners()
    low, high = ROTORS.band
    edges = low * (high / low) ** (np.arange(17) / 16)
    for group in range(4):
        found = np.sort(cycles[owners == group])
        assert np.all((edges[:-1] <= found) & (found <= edges[1:]))
    assert np.all(np.asarray(params["recurrence"]["nu"]) < np.log(2e-6))
    assert not np.any(params["input"]["re"])
    np.testing.assert_allclose(np.hypot(*params["carry"].values()), 1, rtol=1e-6)
    x = jnp.eye(5)[2:3]  # the second selector
    carry = net.init_carry(params, 1)
    after, _ = net.step(params, carry, x)
    turned = np.angle((after.re + 1j * after.im) / (carry.re + 1j * carry.im))[0] / (2 * np.pi)
    np.testing.assert_allclose(turned, np.where(owners == 1, cycles, 0), atol=1e-7)


def test_rotors_hear_with_the_gain_and_decay_as_the_task_asks():
    rotors = ROTORS._replace(decay=0.01)
    net = network(SETTING._replace(gain=0.2, rotors=rotors), "rotor")
    params = net.init(jax.random.key(0))
    x = jnp.array([[1.0, 1, 0, 0, 0]])
    silent = jax.tree.map(jnp.zeros_like, net.init_carry(params, 1))
    after, _ = net.step(params, silent, x)
    first = unit_owners(SETTING) == 0
    np.testing.assert_allclose(np.hypot(*after)[0, first], 0.2, rtol=1e-5)
    np.testing.assert_allclose(np.exp(-np.exp(params["recurrence"]["nu"])), 0.99, atol=1e-4)


def test_spectral_has_a_unit_at_every_peak():
    net = network(SETTING, "spectral")
    cycles = net.pair_cycles(net.init(jax.random.key(0)))
    np.testing.assert_allclose(cycles[:4], ROTORS.peaks, rtol=1e-6)


def test_speeds_beyond_half_a_cycle_are_those_of_the_alias():
    net = network(PLAIN)
    params = params_of(net, jnp.float32)
    params["recurrence"]["theta"] = 2 * np.pi * np.array([0.3, 0.7, -0.2, 1.1, 2.5])
    np.testing.assert_allclose(net.pair_cycles(params), [0.3, 0.3, 0.2, 0.1, 0.5], atol=1e-12)


# Its place in a config.


def refusal(task=None, **fields):
    with pytest.raises(UserError) as caught:
        make_network(NetworkConfig(cell="lru", **fields), task or make_task(TaskConfig()))
    message = str(caught.value)
    assert message.endswith(".") and message.count(". ") == 0
    return message


def test_initializers_of_other_cells_are_refused():
    allowed = "it must be one of pytorch, chrono, rotor, spectral where network.cell is lru"
    for name in ("orthogonal", "unit_forget", "constructed"):
        said = f"network.initializer is {name}: {allowed}"
        assert refusal(initializer=name, learned_carry=True).startswith(said)


def test_initializers_ask_the_task_as_those_of_an_lstm():
    assert refusal(initializer="rotor").startswith("network.learned_carry is false: it must be tr")
    walk = regressor.Task(regressor.WalkConfig())
    said = "network.initializer is rotor: it must be one of chrono, pytorch where the task has no"
    assert refusal(walk, initializer="rotor", learned_carry=True).startswith(said)


def test_every_selector_owns_a_unit():
    said = "network.hidden_size is 3: it must be at least 4 where network.cell is lru, of which"
    assert refusal(hidden_size=3).startswith(said)
    assert isinstance(
        make_network(NetworkConfig(cell="lru", hidden_size=4), make_task(TaskConfig())), LruNetwork
    )
