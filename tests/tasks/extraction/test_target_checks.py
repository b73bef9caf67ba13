"""What is wrong with targets is measured and named: frequency, delay, sign, rows that lie off."""

import numpy as np
import pytest

from freqjax import TaskConfig
from freqjax.tasks.extraction import target_checks

TIME = np.arange(90)


def sines(cycles, *phases):
    """Blocks of 90 samples, of one frequency in cycles per sample."""
    return np.stack([np.sin(2 * np.pi * cycles * TIME + phase) for phase in phases])


@pytest.mark.parametrize("cycles", [0.0061, 0.0173, 0.2])
def test_the_frequency_of_sines_is_measured(cycles):
    found = target_checks.actual_cycles(2.5 * sines(cycles, 0.3, 1.9) + 0.7)
    assert found == pytest.approx(cycles, rel=1e-3)


def test_what_is_no_sine_has_no_frequency():
    noise = np.random.default_rng(3).normal(size=(2, 90))
    assert target_checks.actual_cycles(noise) is None


def test_a_fit_gives_amplitude_phase_offset_and_what_is_left():
    extra = np.where(TIME == 40, 3.0, 0.0)
    fit = target_checks.fit_sines(1.5 * sines(4 / 90, 0.4) - 0.2, 4 / 90)
    np.testing.assert_allclose(fit.phasors, 1.5 * np.exp(0.4j), rtol=1e-9)
    np.testing.assert_allclose([fit.offsets[0], fit.left[0]], [-0.2, 0.0], atol=1e-9)
    left = target_checks.fit_sines(sines(4 / 90, 0.4) + extra, 4 / 90).left
    assert 0.08 < left[0] < 0.1  # nearly all of 9 / 90


def test_phases_are_named():
    config = TaskConfig(frequencies=(1.1, 3.4), sampling_rate=60.0, duration=1.5)
    turned = 2 * np.pi * np.array([1.1, 3.4]) / 60
    assert target_checks.name_phases(config, 4 * turned, (0, 1)) == "come 4 samples early"
    assert target_checks.name_phases(config, -turned, (0, 1)) == "come 1 sample late"
    assert (
        target_checks.name_phases(config, np.array([np.pi, -np.pi]), (0, 1))
        == "have the other sign"
    )
    wrapped = np.angle(np.exp(-20j * turned))
    assert target_checks.name_phases(config, wrapped, (0, 1)) == "come 20 samples late"
