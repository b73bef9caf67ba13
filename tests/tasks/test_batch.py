"""Batches of named inputs against loops over their sequences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.tasks import Batch, means_by_group
from freqjax.tasks.batch import Sequences, mean_of_all, samples_there, sequences_of
from freqjax.tasks.objectives import SquaredError

B, T = 4, 6


def make_batch(targets_per="sample", mask=None, weight=None):
    """Return a batch with inputs of sizes 2 and 1, without zeros, and three groups, one of them empty."""
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(B, T, 2) if targets_per == "sample" else (B, 2))
    return Batch(
        inputs={"a": rng.uniform(1, 2, (B, T, 2)), "b": rng.uniform(1, 2, (B, T, 1))},
        targets=targets.astype(np.float32),
        group=np.array([0, 2, 0, 2], np.int32),
        mask=mask,
        weight=weight,
    )


def random_mask(seed=1):
    """Draw a mask [B, T] in which the first sample of every sequence is present."""
    mask = np.random.default_rng(seed).random((B, T)) < 0.5
    mask[:, 0] = True
    return mask


def test_inputs_are_joined_in_the_order_that_is_asked_for():
    batch = make_batch()
    joined = sequences_of(batch, ["b", "a"])
    np.testing.assert_array_equal(joined.inputs[..., :1], batch.inputs["b"])
    np.testing.assert_array_equal(joined.inputs[..., 1:], batch.inputs["a"])
    assert joined.weights is None and joined.targets is batch.targets
    with pytest.raises(KeyError):
        sequences_of(batch, ["a", "c"])


def test_an_input_that_is_missing_is_zero_and_a_sample_that_has_any_counts():
    masks = {"a": random_mask(1), "b": random_mask(2)}
    joined = sequences_of(make_batch(mask=masks), ["a", "b"])
    assert joined.weights is not None
    for b in range(B):
        for t in range(T):
            assert (joined.inputs[b, t, :2] != 0).all() == masks["a"][b, t]
            assert (joined.inputs[b, t, 2:] != 0).all() == masks["b"][b, t]
            assert joined.weights[b, t] == float(masks["a"][b, t] or masks["b"][b, t])


def test_an_input_without_a_mask_is_there_at_every_sample():
    batch = make_batch(mask={"a": random_mask()})
    assert samples_there(batch) is None
    assert sequences_of(batch, ["a", "b"]).weights is None


@pytest.mark.parametrize("weight", [None, np.array([1.0, 0.5, 0.0, 2.0], np.float32)])
@pytest.mark.parametrize("mask", [None, random_mask(3)])
def test_a_target_a_sequence_counts_at_its_last_sample(mask, weight):
    batch = make_batch("sequence", mask, weight)
    joined = sequences_of(batch, ["a", "b"])
    assert joined.weights is not None
    for b in range(B):
        there = np.arange(T) if mask is None else np.flatnonzero(mask[b])
        expected = np.zeros(T)
        expected[there[-1]] = 1 if weight is None else weight[b]
        np.testing.assert_array_equal(joined.weights[b], expected)
        wanted = np.zeros((T, batch.targets.shape[1]), np.float32)
        if weight is None or weight[b] > 0:
            wanted[there] = batch.targets[b]
        np.testing.assert_array_equal(joined.targets[b], wanted)


@pytest.mark.parametrize("named", [False, True])
def test_what_is_missing_may_be_anything(named):
    """NaN in masked inputs and targets, and in sequences of weight 0, reaches no loss and no gradient."""
    rng = np.random.default_rng(3)
    there = rng.random((B, T)) < 0.6
    there[:, 0] = True
    clean = rng.normal(size=(B, T, 2)).astype(np.float32)
    targets = rng.normal(size=(B, T, 1)).astype(np.float32)
    weight = np.array([1, 0, 2, 1], np.float32)[:B]
    missing = ~there | (weight[:, None] == 0)
    batch = Batch(
        inputs={"a": np.where(there[..., None], clean, np.nan)},
        targets=np.where(missing[..., None], np.nan, targets),
        group=np.zeros(B, np.int32),
        mask={"a": there} if named else there,
        weight=weight,
    )
    joined = sequences_of(batch, ["a"])

    def loss(w):
        errors = SquaredError().row_loss(
            jnp.asarray(joined.inputs) @ w, jnp.asarray(joined.targets)
        )
        weights = jnp.asarray(joined.weights)
        return jnp.sum(weights * errors) / jnp.sum(weights)

    w = jnp.asarray([[0.3], [-0.2]])
    value, slope = jax.value_and_grad(loss)(w)
    counts = there * weight[:, None]
    error = (np.where(there[..., None], clean, 0) @ np.asarray(w) - targets)[..., 0]
    np.testing.assert_allclose(value, (counts * error**2).sum() / counts.sum(), rtol=1e-5)
    expected = 2 * np.einsum("bt,bt,btd->d", counts, error, clean) / counts.sum()
    np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-4)


def test_the_device_joins_as_the_host_does():
    batch = make_batch(
        "sequence", {"a": random_mask(1), "b": random_mask(2)}, np.ones(B, np.float32)
    )
    names = ["b", "a"]
    host = sequences_of(batch, names)
    traced = jax.jit(lambda b: sequences_of(b, names))(jax.tree.map(jnp.asarray, batch))
    assert isinstance(host.inputs, np.ndarray) and isinstance(host.weights, np.ndarray)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), host, traced)


@pytest.mark.parametrize("weighted", [False, True])
def test_means_of_groups_are_weighted_means_over_their_rows(weighted):
    rng = np.random.default_rng(2)
    losses, groups = rng.random((B, T)), np.array([0, 2, 0, 2])
    weights = rng.random((B, T)) if weighted else None
    rows = Sequences(np.zeros((B, T, 1)), np.zeros((B, T, 1)), groups, weights)
    found = means_by_group(losses, rows, 3)
    for group in (0, 2):
        own = groups == group
        expected = np.average(losses[own], weights=None if weights is None else weights[own])
        assert found[group] == pytest.approx(expected)
    assert np.isnan(found[1])
    assert mean_of_all(losses, rows) == pytest.approx(np.average(losses, weights=weights))
