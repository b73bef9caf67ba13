"""The amplitude spectrum of a signal in chunks."""

import numpy as np
import pytest

from freqjax.deploy.extraction.spectrum import Spectrum


@pytest.mark.parametrize("length", [1, 900, 100_000])
def test_a_sine_stands_as_high_as_its_amplitude(length):
    spectrum = Spectrum(1.0, 1000.0)
    signal = 5 + 0.7 * np.sin(2 * np.pi * 250 * np.arange(length) / 1000 + 0.3)
    for first in range(0, length, 777):
        spectrum.add(signal[first : first + 777])
    hz, amplitude = spectrum.amplitude()
    assert hz.shape == amplitude.shape
    assert len(hz) <= 32_768 // 2 + 1
    if length > 1:
        assert hz[amplitude.argmax()] == pytest.approx(250, abs=1.2)
        assert amplitude.max() == pytest.approx(0.7, rel=0.02)
