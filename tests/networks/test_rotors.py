"""Pairs of units that turn: their weights from the equations, in Hz, and what is measured of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks.rotors import (
    change_scales,
    pair_cycles,
    pair_owners,
    rotor_weights,
    spectral_weights,
    turning_weights,
)
from tests.twins import ROTORS, SETTING, sigmoid


def draw(make=rotor_weights, seed=0, setting=SETTING):
    weights = make(jax.random.key(seed), setting)
    return type(weights)(*(np.asarray(w, np.float64) for w in weights))


def gate(array, name, hidden=64):
    k = "ifgo".index(name)
    return array[..., hidden * k : hidden * (k + 1)]


def rotor_matrix(weights, pair):
    """Return the linear map of (c, c') of one pair when its output gate is at 1/2, from the equations."""
    units = np.array([2 * pair, 2 * pair + 1])
    forget = sigmoid(gate(weights.input_bias, "f")[units])
    kernel = gate(weights.recurrent_kernel, "g")[np.ix_(units, units)]
    return np.diag(forget) + kernel.T / 4


def test_rotors_turn_without_growth_inside_their_band():
    weights = draw()
    for pair in range(32):
        eigenvalues = np.linalg.eigvals(rotor_matrix(weights, pair))
        np.testing.assert_allclose(np.abs(eigenvalues), 1, atol=3e-6)
        cycles = np.abs(np.angle(eigenvalues)) / (2 * np.pi)
        assert (cycles > 0.00049).all()
        assert (cycles < 0.0201).all()


@pytest.mark.parametrize(
    ("rate", "leak", "decay"), [(1000.0, 0, 0), (50.0, 0, 0), (1000.0, 2.0, 5.0), (100.0, 0, 3.0)]
)
def test_weights_equal_a_numpy_version_in_hertz_and_seconds(rate, leak, decay):
    """Of pairs at given frequencies, Hz, with a leak and a decay a second."""
    hertz = np.linspace(0.5, 15, 32)
    rotors = ROTORS._replace(leak=leak / rate, decay=decay / rate)
    setting = SETTING._replace(rotors=rotors)
    weights = draw(lambda key, s: turning_weights(key, s, jnp.asarray(hertz / rate)), 0, setting)
    for pair, frequency in enumerate(hertz):
        units = [2 * pair, 2 * pair + 1]
        omega = 2 * np.pi * frequency / rate
        forget = max(np.cos(omega), 0.5) - 1e-6 - leak / rate
        cosine = np.cos(omega) - forget - decay / rate
        block = 4 * np.array([[cosine, np.sin(omega)], [-np.sin(omega), cosine]])
        found = gate(weights.recurrent_kernel, "g")[np.ix_(units, units)]
        np.testing.assert_allclose(found, block, atol=1e-6)
        bias = gate(weights.input_bias, "f")[units]
        np.testing.assert_allclose(1 - sigmoid(bias), 1 - forget, rtol=1e-5)
    assert np.count_nonzero(weights.recurrent_kernel) <= 4 * 32


def test_speeds_are_a_jittered_logarithmic_grid_of_every_selector():
    weights = draw(seed=3)
    for selector in range(4):
        shut = gate(weights.input_kernel, "o")[1 + selector]
        own = [p for p in range(32) if shut[2 * p] == 0]
        assert len(own) == 8
        cycles = sorted(
            np.abs(np.angle(np.linalg.eigvals(rotor_matrix(weights, p)))).max() / (2 * np.pi)
            for p in own
        )
        # One in each eighth of the band on a log scale.
        shares = np.floor(8 * np.log(np.array(cycles) / 0.0005) / np.log(40))
        np.testing.assert_array_equal(shares, np.arange(8))


def test_a_selector_holds_the_pairs_of_the_others():
    weights = draw()
    for selector in range(4):
        row = weights.input_kernel[1 + selector]
        held = np.repeat(np.arange(32) % 4 != selector, 2)
        np.testing.assert_array_equal(gate(row, "i"), np.where(held, -16, 0))
        np.testing.assert_array_equal(gate(row, "f"), np.where(held, 16, 0))
        np.testing.assert_array_equal(gate(row, "o"), np.where(held, -16, 0))
        assert not gate(row, "g").any()


def test_without_gain_the_mixture_has_no_weight_and_pairs_start_on_a_circle():
    weights = draw()
    assert (weights.input_kernel[0] == 0).all()
    radius = np.hypot(weights.carry[0::2], weights.carry[1::2])
    np.testing.assert_allclose(radius, 0.3, rtol=1e-5)


def test_a_gain_drives_every_pair_along_a_direction_of_its_own():
    drive = gate(draw(setting=SETTING._replace(gain=0.2)).input_kernel[0], "g")
    np.testing.assert_allclose(np.hypot(drive[0::2], drive[1::2]), 0.2, rtol=1e-5)
    angles = np.arctan2(drive[1::2], drive[0::2])
    assert len(np.unique(angles.round(4))) == 32


def test_pairs_are_measured_as_fast_as_they_were_set():
    weights = draw(spectral_weights, seed=1)
    cycles = pair_cycles(weights, SETTING)
    np.testing.assert_allclose(cycles[:4], ROTORS.peaks, rtol=1e-4)
    by_matrix = [
        np.abs(np.angle(np.linalg.eigvals(rotor_matrix(weights, p)))).max() / (2 * np.pi)
        for p in range(32)
    ]
    np.testing.assert_allclose(cycles, by_matrix, rtol=1e-6)
    np.testing.assert_array_equal(pair_owners(SETTING)[:5], [0, 1, 2, 3, 0])


def test_spectral_takes_nothing_but_one_pair_a_selector_from_the_data():
    spectral, rotor = draw(spectral_weights, seed=1), draw(seed=1)
    np.testing.assert_allclose(pair_cycles(spectral, SETTING)[4:], pair_cycles(rotor, SETTING)[4:])


def test_pairs_of_a_network_that_has_diverged_are_read_without_overflow():
    weights = draw()
    shut = weights._replace(input_bias=np.full_like(weights.input_bias, -1e5))
    assert np.isfinite(pair_cycles(shut, SETTING)).all()
    broken = weights._replace(recurrent_kernel=np.full_like(weights.recurrent_kernel, np.nan))
    assert np.isnan(pair_cycles(broken, SETTING)).all()


def test_a_task_without_selectors_has_pairs_that_all_turn_all_the_time():
    setting = SETTING._replace(input_size=1, selectors=(), hidden_size=9)
    weights = draw(setting=setting)
    assert not weights.input_kernel.any()
    cycles = pair_cycles(weights, setting)
    assert (cycles > 0.0005).all()
    assert (np.diff(cycles) > 0).all()
    for array in (weights.input_bias, weights.recurrent_kernel):  # the odd last unit
        assert not any(gate(array, name, 9)[..., 8].any() for name in "ifgo")


def test_steps_of_the_weights_that_turn_pairs_scale_alone():
    plain, twice = (
        change_scales(SETTING._replace(rotors=ROTORS._replace(turn_scale=s))) for s in (1.0, 2.0)
    )
    np.testing.assert_allclose(twice.recurrent_kernel, 2 * plain.recurrent_kernel)
    for name in "ifgo":
        factor = 2 if name == "g" else 1
        expected = factor * gate(plain.input_kernel, name)
        np.testing.assert_allclose(gate(twice.input_kernel, name), expected)
    np.testing.assert_array_equal(twice.head_kernel, plain.head_kernel)
    none = change_scales(SETTING._replace(rotors=None))
    jax.tree.map(np.testing.assert_array_equal, none, plain)


def test_a_setting_without_rotors_has_no_such_weights():
    with pytest.raises(ValueError, match="has no rotors"):
        draw(setting=SETTING._replace(rotors=None))
