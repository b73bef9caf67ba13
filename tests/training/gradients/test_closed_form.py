"""The closed form of the online regime against differentiation and optax, and against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from freqjax import Config, NetworkConfig, TaskConfig
from freqjax.config import overrides
from freqjax.networks import make_network, require_streams
from freqjax.tasks import make_task
from freqjax.tasks.objectives import SquaredError
from freqjax.training.chunks import make_chunk
from freqjax.training.gradients import closed_form as online
from freqjax.training.gradients.closed_form import make_online_chunk, why_not
from freqjax.training.optimizers import make_schedule
from freqjax.training.streams import layout
from freqjax.training.update import state_of
from tests.twins import tiny_config, tiny_rows

# Between them every rule with and without decay, every schedule, clipping or none, a learned carry or
# zero, and all kinds of resets.
CASES = {
    "adam": ({"clip_norm": 0.1}, {"learned_carry": True}, {}),
    "adam decayed": (
        {"weight_decay": 0.1, "clip_norm": None, "schedule": "cosine"},
        {"learned_carry": True},
        {"reset": "never"},
    ),
    "adamw": (
        {"name": "adamw", "weight_decay": 0.1, "schedule": "warm_restarts"},
        {"learned_carry": True},
        {"reset": "epoch"},
    ),
    "sgd": ({"name": "sgd", "clip_norm": 0.1}, {"learned_carry": True}, {"reset": "epoch"}),
    "sgd decayed": ({"name": "sgd", "weight_decay": 0.1, "schedule": "cosine"}, {}, {}),
    "rmsprop": ({"name": "rmsprop", "schedule": "plateau"}, {"learned_carry": True}, {}),
    "rmsprop decayed": (
        {"name": "rmsprop", "weight_decay": 0.1, "clip_norm": None},
        {"learned_carry": True},
        {},
    ),
}


@pytest.fixture
def small_blocks(monkeypatch):
    """Use four blocks of columns instead of one."""
    monkeypatch.setattr(online, "_BLOCK", 40)


def case(name="adam"):
    optimizer, network, task = CASES[name]
    return tiny_config(optimizer=optimizer, network=network, task=task)


def setup(config, task=None):
    """Return the closed form and the generic chunk, a state in the middle of a run, and a stream."""
    built = make_task(config.task)
    network = make_network(config.network, built)
    stream = layout(tiny_rows(), config)
    schedule = make_schedule(config.optimizer, 100, 10)
    state = state_of(network, built, config, network.init(jax.random.key(0)), 1)
    state = state._replace(
        schedule_start=state.step + 2,
        rate_scale=jnp.asarray(0.5, jnp.float32),
        step=state.step + 9,
        carry=jax.tree.map(lambda a: a + 0.3, state.carry),
    )
    chunks = [
        make(network, task or built, config, schedule, 2)
        for make in (make_online_chunk, make_chunk)
    ]
    return *chunks, state, stream, network


def cast(tree, dtype):
    return jax.tree.map(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a, tree)


def assert_close(ours, theirs, tolerance):
    for (path, a), b in zip(
        jax.tree_util.tree_flatten_with_path(ours)[0], jax.tree.leaves(theirs), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=str(path))


@pytest.mark.parametrize("name", CASES)
def test_equals_differentiation_with_optax(float64, request, name):
    if name.startswith("adam"):
        request.getfixturevalue("small_blocks")
    closed, generic, state, stream, _ = setup(case(name))
    state, stream = cast(state, float), cast(stream, float)
    assert_close(jax.jit(closed)(state, stream), jax.jit(generic)(state, stream), 1e-10)


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop"])
def test_equals_differentiation_with_optax_in_single_precision(name):
    """20 updates of each; and 20 of the generic chunk after either, so that the two may take turns."""
    closed, generic, state, stream, _ = setup(case(name))
    closed, generic = jax.jit(closed), jax.jit(generic)
    first, second = (jax.tree.map(lambda a: a[part], stream) for part in (slice(20), slice(20, 40)))  # noqa: B023
    (ours, info), (theirs, expected) = closed(state, first), generic(state, first)
    assert_close(ours, theirs, 1e-6)
    assert_close(info, expected, 1e-5)
    assert jax.tree.structure(ours) == jax.tree.structure(state)
    assert jax.eval_shape(lambda s: s, ours) == jax.eval_shape(lambda s: s, state)
    assert_close(generic(ours, second)[0], generic(theirs, second)[0], 1e-6)


def log_cosh(outputs, targets):
    """Return the loss of another task."""
    return jnp.sum(jnp.log(jnp.cosh(outputs - targets)), axis=-1)


class LogCosh(SquaredError):
    """An objective that is no square."""

    def row_loss(self, outputs, targets):
        """Compute Σ_o log cosh(y_o − t_o)."""
        return log_cosh(outputs, targets)


@pytest.mark.parametrize("reset", [False, True])
def test_gradient_against_finite_differences(float64, small_blocks, reset):
    """A step of −1 · gradient, read off the parameters."""
    config = case("sgd")
    for field, value in {"momentum": 0.0, "learning_rate": 1.0, "clip_norm": None}.items():
        setattr(config.optimizer, field, value)
    task = make_task(config.task)
    task.objective = LogCosh()
    closed, _, state, stream, network = setup(config, task)
    state, stream = cast(state._replace(rate_scale=jnp.ones(())), float), cast(stream, float)
    row = jax.tree.map(lambda a: a[3:4], stream)
    row = row._replace(resets=jnp.full_like(row.resets, reset))
    after, info = jax.jit(closed)(state, row)
    flat, unflatten = ravel_pytree(state.params)

    @jax.jit
    def loss(flat):
        params = unflatten(flat)
        carry = network.init_carry(params, 1) if reset else state.carry
        y = require_streams(network).step(params, carry, row.inputs[0, 0])[1]
        return jnp.sum(log_cosh(y, row.targets[0, 0]))

    steps = 1e-5 * np.eye(flat.size)
    differences = np.array([(loss(flat + d) - loss(flat - d)) / 2e-5 for d in steps])
    gradient = flat - ravel_pytree(after.params)[0]
    np.testing.assert_allclose(gradient, differences, atol=1e-8)
    np.testing.assert_allclose(info.norm_sum, np.linalg.norm(differences), rtol=1e-7)
    learned = np.abs(unflatten(gradient)["carry"])
    assert learned.min() > 0 if reset else learned.max() == 0


def test_an_epoch_of_the_main_task_learns_as_much():
    """Rounding grows, so that only the means are the same after 40,000 steps."""
    config = Config(task=TaskConfig(), network=NetworkConfig(hidden_size=8))
    task = make_task(config.task)
    network = make_network(config.network, task)
    stream = layout(task.rows("train"), config)
    schedule = make_schedule(config.optimizer, 40_000, 40_000)
    state = state_of(network, task, config, network.init(jax.random.key(0)), 1)
    infos = [
        jax.jit(make(network, task, config, schedule, 4))(state, stream)[1]
        for make in (make_online_chunk, make_chunk)
    ]
    losses = [info.loss_sums / info.row_counts for info in infos]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.03)
    np.testing.assert_allclose(infos[0].norm_sum, infos[1].norm_sum, rtol=0.03)


def test_chunks_are_the_whole_and_traced_once():
    closed, _, state, stream, _ = setup(case())
    traces = []

    def chunk(state, stream):
        traces.append(stream.inputs.shape[0])
        return closed(state, stream)

    chunk = jax.jit(chunk)
    whole, _ = chunk(state, stream)
    for first in range(0, 40, 8):
        state, _ = chunk(state, jax.tree.map(lambda a: a[first : first + 8], stream))  # noqa: B023
    assert traces == [40, 8]
    for part, same in zip(jax.tree.leaves(state), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(part, same)


def test_the_first_bad_update_is_found(small_blocks):
    closed, _, state, stream, _ = setup(case())
    inputs = stream.inputs.at[17, 0, 0, 0].set(jnp.nan)
    assert int(jax.jit(closed)(state, stream._replace(inputs=inputs))[1].bad_update) == 17


@pytest.mark.parametrize(
    ("hidden_size", "blocks"), [(4, 1), (64, 1), (96, 3), (128, 4), (256, 16), (2048, 1)]
)
def test_blocks_are_of_one_size(hidden_size, blocks):
    assert online._block_count(hidden_size + 7, 4 * hidden_size) == blocks


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("train.streams", "parallel", "train.streams is parallel: the closed form has one stream."),
        (
            "optimizer.clip",
            "adaptive",
            "optimizer.clip is adaptive: the closed form clips by the global norm.",
        ),
    ],
)
def test_says_why_not(field, value, sentence):
    config = case()
    task = make_task(config.task)
    network = make_network(config.network, task)
    assert why_not(network, task, config) is None
    other = overrides.apply(case(), [(field, value)])
    assert why_not(network, task, other) == sentence
    with pytest.raises(ValueError, match=sentence):
        make_online_chunk(network, task, other, lambda step, begin: step, 2)
    config.network.cell = "gru"
    assert why_not(make_network(config.network, task), task, config) == (
        "The network is a SingleLayerNetwork: the closed form is that of one LSTM."
    )
