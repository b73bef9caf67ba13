"""Trainer of strict online learning: see `freqjax.training.trainers.Trainer`.

An epoch is a pass over all sequences in order, each a block of its group. With `curriculum.first_horizon` a
block is the first samples of a sequence, of a length of its own for every group, which grows when its shadow
loss has settled; else it is the whole sequence. A group whose best shadow loss is below `train.target_mse` is
passed over.

`params` holds, for every group, the weights with the lowest shadow loss of a whole sequence so far. No other
loss chooses them. Axes: F groups, P parts of a group, n weights of a part, B sequences, T samples, M inputs
that are no selector.
"""

from __future__ import annotations

import contextlib
import math
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.networks.filtered import CARRY
from freqjax.networks.network import Params
from freqjax.progress import phase
from freqjax.tasks import Sequences, Task
from freqjax.training import monitors
from freqjax.training.epochs import EpochResult
from freqjax.training.filter import ahead, native
from freqjax.training.filter import state as filter_state
from freqjax.training.filter.block import Block, Settings, run
from freqjax.training.filter.judgement import END, ESTIMATE, Progress
from freqjax.training.filter.repeats import last_repeat
from freqjax.training.filter.requirements import covariance_elements, require
from freqjax.training.filter.state import FilterState
from freqjax.training.frozen import FrozenLosses, group_shares
from freqjax.training.seeds import initial_key, noise_key
from freqjax.training.sources import CHUNK_ROWS

# Underweighting of a filter that has not lost its targets: an error is corrected by at most half.
_UNDERWEIGHT = 1.0
# Elements of the covariance that a part of a block updates, about a second's, so that signals act soon.
_PART = 10**9


class _Part(NamedTuple):
    """Part of a block.

    Attributes:
      settings: of the block.
      block: the block at row `first`.
      xs, targets: the rows of the whole sequence.
      first, last: the part is rows first … last − 1.
      repeat: the row at which the targets last repeat their start, if the block reaches it.
    """

    settings: Settings
    block: Block
    xs: Float[Array, "T M"]
    targets: Float[Array, " T"]
    first: int
    last: int
    repeat: int


class _Done(NamedTuple):
    """Part of a block that is done: the block, and its carry at `repeat` if the part reaches it."""

    block: Block
    repeated: Float[Array, "P 2"] | None


class FilterTrainer:
    """Trainer by an extended Kalman filter of the weights, one update a sample."""

    def __init__(
        self,
        network: Network,
        task: Task,
        config: Config,
        train_rows: Sequences,
        params: Params | None = None,
    ) -> None:
        """Set up the filter at `params`, or the weights of `train.seed`; nothing is compiled yet.

        Raises:
          UserError: network, task and config do not fit a filter.
        """
        self._parts = parts = require(network, task, config).parts()
        self._task, self._config = task, config
        self._rows = jax.device_get(train_rows)
        self._run = native.make_run() if config.train.engine == "native" else run
        if params is None:
            params = network.init(initial_key(config.train.seed))
        self._initial = params
        self._is_compiled = False
        self._grows = config.curriculum.first_horizon is not None
        self._groups = np.asarray(train_rows.groups).tolist()
        self._scales = parts.scales(params, config.optimizer.relative_prior)
        self._fixed, self._bias = parts.constants(params), parts.bias(params)
        self._kept = parts.recursion.kept(config.train.gradient_method, parts.weights)
        self._apart = config.optimizer.groups == "part"
        elements = covariance_elements(parts, config.optimizer.groups)
        self._rows_at_once = max(1, min(CHUNK_ROWS, _PART // elements))
        self._ahead: ahead.Ahead[_Done] | None = ahead.Ahead() if ahead.pays(elements) else None
        trained = jax.device_put(np.asarray(parts.gather(params), np.float32))
        self._state = filter_state.first(trained, parts.recursion, apart=self._apart)
        noise = config.optimizer.observation_noise
        first, preferred = (self._first_horizon(), ESTIMATE) if self._grows else (task.samples, END)
        self._progress = [
            Progress(noise, _UNDERWEIGHT, first, preferred) for _ in range(parts.groups)
        ]
        self.epoch = self.step = 0
        self._sequence = self._row = self._used = 0
        self._epoch_losses: list[list[float]] = [[] for _ in self._progress]
        self._seconds = 0.0
        self._last_group: int | None = None
        self._drawn = -1

    def _first_horizon(self) -> int:
        first, unit = self._config.curriculum.first_horizon, self._task.time.samples
        assert first is not None
        return min(self._task.samples, max(2, round(first * unit)))

    @property
    def share(self) -> float:
        """Share of the present pass that is done, in sequences."""
        block = self._row / self._progress[self._group].horizon if self._row else 0.0
        return (self._sequence + block) / len(self._groups)

    @property
    def params(self) -> Params:
        """Weights with the lowest shadow loss of every group."""
        tree = self._parts.scatter(self._initial, np.asarray(self._state.best))
        return jax.device_put(tree)

    @property
    def distinct_rows(self) -> int | None:
        """Number of rows used so far if noise is fresh; None if the rows are fixed."""
        return self._used if self._config.task.noise == "fresh" else None

    def advance(self) -> EpochResult | None:
        """Make the updates of a part of a block, and judge the block at its end."""
        while self._row == 0 and self._sequence < len(self._groups) and self._settled(self._group):
            # As where the weights are frozen: the rows of a group reset the hidden states of the others.
            self._last_group, self._sequence = self._group, self._sequence + 1
        if self._sequence == len(self._groups):
            return self._end_epoch()
        began = time.perf_counter()
        group, progress = self._group, self._progress[self._group]
        last = min(self._row + self._rows_at_once, progress.horizon)
        self._update(last)
        losses = np.asarray(self._state.block.losses, np.float64) / last
        self.step, self._used = self.step + last - self._row, self._used + last - self._row
        self._row = last
        if last == progress.horizon:
            self._end_block(group, losses)
        self._seconds += time.perf_counter() - began
        return self._end_epoch() if self._sequence == len(self._groups) else None

    @property
    def _group(self) -> int:
        return self._groups[self._sequence]

    def _settled(self, group: int) -> bool:
        best, target = self._progress[group].best, self._config.train.target_mse
        return best is not None and target is not None and best < target

    def _settings(self, group: int) -> Settings:
        """Return the numbers of the group's next block."""
        progress, scales = self._progress[group], self._scales[group]
        if progress.followed and not self._grows:
            tight = self._config.optimizer.later_prior * scales
            tight[:, CARRY] = scales[:, CARRY]  # a phase may be wrong by any amount
            scales = tight
        corrected = float(self._config.train.state_correction)
        numbers = progress.noise, progress.underweight, corrected
        parts = self._fixed[group], self._bias, scales, self._kept, *numbers
        arrays = jax.device_put([np.asarray(part, np.float32) for part in parts])
        return Settings(*arrays, recursion=self._parts.recursion)

    def _first_block(self, sequence: int) -> Block:
        """Begin the block of a sequence, from the candidates or with the carried state as its carry."""
        state, group, reset = self._state, self._groups[sequence], self._config.task.reset
        afresh = reset == "block" or (reset == "epoch" and group not in self._groups[:sequence])
        return filter_state.next_block(
            state.candidates,
            state.carried,
            group,
            self._progress[group].preferred,
            self._parts.recursion,
            afresh=afresh,
            # What is no carry, the hidden state of pairs, is 0 while another group holds them.
            goes_on=not afresh and sequence == self._sequence and self._last_group == group,
            apart=self._apart,
        )

    def _update(self, last: int) -> None:
        """Make the updates up to row `last`, or take them from the thread that has made them."""
        begins = self._row == 0
        done = self._ahead.take(self._sequence) if self._ahead and begins else None
        if done is None:
            block = self._first_block(self._sequence) if begins else self._state.block
            part = self._part(self._sequence, block, self._row, last)
            if begins and self._is_compiled:
                self._begin_ahead()
            with contextlib.nullcontext() if self._is_compiled else phase("compiling"):
                done = self._done(part)
            self._is_compiled = True
        repeated = self._state.repeated if done.repeated is None else done.repeated
        self._state = self._state._replace(block=done.block, repeated=repeated)

    def _begin_ahead(self) -> None:
        """Have a thread make the updates of the next block if it is of another group, and one part."""
        unsettled = (
            sequence
            for sequence in range(self._sequence + 1, len(self._groups))
            if not self._settled(self._groups[sequence])
        )
        sequence = next(unsettled, None)
        if self._ahead is None or sequence is None or self._groups[sequence] == self._group:
            return
        last = self._progress[self._groups[sequence]].horizon
        if last <= self._rows_at_once:
            part = self._part(sequence, self._first_block(sequence), 0, last)
            self._ahead.begin(sequence, lambda: jax.block_until_ready(self._done(part)))

    def _part(self, sequence: int, block: Block, first: int, last: int) -> _Part:
        """Return what the updates of rows first … last − 1 of a sequence need."""
        group = self._groups[sequence]
        xs, targets = self._rows_of(sequence)
        whole = self._progress[group].horizon == self._task.samples
        repeat = last_repeat(np.asarray(targets)) if whole else self._progress[group].horizon
        return _Part(self._settings(group), block, xs, targets, first, last, repeat)

    def _done(self, part: _Part) -> _Done:
        """Make the updates of a part, and keep the carry at the last repeat of the targets.

        A filter that kept it at each repeat as it came would have the same one at the end.
        """
        settings, block, xs, targets, first, last, repeat = part
        repeated, middle = None, repeat if first < repeat < last else last
        block = self._run(settings, block, xs, targets, first, middle)
        if middle == repeat:
            # A copy, since the block is donated.
            repeated = jnp.copy(self._parts.recursion.carry(block.state))
        if middle < last:
            block = self._run(settings, block, xs, targets, middle, last)
        return _Done(block, repeated)

    def _end_block(self, group: int, losses: Float[np.ndarray, " 3"]) -> None:
        """Judge the block that has ended, keep what is to be kept, and go to the next sequence."""
        state, progress, block = self._state, self._progress[group], self._state.block
        curriculum, whole = self._config.curriculum, progress.horizon == self._task.samples
        self._epoch_losses[group].append(float(losses[0]))
        verdict = progress.judge(
            float(losses[0]),
            (float(losses[1]), float(losses[2])),
            whole=whole,
            noise=self._config.optimizer.observation_noise,
            underweight=_UNDERWEIGHT,
        )
        if verdict.best is not None:
            best = filter_state.best_after(state.best, block.candidates, group, verdict.best)
            state = state._replace(best=best)
        if verdict.followed:
            candidates, carried = filter_state.candidates_after(
                state.candidates, state.carried, group, block.trained, block.state, state.repeated
            )
            state = state._replace(candidates=candidates, carried=carried)
        if self._grows and progress.shadow is not None and progress.shadow < curriculum.settled_mse:
            longer = max(progress.horizon + 1, int(progress.horizon * curriculum.growth))
            progress.horizon = min(self._task.samples, longer)
        self._state, self._last_group = state, group
        self._sequence, self._row = self._sequence + 1, 0

    def _rows_of(self, sequence: int) -> tuple[Float[Array, "T M"], Float[Array, " T"]]:
        """Return inputs that are no selector, and targets, of a sequence of this pass."""
        if self._config.task.noise == "fresh" and self._drawn != self.epoch:
            self._rows, self._drawn = self._draw(self.epoch), self.epoch
        others = np.array(self._parts.others, int)
        inputs, targets = self._rows.inputs[sequence], self._rows.targets[sequence]
        return jax.device_put((inputs[:, others], targets[:, 0]))

    def _draw(self, number: int) -> Sequences:
        key = jax.random.fold_in(noise_key(self._config.train.seed), number)
        # Not compiled as a whole: the rows of the splits were drawn by the same programs of the task.
        drawn = jax.device_get(self._task.sample(key, self._task.samples))
        return self._task.sequences(drawn)

    def _end_epoch(self) -> EpochResult:
        """Return the result of a pass over all sequences."""
        self.epoch, self._sequence = self.epoch + 1, 0
        # A group that was passed over keeps the losses of its last block.
        of_groups = [
            float(np.mean(found)) if found else _number(last.prequential)
            for found, last in zip(self._epoch_losses, self._progress, strict=True)
        ]
        shares = group_shares(self._rows, len(of_groups))
        loss = FrozenLosses.of(of_groups, shares).mean
        shadows = [progress.shadow for progress in self._progress]
        # A group without rows has no loss, and does not keep the others from being judged.
        best = [
            progress.best if group in self._groups else math.nan
            for group, progress in enumerate(self._progress)
        ]
        row = {
            "epoch": self.epoch,
            "step": self.step,
            "loss": loss,
            self._task.columns.loss: of_groups,
            "grad_norm": None,
            "grad_norm_max": None,
            "lr": None,
            "seconds": self._seconds,
            f"shadow_per_{self._task.group_label}": shadows,
            f"noise_per_{self._task.group_label}": [p.noise for p in self._progress],
            "covariance_trace": float(jnp.sum(jnp.square(self._state.block.root))),
        }
        if self._grows:
            unit = self._task.time.samples
            row[self._task.columns.horizon] = min(p.horizon for p in self._progress) / unit
        self._epoch_losses = [[] for _ in self._progress]
        self._seconds = 0.0
        return EpochResult(monitors.finite_or_null(row), loss, [], best)

    def device_state(self) -> FilterState:
        """Return all arrays of the filter."""
        return self._state

    def host_state(self) -> dict[str, Any]:
        """Return the progress of every group and the position in the pass."""
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "sequence": self._sequence,
            "row": self._row,
            "used": self._used,
            "last_group": self._last_group,
            "seconds": self._seconds,
            "epoch_losses": self._epoch_losses,
            "progress": [progress.to_json() for progress in self._progress],
        }
        return monitors.finite_or_null(state)

    def restore(self, params: Params, device_state: Any, host_state: dict[str, Any]) -> None:
        """Continue from a checkpoint; `params` follow from the state."""
        del params
        self._state = device_state
        self.epoch, self.step = host_state["epoch"], host_state["step"]
        self._sequence, self._row = host_state["sequence"], host_state["row"]
        self._used, self._seconds = host_state["used"], host_state["seconds"]
        self._last_group = host_state["last_group"]
        self._epoch_losses = [[*map(_number, found)] for found in host_state["epoch_losses"]]
        self._progress = [Progress(**values) for values in host_state["progress"]]
        if self._ahead is not None:
            self._ahead.drop()

    def refresh_optimizer(self) -> str:
        """Return the reason that there is nothing to restart."""
        return "a filter begins every block with a fresh covariance, and has no schedule"


def _number(loss: float | None) -> float:
    return math.nan if loss is None else loss
