"""Ensembles: means of probabilities, and members that are trained as each would be alone."""

from typing import Any
from unittest.mock import Mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.special import softmax

from freqjax import ClassifierConfig, NetworkConfig
from freqjax.networks import Streams, TrainsApart, count_parameters
from freqjax.tasks import Task
from freqjax.tasks.classifier import parts
from freqjax.tasks.classifier.network.ensemble import Ensemble
from freqjax.tasks.classifier.network.layout import Layout
from freqjax.tasks.classifier.objective import Heads
from freqjax.tasks.objectives import CrossEntropy
from freqjax.training.gradients.bptt import TrainingPassGradient
from freqjax.training.streams import Stream

T, B, L, C, OUTPUTS, M = 5, 3, 8, 3, 5, 4
LAYOUT = Layout(L, {"pose": 2, "gaze": 1})


def make(members=M, **fields):
    config = ClassifierConfig(**{"windows": 2, "context": "past", "members": members, **fields})
    return parts.make(config, NetworkConfig(cell="gru", hidden_size=4), LAYOUT, OUTPUTS, C)


def given(seed=0) -> Any:
    """Draw inputs of steps [T, B, D], and where sequences begin."""
    values = np.random.default_rng(seed).normal(size=(T, B, L * 3))
    xs = np.concatenate([values, np.ones((T, B, 2 * L))], axis=-1).astype(np.float32)
    resets = np.zeros((T, B), bool)
    resets[3, 1] = True
    return xs, resets


def member(params, number):
    return jax.tree.map(lambda leaf: leaf[number], params)


def runs(network, several, xs, resets):
    """Return the outputs for each of several parameters."""

    @jax.jit
    def outputs(params):
        return network.unroll(params, network.init_carry(params, B), xs, resets)[1]

    return [np.asarray(outputs(params)) for params in several]


@pytest.mark.parametrize("context", ["none", "both"])  # past: below, one window at a time
def test_probabilities_are_the_mean_of_those_of_the_members(context):
    several, one = make(context=context), make(1, context=context)
    assert isinstance(several, Ensemble)
    params = jax.jit(several.init)(jax.random.key(0))
    xs, resets = given()
    alone = runs(one, [member(params, m) for m in range(M)], xs, resets)
    (found,) = runs(several, [params], xs, resets)
    for label in (slice(0, C), slice(C, OUTPUTS)):
        wanted = np.mean([softmax(own[..., label], axis=-1) for own in alone], axis=0)
        np.testing.assert_allclose(softmax(found[..., label], axis=-1), wanted, atol=1e-6)
    assert count_parameters(params) == M * count_parameters(member(params, 0))
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    assert isinstance(several, Streams) == (context != "both") and isinstance(several, TrainsApart)


def test_one_window_at_a_time_gives_the_outputs_of_all_at_once():
    network = make()
    assert isinstance(network, Streams)
    params = jax.jit(network.init)(jax.random.key(0))
    xs, resets = given()
    step: Any = jax.jit(network.step)
    carry, outputs = network.init_carry(params, B), []
    for x in xs:
        carry, y = step(params, carry, x)
        outputs.append(np.asarray(y))
    (found,) = runs(network, [params], xs, np.zeros_like(resets))
    np.testing.assert_allclose(np.stack(outputs), found, atol=1e-5)


def test_the_gradient_of_a_member_is_that_of_its_own_loss():
    """Without anything random, M times the gradient of a member is that of training it alone."""
    fields: Any = {"dropout": 0.0, "smoothing": 0.1}
    several, one = make(**fields), make(1, **fields)
    assert isinstance(several, TrainsApart) and isinstance(one, TrainsApart)
    params = jax.jit(several.init)(jax.random.key(0))
    xs, resets = given()
    labels = np.random.default_rng(1).integers(0, (C, OUTPUTS - C), size=(T, B, 2))
    targets = np.concatenate(
        [np.eye(C)[labels[..., 0]], np.eye(OUTPUTS - C)[labels[..., 1]]], axis=-1
    )
    groups = np.zeros((T, B), np.int32)
    groups[0, 0] = 1  # counts towards no group
    rows = (xs, targets.astype(np.float32), groups, resets)
    window = Stream(*(jnp.asarray(array) for array in rows))
    task = Mock(spec=Task, objective=Heads(C, CrossEntropy(), 0.3), group_names=("all",))

    def gradients(network, several):
        estimator = TrainingPassGradient(network, task, jax.random.key(2))
        gradient = jax.jit(lambda p: estimator.gradient(p, (), (), window, jnp.int32(0)))
        return [gradient(params) for params in several]

    (found,) = gradients(several, [params])
    alone = gradients(one, [member(params, m) for m in range(M)])
    for m in range(M):
        own, wanted = member(found.grads, m), alone[m].grads
        np.testing.assert_allclose(
            M * ravel_pytree(own)[0], ravel_pytree(wanted)[0], rtol=1e-3, atol=1e-6
        )
    losses = np.mean([np.asarray(own.losses) for own in alone], axis=0)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-5)


def test_members_drop_features_of_their_own():
    network = make(dropout=0.5)
    assert isinstance(network, TrainsApart)
    same = jax.tree.map(
        lambda leaf: jnp.stack([leaf[0]] * M), jax.jit(network.init)(jax.random.key(0))
    )
    xs, resets = given()
    targets: Any = np.zeros((T, B, OUTPUTS), np.float32)

    @jax.jit
    def trained(params):
        key = jax.random.key(1)
        return network.training_pass(params, xs, targets, resets, key=key, step=jnp.int32(0))

    outputs = np.asarray(trained(same).outputs)
    assert outputs.shape == (M, T, B, OUTPUTS)
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
