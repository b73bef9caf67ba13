"""A block in parts, its shadows, and its updates without the filter's shortcuts."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import pairs
from freqjax.training.filter.block import Settings, begin, run
from freqjax.training.filter.judgement import END, ESTIMATE
from freqjax.training.filter.square_root import observe

PAIRS, INPUTS, SAMPLES = 2, 1, 40
WEIGHTS = 8 * (INPUTS + 3) + 4


def settings(gradient="rtrl", corrected=1.0, dtype=jnp.float32):
    generator = np.random.default_rng(2)
    numbers = (
        generator.normal(size=(PAIRS, 2, 4)),
        0.1,
        generator.uniform(0.01, 0.2, size=(PAIRS, WEIGHTS)),
        pairs.kept(gradient, WEIGHTS),
        0.5,
        1.0,
        corrected,
    )
    arrays = (jnp.asarray(part, dtype) for part in numbers)
    return Settings(*arrays, recursion=pairs.RECURSION)


def block_of(preferred=END, dtype=jnp.float32):
    generator = np.random.default_rng(3)
    candidates = 0.5 * generator.normal(size=(2, PAIRS, WEIGHTS))
    h = jnp.asarray(0.2 * generator.normal(size=(PAIRS, 2)), dtype)
    before = pairs.PairState(jnp.full_like(h, jnp.nan), h)  # its c is that of the candidates
    return begin(jnp.asarray(candidates, dtype), preferred, before, pairs.RECURSION)


def rows(dtype=jnp.float32):
    generator = np.random.default_rng(4)
    xs = generator.normal(size=(SAMPLES, INPUTS))
    return jnp.asarray(xs, dtype), jnp.asarray(np.sin(0.3 * np.arange(SAMPLES)), dtype)


@pytest.mark.parametrize("parts", [(0, 1, 40), (0, 13, 14, 39, 40)])
def test_a_block_in_parts_is_the_same_bit_for_bit(parts):
    whole = run(settings(), block_of(), *rows(), 0, SAMPLES)
    found = block_of()
    for first, last in itertools.pairwise(parts):
        found = run(settings(), found, *rows(), first, last)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(whole.trained, block_of().trained)


@pytest.mark.parametrize("preferred", [END, ESTIMATE])
def test_a_block_begins_with_the_preferred_candidate_and_its_carry(preferred):
    block = block_of(preferred)
    np.testing.assert_array_equal(block.trained, block.candidates[preferred])
    np.testing.assert_array_equal(block.state.c, block.trained[:, -4:-2])
    np.testing.assert_array_equal(block.shadows.c, block.candidates[:, :, -4:-2])
    np.testing.assert_array_equal(block.shadows.h[1 - preferred], block.state.h)
    np.testing.assert_array_equal(block.root, np.eye(PAIRS * WEIGHTS))


def test_the_shadows_are_of_weights_that_stay():
    block = block_of()
    found, advance = run(settings(), block_of(), *rows(), 0, SAMPLES), jax.jit(pairs.advance)
    np.testing.assert_array_equal(found.candidates, block.candidates)
    for number, candidate in enumerate(block.candidates):
        state, total = pairs.PairState(candidate[:, -4:-2], block.state.h), 0.0
        for x, target in zip(*rows(), strict=True):
            state, output = advance(candidate, settings().fixed, state, x)
            total += float(target - settings().bias - output) ** 2
        assert float(found.losses[1 + number]) == pytest.approx(total, rel=1e-5)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("gradient", "corrected"), [("rtrl", 1.0), ("rtrl", 0.0), ("snap1", 1.0), ("truncated", 0.0)]
)
def test_updates_are_a_filter_of_all_weights_at_once(gradient, corrected):
    """Against an update with derivatives by JAX of the whole state by all weights, [P · 4, N]."""
    numbers, (xs, targets) = settings(gradient, corrected, jnp.float64), rows(jnp.float64)
    block = block_of(dtype=jnp.float64)
    trained, root = block.trained, jnp.eye(PAIRS * WEIGHTS)
    state = jnp.stack([block.state.c, block.state.h])
    by = jax.jacobian(lambda w: jnp.stack([w[:, -4:-2], block.state.h]))(trained)
    # Factors of ∂ state [2, P, unit] / ∂ weights [P, n]; the head is no argument of the state.
    factors = jnp.pad(numbers.kept, ((0, 0), (0, 2)))[None, None, :, None]
    errors = []

    def step(weights, state, x):
        found, output = pairs.advance(weights, numbers.fixed, pairs.PairState(*state), x)
        return jnp.stack(found), output

    derive = jax.jit(jax.jacobian(step, (0, 1)))
    for x, target in zip(xs[:12], targets[:12], strict=True):
        by = factors * by
        new, output = step(trained, state, x)
        direct = derive(trained, state, x)
        by_output = direct[1][0] + jnp.tensordot(direct[1][1], by, 3)
        by = direct[0][0] + jnp.tensordot(direct[0][1], by, 3)
        errors.append(float(target - numbers.bias - output))
        slope = (by_output * numbers.scales).reshape(-1)
        gain, root = observe(root, slope, numbers.noise, numbers.underweight)
        change = numbers.scales * (gain * errors[-1]).reshape(trained.shape)
        trained = trained + change
        state = new + corrected * jnp.tensordot(by, change, 2)
    found = run(numbers, block_of(dtype=jnp.float64), xs, targets, 0, 12)
    np.testing.assert_allclose(found.trained, trained, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(jnp.stack(found.state), state, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.losses[0], np.sum(np.square(errors)), rtol=1e-6)
