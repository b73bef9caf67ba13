"""The strength of components: exact sines in amplitude and phase, at every end of every stretch."""

import numpy as np
import pytest

from freqjax.deploy.extraction.strength import Fitted, Scaled, fit, quadrature

RATE = 200.0
TIME = np.arange(9000) / RATE


@pytest.mark.parametrize("cycles", [0.004, 0.031, 0.1, 0.24, 0.4])
def test_a_cosine_becomes_a_sine_up_to_the_ends(cycles):
    angle = 2 * np.pi * cycles * np.arange(700) + 0.4
    np.testing.assert_allclose(quadrature(np.cos(angle), cycles), np.sin(angle), atol=1e-9)
    if cycles < 0.2:  # a quarter of a period is samples enough
        found = quadrature(np.cos(1.01 * angle), cycles)
        np.testing.assert_allclose(found, np.sin(1.01 * angle), atol=0.03)


def in_chunks(strength, signal, outputs, sizes=(1, 700, 3000)):
    """Add a signal in chunks of several sizes and return all that is yielded, in order."""
    pieces, first, turn = [], 0, 0
    while first < len(signal):
        part = slice(first, first + sizes[turn % len(sizes)])
        pieces += strength.add(signal[part], outputs[part])
        first, turn = part.stop, turn + 1
    return [np.concatenate(parts) for parts in zip(*pieces, *strength.finish(), strict=True)]


def two_channels(hz=(5.0, 7.0)):
    """Return outputs [T, 2, 2] of amplitude 1, and the components [T, 2, 2] of a recording."""
    angle = 2 * np.pi * TIME[:, None, None] * np.array(hz)
    turned = angle + np.array([[0.3, 2.0], [-1.0, 0.1]])
    strengths = np.array([[0.02, 4.0], [1.0, 0.5]])
    outputs = np.broadcast_to(np.cos(angle), turned.shape).astype(np.float32)
    return outputs, strengths * np.cos(turned)


@pytest.mark.parametrize("samples", [9000, 2999, 3001, 1500])
def test_components_are_found_in_amplitude_and_phase_and_nothing_is_lost(samples):
    outputs, components = (part[:samples] for part in two_channels())
    signal = 3 + components.sum(axis=2)
    heard, answered, found = in_chunks(Fitted([5.0, 7.0], RATE), signal, outputs)
    np.testing.assert_array_equal(heard, signal)
    np.testing.assert_array_equal(answered, outputs)
    np.testing.assert_allclose(found, components, atol=1e-4)


def test_chunks_do_not_matter():
    outputs, components = two_channels()
    signal = components.sum(axis=2) + np.random.default_rng(0).normal(size=(9000, 2))
    small, large = (
        in_chunks(Fitted([5.0, 7.0], RATE), signal, outputs, sizes)[2]
        for sizes in ((450,), (9000,))
    )
    np.testing.assert_array_equal(small, large)


def test_a_strength_and_a_phase_that_change_slowly_are_followed():
    """A swing of 30 % over 100 periods, and a line 0.1 % beside the output's."""
    output = np.cos(2 * np.pi * 5 * TIME)[:, None, None]
    swing = 1 + 0.3 * np.sin(2 * np.pi * TIME / 20)
    component = (swing * np.cos(2 * np.pi * 5.005 * TIME))[:, None]
    found = in_chunks(Fitted([5.0], RATE), component, output)[2][:, :, 0]
    assert np.mean(np.square(found - component)) < 0.015 * np.mean(np.square(component))


def test_an_output_of_zeros_has_no_strength():
    signal = np.random.default_rng(0).normal(size=(500, 1))
    assert not fit(signal, np.zeros((500, 1, 1)), [0.02]).any()


def test_outputs_in_units_of_the_input_are_divided_by_the_gain():
    outputs, components = two_channels()
    gains = np.array([4.0, 0.5])
    found = in_chunks(Scaled(gains), outputs[:, :, 0], components * gains[:, None])[2]
    np.testing.assert_allclose(found, components, rtol=1e-12)
