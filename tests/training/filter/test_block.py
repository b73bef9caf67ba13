"""A block in parts, its shadows, and its updates without the filter's shortcuts."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.networks import lru_units, pairs
from freqjax.training.filter.block import Settings, begin, run
from freqjax.training.filter.judgement import END, ESTIMATE

PARTS, INPUTS, SAMPLES = 2, 1, 40
# Recursion, weights of a part, and the shape of what else it reads.
PAIRS = pairs.RECURSION, 8 * (INPUTS + 3) + 4, (PARTS, 2, 4)
UNITS = lru_units.RECURSION, 2 * INPUTS + 6, (0,)


def settings(gradient="rtrl", corrected=1.0, dtype=jnp.float32, kind=PAIRS):
    generator, (recursion, weights, fixed) = np.random.default_rng(2), kind
    numbers = (
        generator.normal(size=fixed),
        0.1,
        generator.uniform(0.01, 0.2, size=(PARTS, weights)),
        recursion.kept(gradient, weights),
        0.5,
        1.0,
        corrected,
    )
    arrays = (jnp.asarray(part, dtype) for part in numbers)
    return Settings(*arrays, recursion=recursion)


def block_of(preferred=END, dtype=jnp.float32, kind=PAIRS, apart=False):
    generator, (recursion, weights, _) = np.random.default_rng(3), kind
    candidates = 0.5 * generator.normal(size=(2, PARTS, weights))
    h = jnp.asarray(0.2 * generator.normal(size=(PARTS, 2)), dtype)
    # Its c is that of the candidates.
    before = pairs.PairState(jnp.full_like(h, jnp.nan), h) if kind is PAIRS else None
    return begin(jnp.asarray(candidates, dtype), preferred, before, recursion, apart=apart)


def rows(dtype=jnp.float32):
    generator = np.random.default_rng(4)
    xs = generator.normal(size=(SAMPLES, INPUTS))
    return jnp.asarray(xs, dtype), jnp.asarray(np.sin(0.3 * np.arange(SAMPLES)), dtype)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [(PAIRS, (0, 1, 40)), (PAIRS, (0, 13, 14, 39, 40)), (UNITS, (0, 13, 40))],
    ids=["pairs, two", "pairs, four", "units"],
)
def test_a_block_in_parts_is_the_same_bit_for_bit(kind, parts):
    numbers = settings(kind=kind)
    whole = run(numbers, block_of(kind=kind), *rows(), 0, SAMPLES)
    found = block_of(kind=kind)
    for first, last in itertools.pairwise(parts):
        found = run(numbers, found, *rows(), first, last)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(whole.trained, block_of(kind=kind).trained)


@pytest.mark.parametrize("preferred", [END, ESTIMATE])
def test_a_block_begins_with_the_preferred_candidate_and_its_carry(preferred):
    block = block_of(preferred)
    np.testing.assert_array_equal(block.trained, block.candidates[preferred])
    np.testing.assert_array_equal(block.state.c, block.trained[:, -4:-2])
    np.testing.assert_array_equal(block.shadows.c, block.candidates[:, :, -4:-2])
    np.testing.assert_array_equal(block.shadows.h[1 - preferred], block.state.h)
    np.testing.assert_array_equal(block.root, np.eye(PARTS * PAIRS[1]))


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
    ("kind", "gradient", "corrected", "apart"),
    [
        (PAIRS, "rtrl", 1.0, False),
        (PAIRS, "rtrl", 0.0, False),
        (PAIRS, "snap1", 1.0, False),
        (PAIRS, "truncated", 0.0, False),
        (PAIRS, "rtrl", 1.0, True),
        (UNITS, "rtrl", 1.0, False),
        (UNITS, "truncated", 1.0, False),
        (UNITS, "rtrl", 1.0, True),
    ],
    ids=lambda value: {id(PAIRS): "pairs", id(UNITS): "units"}.get(id(value), str(value)),
)
def test_updates_are_a_filter_of_all_weights_at_once(kind, gradient, corrected, apart):
    """Against an update with derivatives by JAX of the whole state by all weights, [fields · 4, N].

    Its covariance is no square root; with parts apart, that between weights of different parts is deleted.
    """
    numbers, (xs, targets) = settings(gradient, corrected, jnp.float64, kind), rows(jnp.float64)
    block, recursion = block_of(dtype=jnp.float64, kind=kind), kind[0]
    trained, covariance = block.trained, np.eye(block.trained.size)
    part = np.repeat(np.arange(PARTS), kind[1])
    remembered = (part[:, None] == part) if apart else np.ones_like(covariance)
    leaves, tree = jax.tree.flatten(block.state)
    state = jnp.stack(leaves)
    by = jax.jacobian(lambda w: state.at[0].set(w[:, -4:-2]))(trained)
    # Factors of ∂ state [fields, P, unit] / ∂ weights [P, n]; the head is no argument of the state.
    factors = jnp.pad(numbers.kept, ((0, 0), (0, 2)))[None, None, :, None]
    errors = []

    def step(weights, state, x):
        before = jax.tree.unflatten(tree, list(state))
        found, output = recursion.advance(weights, numbers.fixed, before, x)
        return jnp.stack(jax.tree.leaves(found)), output

    derive = jax.jit(jax.jacobian(step, (0, 1)))
    for x, target in zip(xs[:12], targets[:12], strict=True):
        by = factors * by
        new, output = step(trained, state, x)
        direct = derive(trained, state, x)
        by_output = direct[1][0] + jnp.tensordot(direct[1][1], by, 3)
        by = direct[0][0] + jnp.tensordot(direct[0][1], by, 3)
        errors.append(float(target - numbers.bias - output))
        slope = np.asarray(by_output * numbers.scales).reshape(-1)
        power = slope @ covariance @ slope
        total = power + max(float(numbers.noise), float(numbers.underweight) * power)
        gain = covariance @ slope / total
        covariance = remembered * (covariance - total * np.outer(gain, gain))
        change = numbers.scales * (gain * errors[-1]).reshape(trained.shape)
        trained = trained + change
        state = new + corrected * jnp.tensordot(by, change, 2)
    found = run(numbers, block_of(dtype=jnp.float64, kind=kind, apart=apart), xs, targets, 0, 12)
    np.testing.assert_allclose(found.trained, trained, rtol=1e-9, atol=1e-12)
    reached = jnp.stack(jax.tree.leaves(found.state))
    np.testing.assert_allclose(reached, state, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.losses[0], np.sum(np.square(errors)), rtol=1e-6)
