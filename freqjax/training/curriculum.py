"""Trainer of the horizon curriculum: one damped Gauss-Newton step at a time.

A step is one update and one epoch, on the first samples of every block, up to the horizon given by
`freqjax.training.horizons`; if the task's noise is fresh, each step draws new rows.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from freqjax import progress
from freqjax.config.sections import Config
from freqjax.networks import Linearizable
from freqjax.networks.arrays import EitherArray
from freqjax.networks.network import Params
from freqjax.tasks import Sequences, Task
from freqjax.training import gauss_newton, monitors
from freqjax.training.chunks import layer_names
from freqjax.training.epochs import EpochResult
from freqjax.training.frozen import Forward
from freqjax.training.gauss_newton import StepInfo
from freqjax.training.gradients import native_bptt
from freqjax.training.horizons import Horizons
from freqjax.training.jitted import Jitted
from freqjax.training.seeds import initial_key, noise_key

# Lengths of the arrays of a step, as shares of a block; the shortest that holds the horizon is used. Each
# length needs a compilation; samples beyond the horizon take time in JAX although their weight is 0.
_SHAPES = (0.1, 0.32, 1.0)


class CurriculumState(NamedTuple):
    """State on the device that a resume needs besides the parameters.

    Attributes:
      iterate: the parameters that the next step starts from.
      damping: float32.
      settled_params: the last parameters that settled, to return to.
    """

    iterate: Params
    damping: Float[Array, ""]
    settled_params: Any


class CurriculumTrainer:
    """Trainer that goes from horizon to horizon: see `freqjax.training.trainers.Trainer`."""

    def __init__(
        self,
        network: Linearizable,
        task: Task,
        config: Config,
        train_rows: Sequences,
        forward: Forward,
        params: Params | None = None,
        jitted: Jitted | None = None,
    ) -> None:
        """Set the first horizon; each shape is compiled when it is first needed.

        `params` are the initial weights; None for those of `train.seed`. `jitted` are functions shared with
        trainers of other seeds; None for its own.
        """
        self._jitted = jitted or Jitted()
        self._network, self._task, self._config = network, task, config
        self._train_rows, self._forward = train_rows, forward
        self._noise_key = noise_key(config.train.seed)
        drawn = network.init(initial_key(config.train.seed)) if params is None else params
        self._average = _copy(drawn)
        damping = jnp.asarray(config.curriculum.damping, jnp.float32)
        self._state = CurriculumState(_copy(self._average), damping, _copy(self._average))
        self._horizons = Horizons.begin(config.curriculum, task.samples, task.time.samples)
        longest = config.curriculum.longest_horizon or task.samples / task.time.samples
        self._longest = round(longest * task.time.samples)
        self._streams = len(train_rows.groups)
        self._shapes = [math.ceil(share * self._longest) for share in _SHAPES]
        self._layers = layer_names(self._average)
        self._compiled: dict[int, Any] = {}
        self._rows_seen = 0
        self.epoch = 0
        self.step = 0

    @property
    def share(self) -> float:
        """Nothing of an epoch, which is one step."""
        return 0.0

    @property
    def params(self) -> Params:
        """Mean of the last `curriculum.average` iterates at this horizon."""
        return self._average

    @property
    def distinct_rows(self) -> int | None:
        """Number of rows with a weight in a loss so far if noise is fresh; None if the rows are fixed."""
        return self._rows_seen if self._config.task.noise == "fresh" else None

    def advance(self) -> EpochResult:
        """Take one step at the present horizon, then choose the next one."""
        horizon = self._horizons.horizon
        shape = next(samples for samples in self._shapes if samples >= horizon)
        key = jax.random.fold_in(self._noise_key, self.step)
        arguments = (self._state.iterate, self._state.damping, key, np.int32(horizon))
        if shape not in self._compiled:
            with progress.phase("compiling"):
                self._compiled[shape] = self._step_of(shape).lower(*arguments).compile()
        began = time.perf_counter()
        iterate, damping, info, groups = self._compiled[shape](*arguments)
        info, (before, after) = jax.device_get((info, groups))
        seconds = time.perf_counter() - began
        self._state = self._state._replace(iterate=iterate, damping=damping)
        share = 1 / min(self._horizons.waited + 1, self._config.curriculum.average)
        self._average = _mix(self._average, iterate, share)
        self.step, self.epoch = self.step + 1, self.epoch + 1
        self._rows_seen += (horizon - self._task.burn_in) * self._streams
        row = self._row(info, before, seconds) | {
            self._task.columns.horizon: horizon / self._task.time.samples,
            self._task.columns.settled: after.tolist(),
        }
        alerts = self._alerts(info)
        self._move(float(info.loss), after)
        return EpochResult(monitors.finite_or_null(row), float(info.loss), alerts)

    def _step_of(self, shape: int) -> Any:
        """Return the jitted step on the first `shape` samples."""
        network, task, config, rows = self._network, self._task, self._config, self._train_rows

        def make() -> Any:
            return jax.jit(_make_step(network, task, config, rows, shape), donate_argnums=(0, 1))

        return self._jitted.get(("step", shape), make)

    def _row(self, info: StepInfo, before: np.ndarray, seconds: float) -> dict[str, Any]:
        """Return a row of metrics.jsonl; `lr` is the share of the full Gauss-Newton step that was taken."""
        norms = np.sqrt(info.squared_norms).tolist()
        total = float(np.sqrt(info.squared_norms.sum()))
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": float(info.loss),
            self._task.columns.loss: before.tolist(),
            "grad_norm": total,
            "grad_norm_max": total,
            "lr": float(info.share),
            "seconds": seconds,
            "grad_norm_per_layer": dict(zip(self._layers, norms, strict=True)),
            "grad_norm_max_per_layer": dict(zip(self._layers, norms, strict=True)),
            "update_ratio_per_layer": dict(
                zip(self._layers, info.update_ratios.tolist(), strict=True)
            ),
            "damping": float(self._state.damping),
            "solver_steps": int(info.solver_steps),
            "gain": float(info.gain),
        }

    def _alerts(self, info: StepInfo) -> list[str]:
        """Return the alerts of a step; large gradients are irrelevant to Gauss-Newton and give none."""
        found = [] if np.isfinite(info.loss) else [f"non-finite loss at step {self.step}"]
        norms = np.sqrt(info.squared_norms).tolist()
        steps = [self.step] * len(norms)
        found += monitors.layer_alerts(self._layers, norms, steps, self.step, exploding=False)
        if info.share == 0:
            found.append(f"step {self.step}: no share of the step lowered the loss; damping raised")
        return found

    def _move(self, before: float, losses: Float[np.ndarray, " G"]) -> None:
        """Lengthen, keep or shorten the horizon, depending on the groups' losses after the step."""
        curriculum, horizons = self._config.curriculum, self._horizons
        verdict = horizons.judge(curriculum, before, losses)
        if verdict == "settled":
            if horizons.horizon < self._longest:
                horizons.lengthen(curriculum, self._look_ahead())
                self._state = self._state._replace(iterate=_copy(self._average))
            self._state = self._state._replace(settled_params=_copy(self._average))
        elif verdict == "lost":
            horizons.go_back()
            self._average = _copy(self._state.settled_params)
            self._state = self._state._replace(
                iterate=_copy(self._average), damping=jnp.asarray(curriculum.damping, jnp.float32)
            )

    def _look_ahead(self) -> Float[np.ndarray, " T"]:
        """Compute the worst group's mean loss over the samples up to t, for t to the longest horizon."""
        outputs = self._forward(self._average, self._train_rows, "block")
        targets = jnp.asarray(self._train_rows.targets)
        losses = np.asarray(self._task.objective.row_loss(jnp.asarray(outputs), targets))
        groups = np.asarray(self._train_rows.groups)
        weights, time = self._train_rows.weights, slice(0, self._longest)
        running = []
        for group in range(len(self._task.group_names)):
            of_group = None if weights is None else np.asarray(weights)[groups == group, time]
            running.append(_running_mean(losses[groups == group, time], of_group))
        return np.max(running, axis=0)

    def device_state(self) -> CurriculumState:
        """Return iterate, damping and the parameters to return to."""
        return self._state

    def host_state(self) -> dict[str, Any]:
        """Return counters and the position in the curriculum."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "horizons": dataclasses.asdict(self._horizons),
            "rows_seen": self._rows_seen,
        }

    def restore(self, params: Params, device_state: Any, host_state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self._average, self._state = params, device_state
        self.epoch, self.step = host_state["epoch"], host_state["step"]
        self._horizons = Horizons(**host_state["horizons"])
        self._rows_seen = host_state["rows_seen"]

    def refresh_optimizer(self) -> str:
        """Return the reason that there is nothing to restart."""
        return "Gauss-Newton steps have neither schedule nor moments, and do not use it"


def _make_step(
    network: Linearizable, task: Task, config: Config, train_rows: Sequences, shape: int
) -> Callable[..., Any]:
    """Make the function of one step on the first `shape` samples of fresh or fixed rows."""
    curriculum, groups = config.curriculum, len(task.group_names)
    scales, fresh = network.scales(), config.task.noise == "fresh"
    native = config.train.engine == "native"

    def step(params: Params, damping: jax.Array, key: jax.Array, horizon: jax.Array):
        rows = task.sequences(task.sample(key, shape)) if fresh else train_rows
        xs, targets = (_time_first(array, shape) for array in (rows.inputs, rows.targets))
        counted, weights = _row_weights(rows, shape, horizon)
        # Outputs beyond the horizon have no weight: the native scans end there.
        scanned = native_bptt.with_native_cell(network, horizon) if native else network
        assert isinstance(scanned, Linearizable)

        def linearize(params: Params):
            return scanned.linearize(params, xs)

        def predict(params: Params) -> jax.Array:
            carry = scanned.init_carry(params, xs.shape[1])
            return scanned.unroll(params, carry, xs, jnp.zeros(xs.shape[:2], bool))[1]

        def row_losses(outputs: jax.Array) -> jax.Array:
            return task.objective.row_loss(outputs, targets)

        def by_group(losses: jax.Array) -> jax.Array:
            member = jax.nn.one_hot(rows.groups, groups, axis=0)
            sums = member @ jnp.sum(counted * losses, axis=0)
            if rows.weights is None:
                return sums / jnp.sum(member, axis=1)
            return sums / (member @ jnp.sum(counted, axis=0))

        params, damping, info, (before, after) = gauss_newton.step(
            linearize,
            predict,
            row_losses,
            weights,
            params,
            scales,
            damping,
            curriculum.damping_floor,
            curriculum.solver_steps,
        )
        return params, damping, info, (by_group(before), by_group(after))

    return step


def _copy(tree: Params) -> Params:
    """Copy the arrays, since those of a step are donated."""
    return jax.tree.map(jnp.copy, tree)


def _mix(mean: Params, new: Params, share: float) -> Params:
    """Return (1 − share) mean + share · new; exactly `new` if the share is 1."""
    return jax.tree.map(lambda a, b: (1 - share) * a + share * b, mean, new)


def _time_first(
    array: Float[EitherArray, "B T *row"], samples: int
) -> Float[Array, "samples B *row"]:
    """Return the first samples of [B, T, ...] as [samples, B, ...]."""
    return jnp.swapaxes(jnp.asarray(array)[:, :samples], 0, 1)


def _row_weights(
    rows: Sequences, samples: int, horizon: Int[Array, ""]
) -> tuple[Float[Array, "samples B"], Float[Array, "samples B"]]:
    """Compute the weights of the rows up to the horizon.

    Returns:
      [samples, B] weight of a row within its group; [samples, B] its weight in the loss, with sum 1.
    """
    time, count = jnp.arange(samples), len(rows.groups)
    counted = time < horizon
    if rows.weights is None:
        counted = jnp.broadcast_to(counted[:, None] / horizon, (samples, count))
        return counted, counted / count
    counted = counted[:, None] * _time_first(rows.weights, samples)
    return counted, counted / jnp.maximum(jnp.sum(counted), jnp.finfo(jnp.float32).tiny)


def _running_mean(
    losses: Float[np.ndarray, "B T"], weights: Float[np.ndarray, "B T"] | None
) -> Float[np.ndarray, " T"]:
    """Average losses [B, T] over the sequences and the samples so far, [T]; 0 if none has a weight yet."""
    if weights is None:
        return np.cumsum(losses.mean(axis=0)) / np.arange(1, losses.shape[1] + 1)
    sums = np.cumsum(np.where(weights > 0, weights * losses, 0).sum(axis=0))
    counts = np.cumsum(weights.sum(axis=0))
    return np.divide(sums, counts, where=counts > 0, out=np.zeros_like(sums))
