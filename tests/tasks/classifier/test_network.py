"""The classifier's network: context, causality, missing modalities and streaming."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import ClassifierConfig, NetworkConfig
from freqjax.networks import Streams, TrainsApart
from freqjax.tasks.classifier import parts
from freqjax.tasks.classifier.config import ENCODERS
from freqjax.tasks.classifier.network.classifier import ClassifierNetwork
from freqjax.tasks.classifier.network.layout import Layout

T, B, L, K, C = 7, 3, 12, 2, 4
LAYOUT = Layout(L, {"pose": 3, "gaze": 2})


def make(**fields):
    config = ClassifierConfig(**{"windows": K, **fields})
    return parts.make(config, NetworkConfig(cell="gru", hidden_size=8), LAYOUT, C, C)


def windows(seed=0) -> Any:
    """Draw inputs of steps [T, B, D], all present."""
    values = np.random.default_rng(seed).normal(size=(T, B, L * 5))
    return np.concatenate([values, np.ones((T, B, 2 * L))], axis=-1).astype(np.float32)


def run(network, params, xs, resets: Any = None):
    flags: Any = np.zeros(xs.shape[:2], bool) if resets is None else resets
    return np.asarray(network.unroll(params, network.init_carry(params, B), xs, flags)[1])


@pytest.mark.parametrize("context", ["none", "past", "both"])
def test_a_window_depends_on_its_context_alone(context):
    network = make(context=context)
    params = network.init(jax.random.key(0))
    xs = windows()
    changed = xs.copy()
    changed[3, :, 0] += 1
    moved = np.abs(run(network, params, changed) - run(network, params, xs)).max(axis=(1, 2)) > 1e-7
    steps = np.arange(T) - 3
    reaches = {"none": (0, 0), "past": (0, K), "both": (-K, K)}[context]
    np.testing.assert_array_equal(moved, (steps >= reaches[0]) & (steps <= reaches[1]))
    assert isinstance(network, Streams) == (context != "both") and isinstance(network, TrainsApart)


def test_one_window_at_a_time_gives_the_outputs_of_all_at_once():
    network = make(context="past")
    assert isinstance(network, Streams)
    params = network.init(jax.random.key(0))
    xs = windows()
    carry = network.init_carry(params, B)
    outputs = []
    for x in xs:
        carry, y = network.step(params, carry, x)
        outputs.append(np.asarray(y))
    np.testing.assert_allclose(np.stack(outputs), run(network, params, xs), atol=1e-5)


@pytest.mark.parametrize("context", ["past", "both"])
def test_sequences_side_by_side_and_one_behind_another_do_not_hear_each_other(context):
    network = make(context=context)
    params = network.init(jax.random.key(0))
    xs = windows()
    resets = np.zeros((T, B), bool)
    resets[4, 1] = True
    found = run(network, params, xs, resets)
    other = windows(1)
    before = np.concatenate([other[:4], xs[4:]])
    np.testing.assert_allclose(run(network, params, before, resets)[4:, 1], found[4:, 1], atol=1e-6)
    behind = np.concatenate([xs[:4], other[4:]])
    np.testing.assert_allclose(run(network, params, behind, resets)[:4, 1], found[:4, 1], atol=1e-6)


def test_a_window_that_is_not_there_is_no_context():
    """The state is that of reading the windows around it, as a cell by hand reads them."""
    network = make(context="past")
    params = network.init(jax.random.key(0))
    xs = windows()
    xs[2] = 0
    found = run(network, params, xs)
    hole = xs.copy()
    hole[2, :, :5] = 9.0  # values of what is missing do not matter
    np.testing.assert_allclose(run(network, params, hole)[3:], found[3:], atol=1e-6)
    assert np.isfinite(found).all()


def test_the_reader_is_a_gru_over_the_windows_before():
    network = make(context="past")
    assert isinstance(network, ClassifierNetwork)
    reader = network.past
    assert reader is not None
    params = reader.init(jax.random.key(1))
    random = np.random.default_rng(0)
    e = random.normal(size=(T, 1, reader.inputs)).astype(np.float32)
    from freqjax.tasks.classifier.network.context import Windows

    given = Windows(jnp.asarray(e), jnp.ones((T, 1), bool), jnp.zeros((T, 1), jnp.int32))
    states = np.asarray(reader(params, reader.nothing(1), given)[1])
    weights = jax.tree.map(np.asarray, params)

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    for t in range(T):
        h = np.zeros(8)
        for s in range(max(t - K, 0), t + 1):
            u = e[s, 0] @ weights["input"]["kernel"] + weights["input"]["bias"]
            v = h @ weights["recurrent"]["kernel"] + weights["recurrent"]["bias"]
            r, z = sigmoid(u[:8] + v[:8]), sigmoid(u[8:16] + v[8:16])
            n = np.tanh(u[16:] + r * v[16:])
            h = (1 - z) * n + z * h
        np.testing.assert_allclose(states[t, 0], h, atol=1e-5)


def test_modalities_are_missed_in_training_but_never_all():
    from freqjax.tasks.classifier.network.classifier import without_some

    found = without_some(LAYOUT.parts(windows()), jax.random.key(0), 0.9)
    present = np.stack([np.asarray(part.present).any(axis=1) for part in found.values()])
    assert present.any(axis=0).all() and not present.all(axis=0).all()
    for part in found.values():
        assert np.all(np.asarray(part.values)[~np.asarray(part.present)] == 0)


def test_smoothing_is_the_loss_of_targets_that_are_smoothed():
    xs = windows()
    labels = np.random.default_rng(0).integers(0, C, (T, B))
    targets: Any = np.eye(C, dtype=np.float32)[labels]
    targets[5:] = 0  # rows that do not count
    arguments = {"key": jax.random.key(0), "step": jnp.int32(0)}
    resets: Any = np.zeros((T, B), bool)
    plain, smooth = (make(smoothing=s, dropout=0.0) for s in (0.0, 0.3))
    params = plain.init(jax.random.key(0))
    assert float(plain.training_pass(params, xs, targets, resets, **arguments).penalty) == 0
    found = smooth.training_pass(params, xs, targets, resets, **arguments)
    logs = np.asarray(jax.nn.log_softmax(found.outputs))[:5]
    hard = -np.mean(np.sum(targets[:5] * logs, axis=-1))
    soft = -np.mean(np.sum((0.7 * targets[:5] + 0.3 / C) * logs, axis=-1))
    assert float(found.penalty) == pytest.approx(soft - hard, abs=1e-6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_is_missing_does_not_change_a_window(encoder):
    network = make(encoder=encoder)
    params = network.init(jax.random.key(0))
    xs = windows()
    xs[..., L * 5 + 6 : L * 6] = 0  # the second half of the first modality is missing
    xs[..., L * 3 // 2 : L * 3] = 0
    shown = LAYOUT.parts(xs)["pose"]
    assert np.asarray(shown.present).sum() == T * B * 6 and np.all(
        np.asarray(shown.values)[:, 6:] == 0
    )
    assert np.isfinite(run(network, params, xs)).all()
    nothing = np.zeros_like(xs)
    assert np.isfinite(run(network, params, nothing)).all()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_order_of_samples_counts_but_for_means_of_single_samples(encoder):
    """A published form pools each modality over time; two convolutions of three samples are all it sees."""
    network = make(encoder=encoder)
    params = network.init(jax.random.key(0))
    values = np.random.default_rng(0).normal(size=(1, 1, L, 5)).astype(np.float32)

    def of(values):
        pose, gaze = values[..., :3], values[..., 3:]
        flags = np.ones((1, 1, 2 * L), np.float32)
        parts = [pose.reshape(1, 1, -1), gaze.reshape(1, 1, -1), flags]
        xs: Any = np.concatenate(parts, axis=-1)
        flags: Any = np.zeros((1, 1), bool)
        return np.asarray(network.unroll(params, network.init_carry(params, 1), xs, flags)[1])

    assert np.abs(of(values[:, :, ::-1]) - of(values)).max() > 1e-4


def test_a_compiled_gradient_is_that_of_finite_differences():
    """A maximum that is compared with a value computed a second time, and rounded otherwise, has none."""
    network = parts.make(
        ClassifierConfig(), NetworkConfig(hidden_size=8), Layout(16, {"a": 5}), C, C
    )
    random = np.random.default_rng(0)
    xs = jnp.asarray(random.normal(size=(1, 8, 16 * 5)), jnp.float32)
    xs = jnp.concatenate([xs, jnp.ones((1, 8, 16))], axis=-1)
    slopes = jnp.asarray(random.normal(size=(1, 8, C)), jnp.float32)
    params: Any = network.init(jax.random.key(0))

    def with_kernel(kernel):
        encoder = params["encoder"]
        layer = encoder["conv_3"] | {"kernel": kernel}
        return params | {"encoder": encoder | {"conv_3": layer}}

    # What XLA computes twice depends on what is an argument.
    @jax.jit
    def loss(params, xs, slopes):
        return jnp.sum(network.unroll(params, (), xs, jnp.zeros((1, 8), bool))[1] * slopes)

    found = jax.jit(jax.grad(loss))(params, xs, slopes)["encoder"]["conv_3"]["kernel"]
    kernel = params["encoder"]["conv_3"]["kernel"]
    for _ in range(6):
        direction = jnp.asarray(random.normal(size=kernel.shape), jnp.float32)
        ahead, behind = (
            loss(with_kernel(kernel + step * direction), xs, slopes) for step in (1e-3, -1e-3)
        )
        ours, allowed = jnp.sum(found * direction), 0.03 * jnp.linalg.norm(found)
        assert float((ahead - behind) / 2e-3) == pytest.approx(float(ours), abs=float(allowed))
