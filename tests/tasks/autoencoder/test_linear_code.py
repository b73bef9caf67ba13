"""The trained linear code: no worse than the components it begins with, and nothing of the test is seen."""

import json

import jax
import numpy as np
import pytest

from freqjax.system import cache
from freqjax.tasks.autoencoder import linear_code, parts
from freqjax.tasks.autoencoder.baselines import mean_cosine, token_cosines
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.linear_code import Learning, linear_cosine, train_linear

T, D, K = 4, 5, 2


def part(seed, count=60):
    """Sequences whose lengths differ by a factor of ten: the cosine weighs them alike, components do not."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(9).normal(size=(2 * K, T, D))
    vectors = np.einsum("nk,ktd->ntd", rng.normal(size=(count, 2 * K)), patterns)
    vectors *= 10 ** rng.uniform(-0.5, 0.5, (count, 1, 1))
    mask = np.arange(T) < rng.integers(2, T + 1, count)[:, None]
    vectors = np.where(mask[..., None], vectors, 0).astype(np.float32)
    group = np.arange(count, dtype=np.int32)
    return Part(vectors, mask, group, np.zeros(count, np.int32))


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(linear_code, "_UPDATES", 600)
    monkeypatch.setattr(linear_code, "_EVERY", 100)


def test_training_gains_on_the_components(short, tmp_path, monkeypatch):
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path))
    learning, test = Learning(part(0, 400), part(1)), part(2)
    components = parts.components_of(parts.Rows(learning.train.vectors, learning.train.mask), K)
    network = linear_code.linear_network(T, D, K, 8, components)

    def score(params, rows):
        return mean_cosine(linear_code._outputs(network, params, rows), rows.vectors, rows.mask)

    begun, trained = network.init(jax.random.key(1)), train_linear(network, learning)
    assert score(trained, learning.chooses) >= score(begun, learning.chooses) + 0.01
    cosine, each = linear_cosine(learning, test, K, 8, lambda: components)
    assert cosine == pytest.approx(score(trained, test), abs=1e-6)
    outputs = linear_code._outputs(network, trained, test)
    first = token_cosines(outputs[:1], test.vectors[:1], test.mask[:1])
    assert each[0] == pytest.approx(first.mean(), abs=1e-6)
    # What is kept answers the same question again, and no other.
    monkeypatch.setattr(linear_code, "train_linear", None)
    assert linear_cosine(learning, test, K, 8, lambda: components) == (cosine, each)
    with pytest.raises(TypeError):
        linear_cosine(learning, part(3), K, 8, lambda: components)
    (kept,) = cache.folder().glob("answer-*.json")
    assert json.loads(kept.read_text())["answer"]["cosine"] == cosine


def test_weights_that_do_worse_on_what_chooses_are_not_kept(short):
    """Two sequences to train on are fitted by heart: the components are kept, which do better on others."""
    learning = Learning(part(0, 3), part(1))
    components = parts.components_of(parts.Rows(learning.train.vectors, learning.train.mask), K)
    network = linear_code.linear_network(T, D, K, 8, components)

    begun = network.init(jax.random.key(1))
    chooses = learning.chooses
    kept = train_linear(network, learning)
    scores = [
        mean_cosine(linear_code._outputs(network, params, chooses), chooses.vectors, chooses.mask)
        for params in (begun, kept)
    ]
    assert scores[1] >= scores[0]
