"""The contract of estimators, held by one with a memory: real-time recurrent learning, by the chain rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from freqjax.checkpoints import leaves
from freqjax.networks import make_network, require_streams
from freqjax.tasks import make_task
from freqjax.training import gradients
from freqjax.training.gradients import Estimate, Estimator, make_estimator
from freqjax.training.seeds import dropout_key
from freqjax.training.streams import layout
from freqjax.training.trainers import StreamTrainer
from freqjax.training.update import TrainState, state_of
from tests.twins import tiny_config


class RealTime(Estimator):
    """Exact gradients one sample at a time; the memory is the Jacobian of the carry by the parameters."""

    def __init__(self, network, task):
        self._network, self._loss = network, task.objective.row_loss

    def init(self, params, streams):
        """Return a Jacobian [N, P] of the N numbers of the carry."""
        return jax.jacobian(self._begin, argnums=0)(*self._flat(params, streams))

    def _flat(self, params, streams):
        flat, self._params = ravel_pytree(params)
        return flat, streams

    def _begin(self, flat, streams):
        return ravel_pytree(self._network.init_carry(self._params(flat), streams))[0]

    def gradient(self, params, carry, memory, window, step):
        """Advance the Jacobian by a sample, and pull the loss through it."""
        flat, self._params = ravel_pytree(params)
        now, unflatten = ravel_pytree(carry)
        fresh = self._begin(flat, 1), self.init(params, 1)
        now, memory = (
            jnp.where(window.resets[0, 0], a, b) for a, b in zip(fresh, (now, memory), strict=True)
        )

        def one(flat, now):
            after, y = self._network.step(self._params(flat), unflatten(now), window.inputs[0])
            loss = self._loss(y, window.targets[0])
            return jnp.append(ravel_pytree(after)[0], jnp.sum(loss))

        by_params, by_carry = jax.jacobian(one, argnums=(0, 1))(flat, now)
        total, values = by_params + by_carry @ memory, one(flat, now)
        return Estimate(
            self._params(total[-1]), unflatten(values[:-1]), total[:-1], values[-1:][None]
        )


class Correcting(RealTime):
    """The same, moving the carried state with the parameters."""

    def correct(self, carry, memory, change):
        """Add what the change of the parameters does to the carry, to first order."""
        flat, unflatten = ravel_pytree(carry)
        return unflatten(flat + memory @ ravel_pytree(change)[0])


def parts(**train):
    config = tiny_config(train=train, network={"learned_carry": True, "hidden_size": 3})
    task = make_task(config.task)
    network = make_network(config.network, task)
    return config, task, network


def run(estimator, params, network, stream):
    """Return the sum of the gradients over a stream, with the parameters held."""

    def one(held, window):
        carry, memory, total = held
        found = estimator.gradient(params, carry, memory, window, jnp.zeros((), jnp.int32))
        total = jax.tree.map(jnp.add, total, found.grads)
        return (found.carry, found.memory, total), None

    begin = network.init_carry(params, 1), estimator.init(params, 1)
    zero = jax.tree.map(jnp.zeros_like, params)
    return jax.jit(lambda s: jax.lax.scan(one, (*begin, zero), s)[0][2])(stream)


def test_gradients_in_real_time_sum_to_those_through_time(float64):
    config, task, network = parts()
    stream = jax.tree.map(jnp.asarray, layout(task.rows("train"), config))
    stream = jax.tree.map(lambda a: a.astype(float) if a.dtype.kind == "f" else a, stream)
    params = jax.tree.map(lambda a: a.astype(float), network.init(jax.random.key(1)))
    ours = run(RealTime(network, task), params, network, stream)
    whole, _, _ = parts(regime="full")
    through = make_estimator(network, task, whole)
    joined = jax.tree.map(lambda a: a.reshape(1, -1, *a.shape[2:]), stream)
    theirs = run(through, params, network, joined)  # of the mean over 40 rows
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, 40 * b, atol=1e-12)
    cut = run(make_estimator(network, task, config), params, network, stream)
    assert (
        np.abs(cut["cell"]["recurrent"]["kernel"] - ours["cell"]["recurrent"]["kernel"]).max()
        > 1e-3
    )


def test_a_corrected_carry_is_that_of_the_new_parameters_to_first_order(float64, monkeypatch):
    """Halving the rate quarters the distance to the carry that the changed parameters would have reached."""
    distances = []
    for rate in (1e-3, 5e-4):
        config, task, network = parts(engine="autodiff")
        config.optimizer.name, config.optimizer.momentum = "sgd", 0.0
        config.optimizer.learning_rate, config.optimizer.clip_norm = rate, None
        monkeypatch.setitem(
            gradients.ESTIMATORS, "truncated", lambda net, task, *_: Correcting(net, task)
        )
        trainer = StreamTrainer(network, task, config, task.rows("train"))
        window = jax.tree.map(lambda a: a[:1], trainer._source.part(0, 0))
        window = jax.tree.map(lambda a: a.astype(float) if a.dtype.kind == "f" else a, window)
        state = state_of(network, task, config, network.init(jax.random.key(1)), 1)
        state = jax.tree.map(lambda a: a.astype(float) if a.dtype.kind == "f" else a, state)
        after, _ = jax.jit(trainer._chunk)(state, window, trainer._seed)
        expected, _ = require_streams(network).step(
            after.params, network.init_carry(after.params, 1), window.inputs[0, 0]
        )
        moved = ravel_pytree(after.carry)[0] - ravel_pytree(expected)[0]
        distances.append(float(jnp.linalg.norm(moved)))
    assert distances[0] / distances[1] == pytest.approx(4, rel=0.05)


def test_a_memory_is_saved_and_goes_on(monkeypatch):
    monkeypatch.setattr("freqjax.training.sources.CHUNK_ROWS", 7)
    monkeypatch.setitem(
        gradients.ESTIMATORS, "truncated", lambda net, task, *_: RealTime(net, task)
    )
    config, task, network = parts(engine="autodiff")

    def trainer():
        return StreamTrainer(network, task, config, task.rows("train"))

    whole, cut = trainer(), trainer()
    for _ in range(3):
        whole.advance()
        cut.advance()
    names = [leaf.name for leaf in leaves.describe(cut.device_state())]
    assert "memory" in names
    resumed = trainer()
    saved = jax.device_get((cut.params, cut.device_state()))
    params, state = jax.tree.map(jnp.asarray, saved)
    resumed.restore(params, state, cut.host_state())
    for _ in range(5):
        whole.advance()
        resumed.advance()
    assert np.abs(resumed.device_state().memory).max() > 0
    for a, b in zip(
        jax.tree.leaves((whole.params, whole.device_state())),
        jax.tree.leaves((resumed.params, resumed.device_state())),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_without_a_memory_a_checkpoint_has_the_leaves_of_version_0_1():
    config, task, network = parts()
    state = state_of(network, task, config, network.init(jax.random.key(0)), 1)._replace(
        params=None
    )
    assert isinstance(state, TrainState)
    names = {leaf.name for leaf in leaves.describe(state)}
    weights = [leaf.name for leaf in leaves.describe(network.init(jax.random.key(0)))]
    moments = {f"opt_state/{moment}/{name}" for moment in ("mu", "nu") for name in weights}
    others = {"opt_state/count", "carry/c", "carry/h", "step", "schedule_start", "rate_scale"}
    assert names == moments | others


def test_every_estimator_is_made_for_its_regimes():
    for regime in ("online", "tbptt", "full", "windows", "examples"):
        config, task, network = parts(regime=regime)
        key = dropout_key(3)
        assert isinstance(make_estimator(network, task, config, key), Estimator)
