"""Trainers: the part of training on the host, which dispatches chunks of updates and ends epochs."""

from __future__ import annotations

import time
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from freqjax import progress
from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.networks.network import Params
from freqjax.tasks import Sequences, Task
from freqjax.training import placement
from freqjax.training.chunks import layer_names
from freqjax.training.division import Division
from freqjax.training.epochs import EpochResult, UpdateLog
from freqjax.training.gradients import engines
from freqjax.training.jitted import Jitted
from freqjax.training.optimizers import make_direction, make_schedule
from freqjax.training.seeds import initial_key, with_seed
from freqjax.training.sources import batch_field, make_source
from freqjax.training.streams import Stream
from freqjax.training.update import TrainState, state_of


@runtime_checkable
class Trainer(Protocol):
    """Training in pieces of about a second, between which it can be saved.

    Attributes:
      epoch: completed epochs.
      step: updates made.
      share: share of the present epoch that is done, at least 0 and below 1.
      params: present parameters.
      distinct_rows: number of distinct rows seen so far if noise is fresh; None if the rows are fixed.
    """

    @property
    def epoch(self) -> int: ...

    @property
    def step(self) -> int: ...

    @property
    def share(self) -> float: ...

    @property
    def params(self) -> Params: ...

    @property
    def distinct_rows(self) -> int | None: ...

    def advance(self) -> EpochResult | None:
        """Train for one piece; return the result of the epoch if the piece completes one."""
        ...

    def device_state(self) -> Any:
        """Return all arrays that a resume needs except the parameters."""
        ...

    def host_state(self) -> dict[str, Any]:
        """Return everything else that a resume needs, ready for JSON, including `epoch` and `step`."""
        ...

    def restore(self, params: Params, device_state: Any, host_state: dict[str, Any]) -> None:
        """Continue from a checkpoint of `params`, `device_state` and `host_state`."""
        ...

    def refresh_optimizer(self) -> str:
        """Restart the schedule at this step, and return a description of the effect."""
        ...


class StreamTrainer:
    """Trainer of stochastic gradients: epochs over the rows of a source, chunk by jitted chunk.

    Attributes:
      note: a line that says how mini-batches are divided over devices, or None.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        config: Config,
        train_rows: Sequences,
        params: Params | None = None,
        jitted: Jitted | None = None,
    ) -> None:
        """Create state and source; nothing is compiled yet.

        `params` are the initial weights; None for those of `train.seed`. `jitted` are functions shared with
        trainers of other seeds; None for its own.
        """
        jitted = jitted or Jitted()
        self._config, self._task = config, task
        self._source = make_source(task, config, train_rows, jitted=jitted)
        updates = self._source.updates
        schedule = make_schedule(config.optimizer, config.train.epochs * updates, updates)
        make_chunk = engines.choose(network, task, config).make_chunk
        self._division = Division(
            placement.sharing(config), self._source.streams, batch_field(config)
        )
        self.note = self._division.note
        self._seed = self._division.everywhere(jnp.asarray(config.train.seed, jnp.uint32))

        def chunk(state: TrainState, stream: Stream, seed: jax.Array) -> Any:
            mine = with_seed(config, seed)
            return make_chunk(network, task, mine, schedule, len(task.group_names))(state, stream)

        self._chunk = jitted.get("chunk", lambda: self._division.jit(chunk))
        self._compiled: dict[int, Any] = {}
        if params is None:
            params = network.init(initial_key(config.train.seed))
        else:
            params = jax.tree.map(jnp.copy, params)  # an update donates its state's arrays
        state = state_of(network, task, config, params, self._source.streams)
        self._state = self._division.everywhere(state)
        self._layers = layer_names(self._state.params)
        self._log = UpdateLog.begin(config.optimizer)
        self._next_chunk = 0

    @property
    def epoch(self) -> int:
        """Completed epochs."""
        return self._log.epoch

    @property
    def step(self) -> int:
        """Updates made."""
        return self._log.step

    @property
    def share(self) -> float:
        """Share of the present epoch that is done."""
        return self._next_chunk / len(self._source.bounds)

    @property
    def params(self) -> Params:
        """Present parameters."""
        return self._division.local(self._state.params)

    @property
    def distinct_rows(self) -> int | None:
        """Number of rows drawn so far if noise is fresh; None if the rows are fixed."""
        return self._source.rows_drawn(self.epoch, self._next_chunk)

    def advance(self) -> EpochResult | None:
        """Run one chunk of updates."""
        part = self._division.rows(self._source.part(self.epoch, self._next_chunk))
        updates = part.inputs.shape[0]
        if updates not in self._compiled:
            with progress.phase("compiling"):
                lowered = self._chunk.lower(self._state, part, self._seed)
                self._compiled[updates] = lowered.compile()
        began = time.perf_counter()
        self._state, info = self._compiled[updates](self._state, part, self._seed)
        info = jax.device_get(self._division.local(info))
        self._log.add(info, updates, time.perf_counter() - began)
        self._next_chunk += 1
        if self._next_chunk < len(self._source.bounds):
            return None
        self._next_chunk = 0
        result = self._log.end_epoch(self._task, self._config.optimizer, self._layers)
        if self._config.optimizer.schedule == "plateau":
            scale = self._division.everywhere(jnp.asarray(self._log.plateau.scale, jnp.float32))
            self._state = self._state._replace(rate_scale=scale)
        return result

    def device_state(self) -> Any:
        """Return the train state without its parameters."""
        return self._division.local(self._state._replace(params=None))

    def host_state(self) -> dict[str, Any]:
        """Return the log of the updates and the position in the epoch."""
        return self._log.to_json() | {"next_chunk": self._next_chunk}

    def restore(self, params: Params, device_state: Any, host_state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self._state = self._division.everywhere(device_state._replace(params=params))
        self._log = UpdateLog.from_json(host_state, self._config.optimizer)
        self._next_chunk = host_state["next_chunk"]

    def refresh_optimizer(self) -> str:
        """Restart the schedule at this step and reset the plateau.

        The moments are kept if the rule has the same ones.
        """
        state = self._division.local(self._state)
        fresh = make_direction(self._config.optimizer).init(state.params)
        kept = jax.tree.structure(fresh) == jax.tree.structure(state.opt_state)
        state = state._replace(
            opt_state=state.opt_state if kept else fresh,
            schedule_start=jnp.asarray(self.step, jnp.int32),
            rate_scale=jnp.ones((), jnp.float32),
        )
        self._state = self._division.everywhere(state)
        self._log.forget_plateau()
        moments = "the moments so far" if kept else "fresh moments"
        return f"the schedule starts anew here, with {moments}"
