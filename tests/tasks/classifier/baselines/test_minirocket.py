"""MiniRocket against its definition, one sample at a time."""

import numpy as np
import pytest

from freqjax.tasks.classifier.baselines import MiniRocket
from freqjax.tasks.classifier.baselines.minirocket import KERNELS, dilations_of, kernel_weights

RANDOM = np.random.default_rng(0)
SIGNALS = np.cumsum(RANDOM.normal(size=(150, 30, 3)), axis=1).astype(np.float32)
ALL = np.ones(SIGNALS.shape, bool)


def convolution(row, weights, dilation, channels):
    """Convolve a row [T, F] with one kernel, with zeros beyond its ends."""
    padded = np.pad(row.astype(np.float64), [(4 * dilation, 4 * dilation), (0, 0)])
    found = np.zeros(len(row))
    for t in range(len(row)):
        for j in range(9):
            found[t] += weights[j] * (padded[t + j * dilation] * channels).sum()
    return found


def share(row, there, rocket, index, kernel, bias):
    """Compute one feature by its definition."""
    dilation = list(rocket.biases)[index]
    channels = rocket.channels[dilation][kernel]
    scaled = np.where(there, (row - rocket.mean) / rocket.scale, 0)
    found = convolution(scaled, kernel_weights()[kernel], dilation, channels)
    present = (there & (channels > 0)).any(axis=1)
    counts = []
    for t in range(len(row)):
        taps = range(t - 4 * dilation, t + 4 * dilation + 1, dilation)
        inside = all(0 <= u < len(row) and present[u] for u in taps)
        if present[t] and (inside or (index + kernel) % 2 == 0):
            counts.append(found[t] > bias)
    return np.mean(counts) if counts else 0.0


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.6])
def test_features_are_shares_above_a_bias(missing):
    there = RANDOM.random(SIGNALS.shape) >= missing
    signals = np.where(there, SIGNALS, np.nan)
    rocket = MiniRocket.fit(signals, there, KERNELS * 5, seed=1)
    features = rocket.features(signals, there)
    assert features.shape == (150, rocket.count) == (150, KERNELS * 5)
    place = 0
    for index, biases in enumerate(rocket.biases.values()):
        for each in range(biases.shape[1]):
            for kernel in (0, 1, 41, 83):
                for n in (0, 149):
                    bias = biases[kernel, each]
                    expected = share(SIGNALS[n], there[n], rocket, index, kernel, bias)
                    assert features[n, place + kernel] == pytest.approx(expected, abs=0.04)
            place += KERNELS


def test_kernels_are_all_choices_of_three_of_nine_and_sum_to_0():
    weights = kernel_weights()
    assert len({tuple(w) for w in weights}) == KERNELS == 84
    assert np.all(weights.sum(axis=1) == 0)
    assert set(np.unique(weights)) == {-1, 2}


def test_dilations_are_those_published():
    # The authors' function for T = 64 and 9996 features, with its whole numbers.
    found = dilations_of(64, 9996)
    assert found == {1: 41, 2: 23, 3: 15, 4: 15, 5: 7, 6: 11, 7: 7}
    assert sum(found.values()) == 119
    for samples in (2, 9, 10, 100):
        assert 4 * max(dilations_of(samples, 9996)) <= max((samples - 1) // 2, 4)


def test_biases_are_quantiles_of_convolutions_of_training_rows():
    one = SIGNALS[:1]
    rocket = MiniRocket.fit(one, ALL[:1], KERNELS * 2, scaled=False)
    assert np.all(rocket.mean == 0)
    shares = iter(np.arange(1, 1000) * (np.sqrt(5) + 1) / 2 % 1)
    for dilation, biases in rocket.biases.items():
        for kernel in range(KERNELS):
            channels = rocket.channels[dilation][kernel]
            found = convolution(one[0], kernel_weights()[kernel], dilation, channels)
            asked = [next(shares) for _ in range(biases.shape[1])]
            assert biases[kernel] == pytest.approx(np.quantile(found, asked), abs=1e-3)


def test_the_scale_of_a_channel_does_not_matter_and_the_seed_does():
    first = MiniRocket.fit(SIGNALS, ALL, KERNELS, seed=3).features(SIGNALS, ALL)
    other = SIGNALS * np.float32(64) + np.float32(512)
    assert np.mean(first != MiniRocket.fit(other, ALL, KERNELS, seed=3).features(other, ALL)) < 1e-3
    assert np.any(first != MiniRocket.fit(SIGNALS, ALL, KERNELS, seed=4).features(SIGNALS, ALL))


def test_a_row_that_is_absent_has_features_0_and_no_warning():
    features = MiniRocket.fit(SIGNALS, ALL, KERNELS).features(SIGNALS[:2], ALL[:2] & False)
    assert np.all(features == 0)
