"""Probes of a code: each changes what it says, against decoding by hand."""

from typing import Any

import numpy as np
import pytest

from freqjax.tasks.autoencoder.baselines import mean_cosine
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork, Practice
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.curves import CurveDecoder
from freqjax.tasks.autoencoder.network.nearest import NearestEncoder
from freqjax.tasks.autoencoder.probes import Probed, geometry, probe

N, T, D, K, BITS = 40, 4, 5, 2, 6
P = 2**BITS


def network_and_part(seed=0) -> tuple[Any, Any, Part]:
    """Return a network whose sequences are nodes of its curve with noise, and those sequences."""
    rng = np.random.default_rng(seed)
    decoder = CurveDecoder(T, D, K, P)
    turns = np.cumsum(rng.normal(size=(P, T // K, D)), axis=0)
    params = {"decoder": {"stage_0": turns.astype(np.float32)}}
    network = AutoencoderNetwork(NearestEncoder(decoder), Code(K, BITS), decoder, Practice())
    codes: Any = (rng.integers(0, P, (N, K)) / (P - 1) * 2 - 1).astype(np.float32)
    vectors = np.swapaxes(np.asarray(network.decode(params, codes, T)), 0, 1)
    vectors = vectors + 0.1 * rng.normal(size=vectors.shape).astype(np.float32)
    mask = np.ones((N, T), bool)
    mask[3, 2:] = False
    group = np.arange(N, dtype=np.int32)
    return network, params, Part(np.where(mask[..., None], vectors, 0), mask, group, 0 * group)


def outputs_of(network, params, part) -> Any:
    """Return outputs as an evaluation computes them."""
    resets = np.arange(T)[:, None] == part.mask.sum(axis=1)
    xs = np.swapaxes(part.vectors, 0, 1)
    return np.swapaxes(np.asarray(network.unroll(params, (), xs, resets)[1]), 0, 1)


def test_a_probe_decodes_the_code_that_it_names():
    network, params, part = network_and_part()
    found = probe(network, params, part, outputs_of(network, params, part))
    xs = np.swapaxes(part.vectors, 0, 1)
    resets = np.arange(T)[:, None] == part.mask.sum(axis=1)
    codes = np.asarray(network.encode(params, xs, resets)[0])
    levels = np.rint((codes + 1) / 2 * (P - 1))

    def cosine(levels) -> float:
        numbers = (levels / (P - 1) * 2 - 1).astype(np.float32)
        decoded = np.swapaxes(np.asarray(network.decode(params, numbers, T)), 0, 1)
        return mean_cosine(decoded, part.vectors, part.mask)

    assert found.cosine == pytest.approx(cosine(levels), abs=1e-5)
    assert found.zeroed == pytest.approx(cosine(np.full_like(levels, (P - 1) / 2)), abs=1e-5)
    assert found.swapped == pytest.approx(cosine(np.roll(levels, 1, axis=0)), abs=1e-5)
    coarse = np.rint(levels / (P - 1) * 15) / 15 * (P - 1)
    assert found.by_bits[4] == pytest.approx(cosine(coarse), abs=1e-5)
    assert found.cosine > 0.95 > found.swapped
    assert found.states_swapped is None and found.forced is None


def test_a_number_that_is_moved_goes_to_the_level_beside_it():
    network, params, part = network_and_part()
    found = probe(network, params, part, outputs_of(network, params, part))
    # Every way to move the numbers of each segment, by hand: the probe lies within them.
    xs = np.swapaxes(part.vectors, 0, 1)
    resets = np.arange(T)[:, None] == part.mask.sum(axis=1)
    levels = np.rint((np.asarray(network.encode(params, xs, resets)[0]) + 1) / 2 * (P - 1))
    sums, count = np.zeros((2, N, K)), 0
    for row, step in enumerate((-1, 1)):
        moved = levels + step
        moved = np.where((moved < 0) | (moved > P - 1), levels - step, moved)
        numbers = (moved / (P - 1) * 2 - 1).astype(np.float32)
        decoded = np.swapaxes(np.asarray(network.decode(params, numbers, T)), 0, 1)
        unit = decoded / np.linalg.norm(decoded, axis=2, keepdims=True)
        sizes = np.maximum(np.linalg.norm(part.vectors, axis=2), 1e-9)
        cosines = np.where(part.mask, np.sum(unit * part.vectors, axis=2) / sizes, 0)
        sums[row], count = cosines.reshape(N, K, T // K).sum(axis=2), part.mask.sum()
    lowest, highest = sums.min(axis=0).sum() / count, sums.max(axis=0).sum() / count
    assert lowest < found.moved < highest < found.cosine
    assert found.moved == pytest.approx(sums.mean(axis=0).sum() / count, abs=0.02)


def test_what_was_evaluated_is_not_decoded_again(monkeypatch):
    network, params, part = network_and_part()
    network.code = Code(K, 8)
    outputs = outputs_of(network, params, part)
    decoded: list[Any] = []
    decode = Probed.decode
    monkeypatch.setattr(
        Probed, "decode", lambda self, codes, *a: decoded.append(codes) or decode(self, codes, *a)
    )
    found = probe(network, params, part, outputs)
    assert found.by_bits[8] == found.cosine == mean_cosine(outputs, part.vectors, part.mask)
    codes: Any = Probed(network, params).encode(part).codes
    evaluated = np.asarray(network.code.quantised(codes))
    assert len(decoded) == 5 and not any(np.array_equal(own, evaluated) for own in decoded)


def test_the_geometry_of_codes_that_lie_on_a_line():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, 50)
    line = (lengths[:, None] * np.array([0.1, 0.05, 0.0])).astype(np.float32)
    found = geometry(line, lengths)
    assert found.participation == pytest.approx(1, abs=1e-3)
    assert found.first == pytest.approx(1, abs=1e-3)
    assert found.length_r2 == pytest.approx(1, abs=1e-3)
    free = geometry(rng.normal(size=(4000, 3)).astype(np.float32), rng.integers(1, 9, 4000))
    assert free.participation == pytest.approx(3, abs=0.05)
    assert free.first < 0.36 and free.length_r2 is not None and free.length_r2 < 0.01
