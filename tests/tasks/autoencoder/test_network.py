"""Encoders, code and decoders: against NumPy, against each other, and what must not depend on what."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import AutoencoderConfig, NetworkConfig
from freqjax.networks import TrainsApart, layers
from freqjax.tasks.autoencoder import parts
from freqjax.tasks.autoencoder.baselines import WindowPca
from freqjax.tasks.autoencoder.network.autoencoder import Practice, whole_distance
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.decoders import Beside, Forced
from freqjax.tasks.autoencoder.network.encoders import SPREAD, presence, resets_of
from freqjax.tasks.autoencoder.network.readout import Prototypes, Readout
from tests.slow import some

T, N, D, K = 6, 5, 4, 3
LENGTHS = np.array([6, 3, 1, 5, 6])
DECODERS = ("linear", "parallel", "recurrent", "slots", "encoder")


def sequences(seed=0, count=N) -> tuple[Any, Any]:
    vectors = np.random.default_rng(seed).normal(size=(count, T, D)).astype(np.float32)
    mask = np.arange(T) < np.resize(LENGTHS, count)[:, None]
    return np.where(mask[..., None], vectors, 0).astype(np.float32), mask


def flags(mask) -> Any:
    return resets_of(mask)


def make(rows=None, network=None, **fields) -> Any:
    task = AutoencoderConfig(
        **{"length": T, "dimensions": D, "numbers": K, "slots": 2, "heads": 2, **fields}
    )
    sizes = {"cell": "gru", "hidden_size": 8, **(network or {})}
    return parts.make(task, NetworkConfig(**sizes), rows)


def run(network, params, vectors, mask) -> Any:
    xs = np.swapaxes(vectors, 0, 1)
    found = network.unroll(params, (), xs, flags(mask))[1]
    return np.swapaxes(np.asarray(found), 0, 1)


def test_resets_and_presence_are_inverse():
    _, mask = sequences()
    np.testing.assert_array_equal(presence(flags(mask)), mask.T)
    begun = flags(mask)
    begun[0] = True  # as training flags the first sample
    np.testing.assert_array_equal(presence(begun), mask.T)


def test_the_levels_of_a_code():
    code: Any = Code(numbers=2, bits=2)
    given = np.array([[-1.0, -0.4], [0.3, 1.7]], np.float32)
    np.testing.assert_array_equal(code.indices(given), [[0, 1], [2, 3]])
    np.testing.assert_allclose(code.quantised(given), [[-1, -1 / 3], [1 / 3, 1]], atol=1e-6)
    fine: Any = Code(numbers=2, bits=8)
    drawn = np.random.default_rng(0).uniform(-1, 1, (100, 2)).astype(np.float32)
    assert np.abs(fine.quantised(drawn) - drawn).max() <= 1 / 255 + 1e-6
    assert fine.bits_per_sequence == 16


def test_the_divergence_is_that_of_two_normals():
    code: Any = Code(numbers=2, bits=8, divergence=0.5, annealing=4)
    z = np.array([[0.3, -1.0, 0.2, -0.7], [1.2, 0.4, -0.1, 0.5]], np.float32)
    mean, variance = z[:, :2].astype(float), np.exp(z[:, 2:].astype(float))
    # By integration over a grid, for each number.
    x = np.linspace(-12, 12, 20001)
    total = 0.0
    for m, v in zip(mean.ravel(), variance.ravel(), strict=True):
        p = np.exp(-((x - m) ** 2) / 2 / v) / np.sqrt(2 * np.pi * v)
        q_log = -(x**2) / 2 - 0.5 * np.log(2 * np.pi)
        p_log = -((x - m) ** 2) / 2 / v - 0.5 * np.log(2 * np.pi * v)
        total += np.sum(p * (p_log - q_log)) * (x[1] - x[0])
    for step, share in ((0, 0.25), (3, 1.0), (50, 1.0)):
        _, penalty = code.noisy({}, z, jax.random.key(0), jnp.int32(step))
        assert float(penalty) == pytest.approx(0.5 * share * total / 2, rel=1e-4)


def test_variational_samples_have_the_mean_and_variance_that_the_encoder_gives():
    code: Any = Code(numbers=1, bits=8, divergence=1.0)
    z = np.tile(np.array([[0.2, np.log(0.04)]], np.float32), (20000, 1))
    found, _ = code.noisy({}, z, jax.random.key(1), jnp.int32(0))
    drawn = np.arctanh(np.asarray(found, np.float64))
    assert drawn.mean() == pytest.approx(0.2, abs=0.006)
    assert drawn.std() == pytest.approx(0.2, abs=0.006)


def test_attention_is_that_of_numpy():
    params = layers.init_attention(jax.random.key(0), 4, 6, 4)
    rng = np.random.default_rng(1)
    queries, slots = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 6))
    there = np.array([[True] * 5, [True, True, False, False, True]])
    to_read: Any = layers.slots_to_read
    attend: Any = layers.attend
    read = to_read(params, slots.astype(np.float32), 2, there)
    found, weights = attend(params, queries.astype(np.float32), read)
    w = jax.tree.map(lambda a: np.asarray(a, np.float64), params)
    q = queries @ w["query"]["kernel"] + w["query"]["bias"]
    k = slots @ w["key"]["kernel"]
    v = slots @ w["value"]["kernel"] + w["value"]["bias"]
    expected, mean = np.zeros((2, 3, 4)), np.zeros((2, 3, 5))
    for b in range(2):
        for head in (slice(0, 2), slice(2, 4)):
            scores = q[b][:, head] @ k[b][:, head].T / np.sqrt(2)
            shares = np.exp(scores) * there[b]
            shares /= shares.sum(axis=1, keepdims=True)
            expected[b][:, head] = shares @ v[b][:, head]
            mean[b] += shares / 2
    expected = expected @ w["out"]["kernel"] + w["out"]["bias"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(weights, mean, atol=1e-6)


def test_a_linear_code_begins_as_principal_components():
    vectors, mask = sequences(count=60)
    network = make(parts.Rows(vectors, mask), encoder="linear", decoder="linear", bits=16)
    params = network.init(jax.random.key(0))
    pca = WindowPca.fit(vectors, mask, K)
    codes = pca.encode(vectors, mask)
    expected = np.tanh(SPREAD * codes / codes.std(axis=0))
    found, _ = network.encode(params, np.swapaxes(vectors, 0, 1), flags(mask))
    # The linear encoder takes the centre of padding; components take the mean vector.
    whole = mask.all(axis=1)
    np.testing.assert_allclose(np.asarray(found)[whole], expected[whole], atol=0.02)
    decoded = np.swapaxes(np.asarray(network.decode(params, found, T)), 0, 1)
    scaled = np.asarray(found) * codes.std(axis=0) / SPREAD
    np.testing.assert_allclose(decoded, pca.decode(scaled), atol=1e-4)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("bidirectional", some([False, True], False))
def test_padding_and_other_sequences_change_no_output(decoder, bidirectional):
    vectors, mask = sequences()
    encoder = "both"
    network = make(
        encoder=encoder, decoder=decoder, prototypes=3, network={"bidirectional": bidirectional}
    )
    params = network.init(jax.random.key(0))
    before = run(network, params, vectors, mask)
    padded = np.where(mask[..., None], vectors, 7.0).astype(np.float32)
    np.testing.assert_allclose(run(network, params, padded, mask)[mask], before[mask], atol=1e-5)
    alone = run(network, params, vectors[1:2], mask[1:2])
    np.testing.assert_allclose(alone[mask[1:2]], before[1:2][mask[1:2]], atol=1e-5)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_decoder_that_is_no_leak_reads_the_code_alone(decoder):
    vectors, mask = sequences()
    network = make(encoder="recurrent", decoder=decoder)
    params = network.init(jax.random.key(0))
    codes, beside = network.encode(params, np.swapaxes(vectors, 0, 1), flags(mask))
    assert network.decoder.leaks == (decoder == "encoder")
    turned = beside._replace(states=jnp.roll(beside.states, 1, axis=1))
    before, after = (network.decode(params, codes, T, b) for b in (beside, turned))
    assert np.array_equal(before, after) != network.decoder.leaks
    other = network.decode(params, -codes, T, beside)
    assert np.abs(np.asarray(other) - np.asarray(before)).max() > 1e-4


@pytest.mark.parametrize("decoder", ["recurrent", "slots", "encoder"])
@pytest.mark.parametrize("cell", some(["rnn", "gru", "lstm"], "lstm"))
def test_forced_with_its_own_outputs_a_decoder_runs_as_it_does_alone(decoder, cell):
    vectors, mask = sequences()
    fields = {"encoder": "recurrent", "decoder": decoder, "positions": 3, "prototypes": 2}
    network = make(**fields, network={"cell": cell})
    params = network.init(jax.random.key(0))
    codes, beside = network.encode(params, np.swapaxes(vectors, 0, 1), flags(mask))
    own = network.decode(params, codes, T, beside)
    forced = beside._replace(forced=Forced(own, jnp.ones(()), jax.random.key(0)))
    np.testing.assert_allclose(network.decode(params, codes, T, forced), own, atol=1e-5)
    # The same by the scan that reads all targets at once.
    always = make(**fields, forcing=(1.0,), network={"cell": cell})
    assert always.decoder.always_forced
    np.testing.assert_allclose(always.decode(params, codes, T, forced), own, atol=1e-5)
    none = beside._replace(forced=Forced(own + 1, jnp.zeros(()), jax.random.key(0)))
    np.testing.assert_allclose(network.decode(params, codes, T, none), own, atol=1e-5)


@pytest.mark.parametrize("gives", ["previous", "current"])
def test_forcing_shows_the_target_before_a_sample(gives):
    vectors, mask = sequences()
    mask[:] = True
    network = make(encoder="linear", decoder="recurrent", forcing=(1.0,), forcing_input=gives)
    assert isinstance(network, TrainsApart)
    params = network.init(jax.random.key(0))
    xs, resets = np.swapaxes(vectors, 0, 1), jnp.zeros((T, N), bool)

    def outputs(targets):
        key, step = jax.random.key(0), jnp.int32(0)
        return network.training_pass(params, xs, targets, resets, key=key, step=step).outputs

    changed = np.array(xs)
    changed[3] += 1
    moved = np.abs(np.asarray(outputs(changed)) - np.asarray(outputs(xs))).max(axis=(1, 2)) > 1e-6
    first = 3 if gives == "current" else 4
    np.testing.assert_array_equal(moved, np.arange(T) >= first)


def test_sequences_of_other_lengths_are_not_compiled_anew():
    network = make(encoder="recurrent", decoder="slots", forcing=(0.5,))
    params = network.init(jax.random.key(0))
    compiled = 0

    @jax.jit
    def gradient(xs, resets):
        nonlocal compiled
        compiled += 1

        def loss(params):
            key, step = jax.random.key(0), jnp.int32(0)
            found = network.training_pass(params, xs, xs, resets, key=key, step=step)
            return jnp.mean(jnp.square(found.outputs))

        return jax.grad(loss)(params)

    vectors, mask = sequences()
    for shift in range(3):
        gradient(np.swapaxes(vectors, 0, 1), flags(np.roll(mask, shift, axis=0)))
    assert compiled == 1


def test_phases_of_forcing_and_length():
    practice = Practice(forcing=(0.9, 0.3), lengths=(2, 4), phase=10)
    for step, share, length in ((0, 0.9, 2), (9, 0.9, 2), (10, 0.3, 4), (99, 0.3, 4)):
        assert float(practice.share(jnp.int32(step))) == pytest.approx(share)
        assert int(practice.length(jnp.int32(step))) == length
    network = make(encoder="linear", decoder="linear", forcing_lengths=(2, 4), phase_updates=10)
    params = network.init(jax.random.key(0))
    vectors, mask = sequences()
    xs = np.swapaxes(vectors, 0, 1)
    found = network.training_pass(
        params, xs, xs, flags(mask), key=jax.random.key(0), step=jnp.int32(12)
    )
    np.testing.assert_array_equal(found.counted, np.tile(np.arange(T)[:, None] < 4, (1, N)))


def test_words_are_dropped_from_the_input_alone():
    network = make(encoder="linear", decoder="linear", word_dropout=0.999)
    params = network.init(jax.random.key(0))
    vectors, mask = sequences()
    xs = np.swapaxes(vectors, 0, 1)
    step, resets = jnp.int32(0), flags(mask)
    found = network.training_pass(params, xs, xs, resets, key=jax.random.key(3), step=step)
    blind = run(network, params, np.zeros_like(vectors), mask)
    np.testing.assert_allclose(np.swapaxes(found.outputs, 0, 1)[0], blind[0], atol=1e-2)


def test_the_distance_of_whole_sequences():
    vectors, mask = sequences()
    outputs = np.random.default_rng(3).normal(size=(T, N, D)).astype(np.float32)
    expected = []
    for n in range(N):
        y, t = outputs[:, n][mask[n]].ravel(), vectors[n][mask[n]].ravel()
        expected.append(1 - y @ t / np.linalg.norm(y) / np.linalg.norm(t))
    distance: Any = whole_distance
    found = distance(outputs, np.swapaxes(vectors, 0, 1), mask.T)
    assert float(found) == pytest.approx(np.mean(expected), abs=1e-5)


def test_prototypes_are_the_most_frequent_vectors():
    kinds = np.eye(4, dtype=np.float32)
    rows = kinds[[0, 1, 1, 2, 2, 2, 3, 2]]
    found = Prototypes.of(rows, 2)
    np.testing.assert_array_equal(found.vectors, kinds[[2, 1]])
    np.testing.assert_allclose(found.shares, [4 / 8, 2 / 8])
    more = Prototypes.of(rows, 6)  # two of them twice
    assert more.shares.sum() == pytest.approx(1)
    np.testing.assert_array_equal(more.vectors[:4], more.vectors[[4, 5, 2, 3]])


def test_a_readout_adds_the_soft_nearest_vector():
    rng = np.random.default_rng(0)
    known = Prototypes(rng.normal(size=(5, D)).astype(np.float32), np.full(5, 0.2, np.float32))
    h, beside = rng.normal(size=(7, 6)), rng.normal(size=(7, D))
    for added in (True, False):
        readout: Any = dataclasses.replace(Readout(6, D, 5, known), added=added)
        params = readout.init(jax.random.key(0))
        params["bias"] = params["bias"] + jnp.arange(5) / 10
        q = h @ np.asarray(params["out"]["kernel"], float) + beside
        assert np.allclose(q, beside) == added  # nothing of h at first
        scores = q @ known.vectors.T * float(params["sharpness"]) + np.arange(5) / 10
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        found = readout(params, h.astype(np.float32), beside.astype(np.float32))
        np.testing.assert_allclose(found, q + shares @ known.vectors, atol=1e-4)


def test_nothing_is_read_besides_the_code_if_there_is_nothing():
    assert Beside(None, None).forced is None
