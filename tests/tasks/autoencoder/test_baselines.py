"""Codes without training against their definitions in float64, and the published scores."""

import numpy as np
import pytest

from freqjax.tasks.autoencoder import baselines
from freqjax.tasks.autoencoder.baselines import CosineTransform, Quantiser, WindowPca
from freqjax.tasks.autoencoder.dataset import Part, load_dataset

PUBLISHED = {  # K → PCA of whole windows, cosine transform of principal components
    8: (0.588, 0.590),
    16: (0.600, 0.602),
    32: (0.621, 0.627),
    64: (0.654, 0.665),
}


def part_of(seed, count=60, samples=6, dimensions=4):
    """Draw sequences of changing length around a mean, with gaps; NaN where none is present."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(count, samples, dimensions)) * np.arange(1, dimensions + 1)
    vectors = (np.cumsum(steps, axis=1) + 5).astype(np.float32)
    mask = random.random((count, samples)) < 0.8
    mask[:, 2] = True
    vectors[~mask] = 0
    group = np.zeros(count, np.int32)
    return Part(vectors, mask, group, group)


TRAIN, TEST = part_of(0), part_of(1, 20)


def test_the_cosine_is_the_mean_over_the_vectors_that_are_present():
    outputs = part_of(2, 20).vectors
    outputs[3] = 0
    cosines = []
    for n, t in np.argwhere(TEST.mask):
        a, b = outputs[n, t].astype(float), TEST.vectors[n, t].astype(float)
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        cosines.append(a @ b / lengths if lengths else 0)
    found = baselines.token_cosines(outputs, TEST.vectors, TEST.mask)
    np.testing.assert_allclose(found, cosines, atol=1e-6)
    mean = baselines.mean_cosine(outputs, TEST.vectors, TEST.mask)
    assert mean == pytest.approx(np.mean(cosines), abs=1e-6)


def test_no_constant_is_better_than_the_best():
    def score(constant):
        outputs = np.broadcast_to(constant.astype(np.float32), TRAIN.vectors.shape)
        return baselines.mean_cosine(outputs, TRAIN.vectors, TRAIN.mask)

    best = baselines.best_constant(TRAIN.vectors, TRAIN.mask)
    random = np.random.default_rng(3)
    others = [best + 0.03 * random.normal(size=4) for _ in range(50)]
    assert max(map(score, others)) < score(best)


@pytest.mark.parametrize(
    ("cosine", "mean", "wanted"), [(0.6, 0.6, 0), (1, 0.6, 1), (0.8, 0.6, 0.5), (1, 1, 0)]
)
def test_skill_is_the_share_of_the_way_to_1(cosine, mean, wanted):
    assert baselines.skill(float(cosine), float(mean)) == pytest.approx(wanted)


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_a_number_becomes_the_nearest_of_its_levels(bits):
    random = np.random.default_rng(bits)
    train = (random.normal(size=(40, 3)) * [1, 100, 0] + [0, 5, 2]).astype(np.float32)
    codes = (random.normal(size=(30, 3)) * [2, 200, 0] + [0, 5, 2]).astype(np.float32)
    quantiser = Quantiser.fit(train, bits)
    indices = quantiser.indices(codes)
    values = quantiser.values(indices)
    for k in range(3):
        levels = np.linspace(train[:, k].min(), train[:, k].max(), 2**bits)
        nearest = np.abs(levels - codes[:, k, None]).argmin(axis=1)
        np.testing.assert_array_equal(indices[:, k], nearest)
        np.testing.assert_allclose(values[:, k], levels[nearest], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [60, 10])
def test_components_of_windows_are_those_of_a_singular_value_decomposition(count):
    train = Part(*(array[:count] for array in TRAIN[:4]))
    fill = train.vectors[train.mask].astype(float).mean(axis=0)

    def filled(part):
        return np.where(part.mask[..., None], part.vectors, fill).reshape(len(part.mask), -1)

    centre = filled(train).mean(axis=0)
    axes = np.linalg.svd(filled(train) - centre)[2][:5]
    codec = WindowPca.fit(train.vectors, train.mask, 5)
    for k in (5, 2):
        wanted = (filled(TEST) - centre) @ axes[:k].T @ axes[:k] + centre
        found = baselines.through(codec.first(k), train, TEST)
        np.testing.assert_allclose(found.reshape(20, -1), wanted, atol=2e-4)
    assert WindowPca.fit(train.vectors, train.mask, 100).numbers == (24 if count == 60 else 9)


def cosines(samples):
    """Return the orthonormal cosine transform, [T, T], by its definition."""
    k, t = np.mgrid[:samples, :samples]
    scale = np.where(k == 0, np.sqrt(1 / samples), np.sqrt(2 / samples))
    return scale * np.cos(np.pi * k * (2 * t + 1) / (2 * samples))


def test_the_cosine_transform_keeps_the_strongest_coefficients():
    present = TRAIN.vectors[TRAIN.mask].astype(float)
    mean = present.mean(axis=0)
    axes = np.linalg.svd(present - mean, full_matrices=False)[2].T

    def coefficients(part):
        centred = np.where(part.mask[..., None], part.vectors - mean, 0)
        return np.einsum("kt,ntd,de->nke", cosines(6), centred, axes)

    train, test = coefficients(TRAIN), coefficients(TEST)
    order = np.argsort(-train.var(axis=0).ravel())
    for k in (1, 7, 24):
        kept = np.zeros(24, bool)
        kept[order[:k]] = True
        chosen = np.where(kept.reshape(6, 4), test, train.mean(axis=0))
        wanted = np.einsum("kt,nke,de->ntd", cosines(6), chosen, axes) + mean
        codec = CosineTransform.fit(TRAIN.vectors, TRAIN.mask, 24).first(k)
        assert codec.numbers == k
        np.testing.assert_allclose(baselines.through(codec, TRAIN, TEST), wanted, atol=2e-4)


def test_all_coefficients_give_the_sequences_back():
    codec = CosineTransform.fit(TRAIN.vectors, TRAIN.mask, 24)
    found = baselines.through(codec, TRAIN, TEST)
    np.testing.assert_allclose(found[TEST.mask], TEST.vectors[TEST.mask], atol=1e-4)


def test_what_does_not_change_needs_no_numbers():
    still = Part(
        np.ones((4, 3, 2), np.float32), np.ones((4, 3), bool), TRAIN.group[:4], TRAIN.label[:4]
    )
    found = baselines.measure_baselines(still, still, 3)
    assert {name: round(score.cosine, 6) for name, score in found.items()} == {
        "mean": 1,
        "pca": 1,
        "dct": 1,
    }


def test_baselines_are_measured_together():
    found = baselines.measure_baselines(TRAIN, TEST, 6, bits=8)
    assert found["mean"].skill == 0
    for name, kind in (("pca", WindowPca), ("dct", CosineTransform)):
        codec = kind.fit(TRAIN.vectors, TRAIN.mask, 6)
        outputs = baselines.through(codec, TRAIN, TEST, 8)
        cosine = baselines.mean_cosine(outputs, TEST.vectors, TEST.mask)
        assert found[name].cosine == pytest.approx(cosine, abs=1e-6)
        mean = found["mean"].cosine
        assert found[name].skill == pytest.approx((cosine - mean) / (1 - mean))


def test_the_published_scores_are_reached():
    data = load_dataset()
    train, test = data.train, data.test
    constant = np.broadcast_to(
        baselines.best_constant(train.vectors, train.mask), test.vectors.shape
    )
    assert baselines.mean_cosine(constant, test.vectors, test.mask) == pytest.approx(
        0.572, abs=1e-3
    )
    for place, kind in enumerate((WindowPca, CosineTransform)):
        codec = kind.fit(train.vectors, train.mask, max(PUBLISHED))
        ranges = codec.encode(train.vectors, train.mask)
        codes = codec.encode(test.vectors, test.mask)
        for numbers, wanted in PUBLISHED.items():
            quantiser = Quantiser.fit(ranges[:, :numbers], 8)
            values = quantiser.values(quantiser.indices(codes[:, :numbers]))
            outputs = codec.first(numbers).decode(values)
            found = baselines.mean_cosine(outputs, test.vectors, test.mask)
            assert found == pytest.approx(wanted[place], abs=3e-3)
