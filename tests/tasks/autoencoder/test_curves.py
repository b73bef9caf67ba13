"""Curves of a code: against interpolation and search in NumPy, and what noise in training does to them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork, Practice
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.curves import CurveDecoder, Lines, lines_of, stages_of
from freqjax.tasks.autoencoder.network.encoders import resets_of
from freqjax.tasks.autoencoder.network.nearest import NearestEncoder

D, P = 3, 5
# T and K: fewer numbers than samples, as many, and more.
SIZES = ((5, 2), (3, 3), (2, 5))


def curves(samples, numbers, squared=False, nodes=P) -> tuple[Any, Any]:
    decoder = CurveDecoder(samples, D, numbers, nodes, squared=squared)
    rng = np.random.default_rng(samples)
    params = {
        name: rng.normal(size=value.shape).astype(np.float32)
        for name, value in decoder.init(jax.random.key(0)).items()
    }
    return decoder, params


def rows(samples, count=4, seed=1) -> Any:
    return np.random.default_rng(seed).normal(size=(samples, count, D)).astype(np.float32)


@pytest.mark.parametrize("samples, numbers", [*SIZES, (50, 16), (10, 16), (1, 3), (7, 1)])
def test_every_stage_divides_the_samples_among_its_numbers(samples, numbers):
    found = stages_of(samples, numbers)
    assert [stage.first for stage in found] == list(range(0, numbers, samples))
    assert sum(len(stage.samples) for stage in found) == numbers
    for stage in found:
        spoken = stage.samples[stage.samples < samples]
        count = samples if stage is found[0] else len(stage.samples)
        np.testing.assert_array_equal(np.sort(spoken), np.arange(count))
        sizes = (stage.samples < samples).sum(axis=1)
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("samples, numbers", SIZES)
def test_a_decoder_interpolates_between_nodes(samples, numbers):
    decoder, params = curves(samples, numbers)
    codes = np.random.default_rng(0).uniform(-1.2, 1.2, (4, numbers)).astype(np.float32)
    expected = np.zeros((samples, 4, D))
    places = np.linspace(-1, 1, P)
    for number in range(numbers):
        stage = number // samples
        own = decoder.stages[stage].samples[number - stage * samples]
        for place, sample in enumerate(own[own < samples]):
            for d in range(D):
                nodes = params[f"stage_{stage}"][:, place, d]
                expected[sample, :, d] += np.interp(codes[:, number], places, nodes)
    np.testing.assert_allclose(decoder(params, codes, samples), expected, atol=1e-5)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("samples, numbers", SIZES)
def test_the_nearest_nodes_are_those_of_a_search_one_by_one(samples, numbers, squared):
    decoder, params = curves(samples, numbers, squared)
    xs = rows(samples)
    present = np.arange(samples)[:, None] < np.array([samples, samples, 1, max(1, samples - 1)])
    found = np.asarray(decoder.nearest(params, xs, present))
    expected = np.zeros((4, numbers))
    for b in range(4):
        outputs = np.zeros((samples, D))
        for number in range(numbers):
            stage = number // samples
            own = decoder.stages[stage].samples[number - stage * samples]
            own = own[own < samples]
            there = [sample for sample in own if present[sample, b]]
            if not there:
                continue
            nodes = params[f"stage_{stage}"]
            scores = []
            for p in range(P):
                y, x = outputs[there] + nodes[p, : len(there)], xs[there, b]
                sizes = np.linalg.norm(y, axis=1) if not squared else None
                near = -np.sum((y - x) ** 2) if squared else np.sum(np.sum(y * x, axis=1) / sizes)
                scores.append(near)
            best = int(np.argmax(scores))
            expected[b, number] = best / (P - 1) * 2 - 1
            outputs[own] += nodes[best, : len(own)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("samples, numbers", [(5, 2), (3, 3)])
def test_what_a_code_puts_out_is_coded_as_it_was(samples, numbers):
    decoder, params = curves(samples, numbers, nodes=4)
    network = AutoencoderNetwork(
        NearestEncoder(decoder), Code(numbers, bits=2), decoder, Practice()
    )
    codes: Any = np.random.default_rng(0).integers(0, 4, (6, numbers)) / 3 * 2 - 1
    whole = {"decoder": params}
    xs = network.decode(whole, codes.astype(np.float32), samples)
    resets: Any = np.zeros((samples, 6), bool)
    np.testing.assert_allclose(network.encode(whole, xs, resets)[0], codes, atol=1e-5)
    np.testing.assert_allclose(network.unroll(whole, (), xs, resets)[1], xs, atol=1e-5)


def test_lines_lie_along_the_principal_axes_of_segments():
    samples, numbers, nodes = 4, 2, 7
    vectors = np.random.default_rng(0).normal(size=(60, samples, D)).astype(np.float32)
    mask = np.ones((60, samples), bool)
    (line,) = lines_of(vectors, mask, numbers, nodes)
    segments = vectors.reshape(120, -1).astype(float)
    mean = segments.mean(axis=0)
    _, spreads, axes = np.linalg.svd((segments - mean) / np.sqrt(120), full_matrices=False)
    flat = line.nodes.reshape(nodes, -1)
    np.testing.assert_allclose(flat[nodes // 2], mean, atol=1e-5)
    moved = (flat[-1] - flat[0]) / np.linalg.norm(flat[-1] - flat[0])
    assert abs(moved @ axes[0]) == pytest.approx(1, abs=1e-5)
    # The outermost of seven nodes are the 1/14 quantiles: 1.465 standard deviations from the mean.
    assert np.linalg.norm(flat[-1] - mean) == pytest.approx(1.4652 * spreads[0], rel=1e-3)
    # A second stage begins along the second axis, from 0.
    first, second = lines_of(vectors[:, :1], mask[:, :1], 2, nodes)
    directions = [a.nodes[-1, 0] - a.nodes[0, 0] for a in (first, second)]
    assert abs(directions[0] @ directions[1]) < 1e-4
    np.testing.assert_allclose(second.nodes[nodes // 2], 0, atol=1e-6)


def test_more_stages_than_axes_use_the_axes_over_again():
    vectors = np.random.default_rng(0).normal(size=(30, 2, 1)).astype(np.float32)
    found = lines_of(vectors, np.ones((30, 2), bool), 6, 5)
    assert [line.nodes.shape for line in found] == [(5, 1, 1)] * 3
    for line in found[1:]:
        assert np.ptp(line.nodes) == pytest.approx(np.ptp(found[0].nodes), rel=1e-5)


def test_the_noise_falls_by_equal_factors():
    code: Any = Code(2, 8, noise=0.02, first_noise=0.5, annealing=100)
    steps = [jnp.int32(step) for step in (0, 50, 100, 900)]
    found = [float(code.noise_at(step)) for step in steps]
    np.testing.assert_allclose(found, [0.5, 0.1, 0.02, 0.02], rtol=1e-5)
    z = np.zeros((4000, 2), np.float32)
    drawn = np.asarray(code.noisy({}, z, jax.random.key(0), jnp.int32(50))[0])
    assert drawn.std() == pytest.approx(0.1, rel=0.03)
    steady: Any = Code(2, 8, noise=0.02, annealing=100)
    assert steady.noise_at(jnp.int32(0)) == 0.02


def trained(first_noise, noise) -> Any:
    """Return the nodes of a curve of one number that was trained on points of a circle."""
    nodes, updates = 24, 400
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 256)
    points: Any = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    random = np.random.default_rng(1).normal(size=(nodes, 1, 2)).astype(np.float32)
    lines = None if first_noise == 0 else (Lines(0.1 * random),)
    decoder = CurveDecoder(1, 2, 1, nodes, lines, squared=True)
    code = Code(1, 8, noise=noise, first_noise=first_noise, annealing=300)
    network = AutoencoderNetwork(NearestEncoder(decoder), code, decoder, Practice())
    rule = optax.adam(0.03)
    resets: Any = resets_of(np.ones((256, 1), bool))
    start = network.init(jax.random.key(0))
    if first_noise == 0:
        start = {"decoder": {"stage_0": jnp.array(random)}}

    def update(state, step):
        params, moments = state

        def loss(params):
            key = jax.random.fold_in(jax.random.key(2), step)
            found = network.training_pass(
                params, points[None], points[None], resets, key=key, step=step
            )
            return jnp.mean(jnp.sum(jnp.square(found.outputs - points[None]), axis=-1))

        change, moments = rule.update(jax.grad(loss)(params), moments)
        return (optax.apply_updates(params, change), moments), None

    run = jax.jit(
        lambda start: jax.lax.scan(update, (start, rule.init(start)), jnp.arange(updates))
    )
    return np.asarray(run(start)[0][0]["decoder"]["stage_0"])[:, 0]


def test_noise_that_falls_makes_neighbours_of_what_is_alike():
    smooth = trained(first_noise=0.5, noise=0.05)
    steps = np.linalg.norm(np.diff(smooth, axis=0), axis=1)
    # All around the circle and in order: no step between nodes reaches across it.
    assert np.abs(np.linalg.norm(smooth, axis=1) - 1).max() < 0.15
    assert steps.max() < 0.6
    assert np.ptp(np.unwrap(np.arctan2(smooth[:, 1], smooth[:, 0]))) > 4.5
    torn = trained(first_noise=0.0, noise=0.0)
    assert np.linalg.norm(np.diff(torn, axis=0), axis=1).max() > 1.2
