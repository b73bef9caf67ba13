"""The horizon curriculum: learn to keep time for a quarter of a second, then for longer and longer.

A sine that is off by Δf has lost its target after 1/Δf seconds, and descent on a stream of T seconds
is drawn to the right frequency only while |Δf|·T < 0.7; further off, shrinking the output lowers the
loss more. So training begins on the first moments of every block, where random rotors are near enough,
and goes on to a longer horizon only when every group has settled at this one. A group that has not
settled holds the horizon, and after `curriculum.patience` steps sends it back.

When the horizon is settled, one look ahead over the whole blocks tells how far the network keeps time
already: the next horizon is the longest of the grid up to which every group's mean loss stays below
`curriculum.look_ahead_mse`, but at least the next one.

Each horizon's steps are damped Gauss-Newton steps (`freqjax.gauss_newton`). One step is one update and
one epoch, on rows that no earlier step has seen where the task's noise is fresh.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax import gauss_newton, monitors
from freqjax.config import Config, CurriculumConfig
from freqjax.evaluation import Forward
from freqjax.gauss_newton import StepInfo
from freqjax.networks import LstmNetwork
from freqjax.tasks import Blocks, Task
from freqjax.trainers import EpochResult
from freqjax.training import layer_names


def horizon_grid(config: CurriculumConfig, samples: int, sampling_rate: float) -> list[int]:
    """The horizons in samples, ascending; the last is the whole block of T = `samples`.

    They grow by `config.growth`; one that would leave less than a third of a growth to the end is
    left out, since a shape costs a compilation.
    """
    assert config.first_horizon is not None
    grid = [max(2, round(config.first_horizon * sampling_rate))]
    while grid[-1] < samples:
        longer = round(grid[-1] * config.growth)
        grid.append(longer if longer * (1 + (config.growth - 1) / 3) < samples else samples)
    return grid


class CurriculumState(NamedTuple):
    """What a resume needs of the device besides the parameters: the damping, float32."""

    damping: jax.Array


class CurriculumTrainer:
    """The trainer of `freqjax.trainers.Trainer` that climbs the horizons."""

    def __init__(
        self,
        network: LstmNetwork,
        task: Task,
        config: Config,
        train_blocks: Blocks,
        forward: Forward,
    ) -> None:
        """Prepare the first horizon; each horizon is compiled when it is first reached."""
        self._network, self._task, self._config = network, task, config
        self._train_blocks, self._forward = train_blocks, forward
        self._grid = horizon_grid(config.curriculum, task.samples, task.sampling_rate)
        self._root = jax.random.key(config.train.seed)
        self._params = network.init(jax.random.fold_in(self._root, 0))
        self._state = CurriculumState(jnp.asarray(config.curriculum.damping, jnp.float32))
        self._layers = layer_names(self._params)
        self._compiled: dict[int, Any] = {}
        self._level = 0
        self._waited = 0
        self._rows_seen = 0
        self._losses: list[float] = []
        self.epoch = 0
        self.step = 0

    @property
    def params(self) -> Any:
        """Parameters as they are now."""
        return self._params

    @property
    def distinct_rows(self) -> int | None:
        """Rows drawn so far where noise is fresh; None where the rows are fixed."""
        return self._rows_seen if self._config.task.noise == "fresh" else None

    def advance(self) -> EpochResult:
        """Take one step at the present horizon, then decide on the next one."""
        horizon = self._grid[self._level]
        key = jax.random.fold_in(jax.random.fold_in(self._root, 1), self.step)
        arguments = (self._params, self._state.damping, key)
        if horizon not in self._compiled:
            step = jax.jit(self._make_step(horizon), donate_argnums=(0, 1))
            self._compiled[horizon] = step.lower(*arguments).compile()
        began = time.perf_counter()
        self._params, damping, info, groups = self._compiled[horizon](*arguments)
        info, (before, after) = jax.device_get((info, groups))
        seconds = time.perf_counter() - began
        self._state = CurriculumState(damping)
        self.step, self.epoch = self.step + 1, self.epoch + 1
        self._rows_seen += info.new_losses.size
        row = self._row(info, before, seconds) | {
            "horizon_s": horizon / self._task.sampling_rate,
            f"settled_loss_per_{self._task.group_label}": after.tolist(),
        }
        alerts = self._alerts(info)
        self._move(after)
        return EpochResult(monitors.finite_or_null(row), float(info.loss), alerts)

    def _make_step(self, horizon: int):
        network, task, curriculum = self._network, self._task, self._config.curriculum
        scales, fresh = network.scales(), self._config.task.noise == "fresh"
        groups = len(task.group_names)

        def step(params: Any, damping: jax.Array, key: jax.Array):
            blocks = task.sample(key) if fresh else self._train_blocks
            xs, targets = (
                jnp.swapaxes(jnp.asarray(a)[:, :horizon], 0, 1)
                for a in (blocks.inputs, blocks.targets)
            )

            def linearize(params: Any):
                return network.linearize(params, xs)

            def predict(params: Any) -> jax.Array:
                carry = network.init_carry(params, xs.shape[1])
                return network.unroll(params, carry, xs, jnp.zeros(xs.shape[:2], bool))[1]

            def row_losses(outputs: jax.Array) -> jax.Array:
                return task.loss(outputs, targets)

            def by_group(losses: jax.Array) -> jax.Array:
                member = jax.nn.one_hot(blocks.groups, groups, axis=0)
                return member @ jnp.mean(losses, axis=0) / jnp.sum(member, axis=1)

            params, damping, info = gauss_newton.step(
                linearize, predict, row_losses, params, scales, damping, curriculum.solver_steps
            )
            return params, damping, info, (by_group(info.losses), by_group(info.new_losses))

        return step

    def _row(self, info: StepInfo, before: np.ndarray, seconds: float) -> dict[str, Any]:
        """A row of metrics.jsonl; `lr` is the share of the full Gauss-Newton step that was taken."""
        norms = np.sqrt(info.squared_norms).tolist()
        total = float(np.sqrt(info.squared_norms.sum()))
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": float(info.loss),
            f"loss_per_{self._task.group_label}": before.tolist(),
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
        self._losses = [*self._losses, float(info.loss)][-20:]
        if not np.isfinite(info.loss):
            return [f"non-finite loss at step {self.step}"]
        if info.share == 0:
            return [f"step {self.step}: no share of the step lowered the loss; damping raised"]
        return []

    def _move(self, losses: np.ndarray) -> None:
        """Go on, hold or go back, by the groups' losses after the step."""
        curriculum = self._config.curriculum
        self._waited += 1
        if self._level == len(self._grid) - 1:
            settled = False  # nowhere further to go: the target decides when to stop
        else:
            settled = bool(np.max(losses) < curriculum.settled_mse)
        if settled:
            self._level, self._waited = self._look_ahead(), 0
        elif self._waited >= curriculum.patience and self._level > 0:
            self._level, self._waited = self._level - 1, 0
            self._state = CurriculumState(jnp.asarray(curriculum.damping, jnp.float32))

    def _look_ahead(self) -> int:
        """The furthest level up to which every group keeps time already, or the next one."""
        outputs = self._forward(self._params, self._train_blocks)
        losses = np.asarray(
            self._task.loss(jnp.asarray(outputs), jnp.asarray(self._train_blocks.targets))
        )
        groups = np.asarray(self._train_blocks.groups)
        by_group = np.stack(
            [losses[groups == g].mean(axis=0) for g in range(len(self._task.group_names))]
        )
        running = np.cumsum(by_group, axis=1) / np.arange(1, losses.shape[1] + 1)
        level = self._level + 1
        for higher in range(level + 1, len(self._grid)):
            if running[:, self._grid[higher] - 1].max() < self._config.curriculum.look_ahead_mse:
                level = higher
        return level

    def device_state(self) -> CurriculumState:
        """The damping."""
        return self._state

    def host_state(self) -> dict[str, Any]:
        """Counters and the place in the curriculum."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "level": self._level,
            "waited": self._waited,
            "rows_seen": self._rows_seen,
            "losses": self._losses,
        }

    def restore(self, params: Any, device_state: Any, host_state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._params, self._state = params, device_state
        self.epoch, self.step = host_state["epoch"], host_state["step"]
        self._level, self._waited = host_state["level"], host_state["waited"]
        self._rows_seen, self._losses = host_state["rows_seen"], host_state["losses"]

    def refresh_optimizer(self) -> bool:
        """Gauss-Newton steps have neither schedule nor moments: there is nothing to begin anew."""
        return True
