"""Phrases of a code: against all divisions of a sequence, one by one."""

import itertools
from typing import Any

import jax
import numpy as np
import pytest

from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork, Practice
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.nearest import NearestEncoder
from freqjax.tasks.autoencoder.network.phrases import Drawn, PhraseDecoder, lengths_of

T, K, P, D = 5, 3, 8, 3


def phrases(squared=False) -> tuple[Any, Any]:
    decoder = PhraseDecoder(T, D, K, P, squared=squared)
    shape = decoder.init(jax.random.key(0))["phrases"].shape
    vectors = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return decoder, {"phrases": vectors}


def decoded(decoder, vectors, series, samples) -> Any:
    """Return the vectors of phrases, one after another, 0 behind the last."""
    joined = [vectors[p, j] for p in series for j in range(decoder.lengths[p])]
    return np.stack((joined + [np.zeros(D)] * samples)[:samples])


@pytest.mark.parametrize(
    "samples, numbers, count", [(50, 16, 256), (5, 3, 8), (10, 16, 64), (4, 1, 3)]
)
def test_phrases_have_about_the_mean_length_that_a_code_needs(samples, numbers, count):
    lengths = lengths_of(samples, numbers, count)
    assert len(lengths) == count
    assert (np.diff(lengths) >= 0).all() and lengths.min() >= 1
    assert lengths.max() * numbers >= samples
    if count >= 64:
        assert lengths.mean() == pytest.approx(max(samples / numbers, 1), rel=0.1)


def test_a_decoder_joins_its_phrases():
    decoder, params = phrases()
    series = np.random.default_rng(1).integers(0, P, (6, K))
    codes = (series / (P - 1) * 2 - 1).astype(np.float32)
    outputs = np.swapaxes(np.asarray(decoder(params, codes, T)), 0, 1)
    for found, own in zip(outputs, series, strict=True):
        expected = decoded(decoder, params["phrases"], own, T)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("length", [T, 3, 1])
def test_no_series_of_phrases_is_nearer(length, squared):
    decoder, params = phrases(squared)
    xs: Any = np.random.default_rng(2).normal(size=(T, 4, D)).astype(np.float32)
    xs[length:] = 0
    present: Any = np.zeros((T, 4), bool)
    present[:length] = True
    codes = np.asarray(decoder.nearest(params, xs, present))
    outputs = np.asarray(decoder(params, codes, T))

    def score(y, x) -> float:
        if squared:
            return float(np.sum(x**2) - np.sum((y - x) ** 2))
        return float(np.sum(np.sum(y * x, axis=1) / np.linalg.norm(y, axis=1)))

    whole = [
        series
        for series in itertools.product(range(P), repeat=K)
        if decoder.lengths[list(series)].sum() >= length
    ]
    for b in range(4):
        best = max(
            score(decoded(decoder, params["phrases"], s, length), xs[:length, b]) for s in whole
        )
        assert score(outputs[:length, b], xs[:length, b]) == pytest.approx(best, abs=1e-4)


def test_a_series_of_phrases_is_coded_without_a_loss():
    decoder, params = phrases()
    network = AutoencoderNetwork(NearestEncoder(decoder), Code(K, bits=3), decoder, Practice())
    series = np.array([s for s in itertools.product(range(P), repeat=K)])
    exact = series[decoder.lengths[series].sum(axis=1) == T]
    assert len(exact) > 5
    codes: Any = (exact / (P - 1) * 2 - 1).astype(np.float32)
    xs = network.decode({"decoder": params}, codes, T)
    resets: Any = np.zeros((T, len(exact)), bool)
    ys = network.unroll({"decoder": params}, (), xs, resets)[1]
    np.testing.assert_allclose(ys, xs, atol=1e-5)


def test_phrases_begin_as_passages_of_training_rows():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(9, T, D)).astype(np.float32)
    mask = np.arange(T) < np.array([5, 5, 1, 4, 5, 2, 5, 5, 3])[:, None]
    lengths = lengths_of(T, K, P)
    found = Drawn.of(vectors, mask, lengths).vectors
    for phrase, length in zip(found, lengths, strict=True):
        np.testing.assert_array_equal(phrase[length:], 0)
        passages = [
            v[start : start + length]
            for v, m in zip(vectors, mask, strict=True)
            for start in range(m.sum() - length + 1)
        ]
        assert any(np.array_equal(phrase[:length], passage) for passage in passages)
