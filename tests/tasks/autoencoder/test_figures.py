"""Figures of an autoencoder, read back from their artists, on small sequences made here."""

import jax
import numpy as np
import pytest
from matplotlib.colors import to_hex

from freqjax.tasks.autoencoder import figures
from freqjax.tasks.autoencoder.dataset import Dataset, Part
from freqjax.tasks.autoencoder.figures import Attention, Record
from freqjax.tasks.autoencoder.figures.positions import by_position
from freqjax.tasks.autoencoder.figures.record import cosines, sequence_means
from freqjax.tasks.autoencoder.figures.weights import first_layer
from freqjax.tasks.autoencoder.network.autoencoder import Practice
from freqjax.tasks.autoencoder.network.decoders import LinearDecoder, ParallelDecoder
from freqjax.tasks.autoencoder.network.readout import Readout
from freqjax.tasks.autoencoder.probes import Geometry, Probes
from freqjax.tasks.autoencoder.vocabulary import make_vocabulary, unit
from freqjax.tasks.drawing import draw_each
from tests.figures.reading import assert_good_png, headline, keep_figures, levels

WORDS = [
    "song",
    "of",
    "the",
    "rain",
    "upon",
    "stones",
    "and",
    "grass",
    "under",
    "a",
    "morning",
    "moon",
]
D = 6


def draw_all(*given):
    return draw_each(figures.drawings(*given))


def part_of(rng, count, samples, vocabulary):
    lengths = rng.integers(max(1, samples // 2), samples + 1, count)
    lengths[0] = samples
    mask = np.arange(samples) < lengths[:, None]
    group, label = (np.arange(count) // 2).astype(np.int32), (np.arange(count) % 2).astype(np.int32)
    if vocabulary is None:
        vectors = rng.normal(size=(count, samples, D)).astype(np.float32)
        return Part(np.where(mask[..., None], vectors, np.float32(0)), mask, group, label)
    rows = np.where(mask, rng.integers(0, len(WORDS), mask.shape), -1).astype(np.int32)
    vectors = np.where(mask[..., None], vocabulary.vectors[rows], np.float32(0))
    return Part(vectors, mask, group, label, rows)


def record_of(count=5, samples=7, numbers=3, words=True, labels=("psalms", "proverbs"), slots=4):
    """Return a record whose outputs are the inputs with noise."""
    rng = np.random.default_rng(3)
    vocabulary = make_vocabulary(WORDS, rng.normal(size=(len(WORDS), D))) if words else None
    train, test = (part_of(rng, n, samples, vocabulary) for n in (9, count))
    names = tuple(f"chapter {n}" for n in range(9))
    dataset = Dataset(train, train, test, names, labels, vocabulary)
    noise = rng.normal(size=test.vectors.shape).astype(np.float32)
    length = int(test.mask[0].sum())
    weights = rng.dirichlet(np.ones(slots), length)
    by_bits = {32: 0.8, 8: 0.79, 4: 0.7}
    return Record(
        dataset=dataset,
        labels=labels,
        outputs=test.vectors + np.float32(0.2) * noise,
        others={"mean vector": np.broadcast_to(train.vectors[0, 0], test.vectors.shape)},
        scores={"mean vector": 0.3, "linear": 0.6},
        codes=np.tanh(rng.normal(size=(count, numbers))).astype(np.float32),
        train_codes=np.tanh(rng.normal(size=(9, numbers))).astype(np.float32),
        train_rows=np.arange(9),
        bits=8,
        probes=Probes(
            0.79, 0.31, 0.25, 0.78, None, by_bits, None, None, 0.1, Geometry(2.5, 0.6, None)
        ),
        attention=Attention(weights, 0, False),
        curve=rng.normal(size=(30, 2, D)).astype(np.float32),
    )


PRACTICE = Practice(forcing=(0.9, 0.5, 0.1), lengths=(2, 4, 20), phase=10)


@pytest.fixture
def drawn(monkeypatch):
    return keep_figures(monkeypatch)


def test_all_figures_can_be_read(tmp_path, drawn):
    found = draw_all(record_of(), PRACTICE, [], tmp_path)
    names = [path.name for path in found]
    assert names == [
        "reconstructions.png", "cosine_by_position.png", "bits.png", "code.png", "latent.png",
        "attention.png", "curve.png", "forcing.png",
    ]  # fmt: skip
    for name in names:
        assert_good_png(drawn[name], tmp_path, name)


NAN = {"outputs": np.nan, "codes": np.nan, "train_codes": np.nan}


@pytest.mark.parametrize(
    "options",
    [
        {"count": 1},
        {"count": 1, "samples": 1, "words": False},
        {"samples": 1, "numbers": 1, "slots": 1},
        {"samples": 1, "numbers": 40, "words": False, "labels": ()},
        {"samples": 30, "labels": tuple(f"label {n}" for n in range(24))},
    ],
)
def test_small_and_spoiled_records_are_drawn(tmp_path, drawn, options):
    record = record_of(**options)
    assert len(draw_all(record, Practice(), [], tmp_path)) == 7 == len(drawn)
    draw_all(spoiled(record), Practice(), [], tmp_path)
    for figure in drawn.values():
        texts = [text.get_text() for axis in figure.axes for text in axis.texts]
        said = " ".join([headline(figure), *texts])
        assert "not finite" in said, said


def spoiled(record):
    """Return a record of a network whose outputs, codes and weights are NaN."""
    lost = {name: np.full_like(getattr(record, name), value) for name, value in NAN.items()}
    nowhere = dict.fromkeys(record.probes.by_bits, np.nan)
    probes = record.probes._replace(cosine=np.nan, zeroed=np.nan, swapped=np.nan, by_bits=nowhere)
    attention = record.attention._replace(weights=np.full_like(record.attention.weights, np.nan))
    curve = np.full_like(record.curve, np.nan)
    return record._replace(**lost, probes=probes, attention=attention, curve=curve)


def test_the_smallest_record_is_rendered(tmp_path, drawn):
    record = record_of(count=1, samples=1, numbers=1, words=False, labels=(), slots=1)
    draw_all(spoiled(record), PRACTICE, [], tmp_path)
    for figure in drawn.values():
        figure.draw_without_rendering()


def test_words_in_and_out_are_spelled_and_equal_ones_are_green(tmp_path, drawn):
    record = record_of()
    test, vocabulary = record.dataset.test, record.dataset.vocabulary
    figures.reconstructions(record, tmp_path)
    figure = drawn["reconstructions.png"]
    assert len(figure.axes) == 4
    assert vocabulary is not None and test.rows is not None
    similar = np.einsum("ntd,vd->ntv", unit(record.outputs), vocabulary.vectors)
    nearest = similar.argmax(axis=2)
    each = np.einsum("ntd,ntd->nt", unit(record.outputs), test.vectors)
    means = [each[n, test.mask[n]].mean() for n in range(5)]
    for axis, sequence in zip(figure.axes, np.argsort(means)[::-1][[0, 1, 2, 4]], strict=True):
        assert f"mean cosine {means[sequence]:.3g}" in axis.get_title(loc="left")
        at = {text.get_position(): text for text in axis.texts}
        for t in range(test.mask[sequence].sum()):
            given, found = test.rows[sequence, t], nearest[sequence, t]
            assert at[t, 0].get_text() == WORDS[given]
            assert at[t, 1].get_text() == WORDS[found]
            assert (at[t, 1].get_weight() == "bold") == (given == found)
            assert (to_hex(at[t, 1].get_color()) == "#007755") == (given == found)
            assert float(at[t, 2].get_text()) == pytest.approx(each[sequence, t], abs=0.0051)
    right = np.mean((nearest == test.rows)[test.mask])
    assert f"{100 * right:.0f} %" in headline(figure)


def test_vectors_that_are_no_words_are_drawn_over_time(tmp_path, drawn):
    record = record_of(words=False, labels=())
    figures.reconstructions(record, tmp_path)
    figure, test = drawn["reconstructions.png"], record.dataset.test
    assert len(figure.axes) == 4 * 4
    assert "the first 4 of 6 dimensions" in headline(figure)
    means = sequence_means(cosines(record.outputs, test))
    worst = int(np.argmin(means))
    for dimension, axis in enumerate(figure.axes[-4:]):
        given, found = (np.asarray(line.get_ydata()) for line in axis.lines)
        there = test.mask[worst]
        np.testing.assert_array_equal(np.isnan(given), ~there)
        np.testing.assert_array_equal(given[there], test.vectors[worst, there, dimension])
        np.testing.assert_array_equal(found[there], record.outputs[worst, there, dimension])


def test_the_error_at_a_position_is_that_of_the_mean_over_groups(tmp_path, drawn):
    each = np.random.default_rng(0).normal(size=(8, 3))
    each[5:, 2] = np.nan
    found = by_position(each, np.arange(8))
    np.testing.assert_array_equal(found.count, [8, 8, 5])
    np.testing.assert_allclose(found.mean, np.nanmean(each, axis=0))
    spread = np.nanstd(each, axis=0, ddof=1) / np.sqrt([8, 8, 5])
    np.testing.assert_allclose(found.error, spread)
    assert np.isnan(by_position(each, np.zeros(8, int)).error).all()
    record = record_of()
    figures.cosine_by_position(record, tmp_path)
    above, below = drawn["cosine_by_position.png"].axes
    bars = [bar.get_height() for bar in below.patches]
    np.testing.assert_array_equal(bars, record.dataset.test.mask.sum(axis=0))
    assert {text.get_text() for text in above.texts} == {"network", "mean vector"}
    mean = np.nanmean(cosines(record.outputs, record.dataset.test), axis=0)
    np.testing.assert_allclose(above.lines[-1].get_ydata(), mean)


def test_the_entropy_of_levels_is_that_of_their_counts(tmp_path, drawn):
    levels_of_two_bits = np.array([-1, -1 / 3, 1 / 3, 1], np.float32)
    uneven = np.array([1, 1, 1, -1], np.float32)
    codes = np.stack([levels_of_two_bits, uneven, np.zeros(4, np.float32)], axis=1)
    expected = [2, -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)), 0]
    np.testing.assert_allclose(figures.level_entropy(codes, 2), expected, atol=1e-12)
    figures.code(record_of()._replace(codes=codes, bits=2), tmp_path)
    figure = drawn["code.png"]
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == [
        "number 1: 2.0 of 2 bits",
        "number 2: 0.8 of 2 bits",
        "number 3: 0.0 of 2 bits",
    ]
    for axis in figure.axes:
        assert sum(patch.get_data().values.sum() for patch in axis.patches) == 4
    assert "the sum 2.81 of 6 bits" in headline(figure)


def test_bits_are_drawn_beside_other_methods_and_other_codes(tmp_path, drawn):
    figures.bits(record_of(), tmp_path)
    axis = drawn["bits.png"].axes[0]
    assert levels(axis) == {0.3, 0.6, 0.31, 0.25}
    line = max(axis.lines, key=lambda line: len(line.get_xdata()))
    np.testing.assert_array_equal(line.get_xdata(), [4, 8, 32])
    np.testing.assert_array_equal(line.get_ydata(), [0.7, 0.79, 0.8])
    assert {text.get_text() for text in axis.texts} == {
        "mean vector, 0.3", "linear, 0.6", "code zeroed, 0.31", "codes swapped, 0.25", "network, 0.8",
    }  # fmt: skip


def test_codes_keep_their_distances_to_the_first_axes(tmp_path, drawn):
    record = record_of(numbers=2)
    figures.latent(record, tmp_path)
    first, second, third = drawn["latent.png"].axes[:3]
    shown = np.concatenate([c.get_offsets() for c in second.collections])
    # In a plane the principal axes turn the codes, and change no distance.
    codes = np.concatenate([record.train_codes, record.codes])
    np.testing.assert_allclose(_distances(shown), _distances(codes), atol=1e-6)
    for axis in (first, third):
        assert sum(len(c.get_offsets()) for c in axis.collections) == 14
    named = [text.get_text() for text in drawn["latent.png"].legends[0].get_texts()]
    assert named == ["psalms", "proverbs"]


def _distances(points):
    return np.linalg.norm(points[:, None] - points, axis=-1)


@pytest.mark.parametrize("words", [True, False])
def test_the_map_of_a_curve_is_that_of_its_nodes(tmp_path, drawn, words):
    record = record_of(words=words)
    nodes = record.curve
    assert nodes is not None
    figures.curve(record, nodes, tmp_path)
    axis = drawn["curve.png"].axes[0]
    shown = axis.images[0].get_array()
    pairs = [unit(a) @ unit(b) for a, b in zip(nodes[4], nodes[9], strict=True)]
    assert shown[4, 9] == pytest.approx(np.mean(pairs), abs=1e-5)
    beside = np.mean([shown[p, p + 1] for p in range(29)])
    assert f"cosine {beside:.3g}" in headline(drawn["curve.png"])
    labels = [text.get_text() for text in axis.get_yticklabels()]
    if words:
        vocabulary = record.dataset.vocabulary
        assert vocabulary is not None
        spelled = vocabulary.spell((unit(nodes[0]) @ vocabulary.vectors.T).argmax(axis=1))
        assert labels[0] == f"{spelled} 1"
    else:
        assert labels[0] == "1"


def test_the_map_of_attention_is_that_of_the_weights(tmp_path, drawn):
    record = record_of(slots=5)
    assert record.attention is not None and record.dataset.test.rows is not None
    figures.attention(record, record.attention, tmp_path)
    axis = drawn["attention.png"].axes[0]
    np.testing.assert_array_equal(axis.images[0].get_array(), record.attention.weights)
    words = [WORDS[row] for row in record.dataset.test.rows[0]]
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert names == [f"{word} {t + 1}" for t, word in enumerate(words)]
    even = Attention(np.full((7, 5), 0.2), 0, True)
    figures.attention(record, even, tmp_path)
    assert "leak: an output reads 5 of 5 states" in headline(drawn["attention.png"])


def test_weights_of_the_first_layer_are_a_softmax_of_scaled_products():
    decoder = ParallelDecoder(LinearDecoder(4, D, 3), Readout(6, D, 0), 1, 5, 1)
    rng = np.random.default_rng(1)

    def drawn(*shape):
        return rng.normal(size=shape).astype(np.float32)

    attention = {
        name: {"kernel": drawn(6, 6), "bias": drawn(6)} for name in ("query", "value", "out")
    }
    layer = {
        "film": {"scale": drawn(3, 6), "shift": drawn(3, 6)},
        "norms": [{"gain": drawn(6), "bias": drawn(6)}],
        "slots": attention | {"key": {"kernel": drawn(6, 6)}},
    }
    slots = {"kernel": drawn(3, 30), "bias": drawn(30)}
    params = {"slots": slots, "positions": drawn(4, 6), "layer_0": layer}
    codes = drawn(2, 3)
    with jax.numpy_rank_promotion("allow"):
        found = jax.jit(lambda params, codes: first_layer(decoder, params, codes, 4))(params, codes)
    film, norm, query = layer["film"], layer["norms"][0], layer["slots"]["query"]
    read = (codes @ slots["kernel"] + slots["bias"]).reshape(2, 5, 6)
    h = (1 + codes @ film["scale"])[:, None] * params["positions"] + (codes @ film["shift"])[
        :, None
    ]
    x = (h - h.mean(axis=-1, keepdims=True)) / np.sqrt(h.var(axis=-1, keepdims=True) + 1e-5)
    q = (x * norm["gain"] + norm["bias"]) @ query["kernel"] + query["bias"]
    products = np.einsum("btn,bsn->bts", q, read @ layer["slots"]["key"]["kernel"]) / np.sqrt(6)
    scores = np.exp(products - products.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(found, scores / scores.sum(axis=-1, keepdims=True), atol=1e-4)


def test_forcing_is_drawn_up_to_the_last_update(tmp_path, drawn):
    figures.forcing(PRACTICE, 8, [{"step": 5}, {"step": 14}], tmp_path)
    figure = drawn["forcing.png"]
    for axis, values in zip(figure.axes, ([0.9, 0.5], [2, 4]), strict=True):
        data = axis.patches[0].get_data()
        np.testing.assert_allclose(data.values, values)
        np.testing.assert_array_equal(data.edges, [0, 10, 14])
    assert headline(figure) == (
        "Teacher forcing 90 % → 50 %, 2 → 4 vectors, in 14 updates; 1 of 3 phases were not reached"
    )
    figures.forcing(PRACTICE, 8, [], tmp_path)
    data = drawn["forcing.png"].axes[1].patches[0].get_data()
    # No more count than a sequence has.
    np.testing.assert_array_equal(data.values, [2, 4, 8])
    np.testing.assert_array_equal(data.edges, [0, 10, 20, 30])


def test_cosines_of_what_is_not_finite_are_unknown():
    record = record_of()
    outputs = record.outputs.copy()
    outputs[1, 0, 2] = np.inf
    found = cosines(outputs, record.dataset.test)
    expected = ~record.dataset.test.mask
    expected[1, 0] = True
    np.testing.assert_array_equal(np.isnan(found), expected)
    np.testing.assert_allclose(sequence_means(found)[1], np.nanmean(found[1]))
    assert np.isnan(sequence_means(np.full((1, 2), np.nan)))[0]
