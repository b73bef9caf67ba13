"""The level of a signal: silences and bangs do not move it, and chunks do not matter."""

import numpy as np
import pytest

from freqjax.deploy.extraction.levels import Level


def level(signal, chunk=777):
    meter = Level(5.0, 1000.0)  # blocks of 800 samples
    for first in range(0, len(signal), chunk):
        meter.add(signal[first : first + chunk])
    return meter.value()


NOISE = 0.3 * np.random.default_rng(0).normal(size=80_000)


@pytest.mark.parametrize("hiss", [0.0, 0.003])
def test_silences_and_bangs_do_not_count(hiss):
    quiet = hiss * np.random.default_rng(1).normal(size=400_000)
    recording = np.concatenate([quiet, NOISE, quiet])
    assert level(recording) == pytest.approx(0.3, rel=0.02)
    recording[-3200:-2400] += 200
    assert level(recording) == pytest.approx(0.3, rel=0.02)
    assert np.sqrt(np.mean(np.square(recording))) > 5


def test_the_level_of_a_steady_signal_is_its_rms_whatever_the_chunks():
    for samples, chunk in ((4000, 3), (80_000, 50_000)):
        rms = np.sqrt(np.mean(np.square(NOISE[:samples])))
        assert level(NOISE[:samples], chunk) == pytest.approx(rms)


def test_loud_and_soft_passages_count_with_their_power():
    speech = NOISE * np.repeat([1.0, 0.2], 40_000)
    assert level(speech) == pytest.approx(np.sqrt(np.mean(np.square(speech))), rel=1e-6)


def test_short_and_silent_signals_have_a_level():
    assert level(np.full(5, -2.0)) == 2
    assert level(np.concatenate([NOISE[:800], np.zeros(100)])) == pytest.approx(0.3, rel=0.1)
    assert level(np.zeros(5000)) == level(np.zeros(0)) == 0


def test_the_mean_is_that_of_all_samples():
    meter = Level(5.0, 1000.0)
    for part in np.array_split(53 + NOISE, 7):
        meter.add(part)
    assert meter.mean == pytest.approx(53 + NOISE.mean(), rel=1e-12)
    assert meter.value() ** 2 - meter.mean**2 == pytest.approx(NOISE.var(), rel=1e-6)
    assert Level(5.0, 1000.0).mean == 0
