"""The host's side of training: chunks dispatched one after another, epochs summed up from them."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from freqjax.config.sections import Config
from freqjax.networks import Network
from freqjax.tasks import Sequences, Task
from freqjax.training import monitors
from freqjax.training.gradients import engines
from freqjax.training.monitors import Totals
from freqjax.training.optimizers import Plateau, make_direction, make_schedule
from freqjax.training.sources import make_source
from freqjax.training.update import init_state, layer_names


class EpochResult(NamedTuple):
    """What an epoch leaves: its row of metrics.jsonl, its loss as it is, and its alerts."""

    row: dict[str, Any]
    loss: float
    alerts: list[str]


@runtime_checkable
class Trainer(Protocol):
    """What an experiment drives: work in pieces of a second or so, between which it can be saved.

    Attributes:
      epoch: epochs done.
      step: updates made.
      params: parameters as they are now.
      distinct_rows: how many different rows training has seen, where its noise is drawn afresh.
    """

    epoch: int
    step: int

    @property
    def params(self) -> Any: ...

    @property
    def distinct_rows(self) -> int | None: ...

    def advance(self) -> EpochResult | None:
        """Do one piece of work; the result of the epoch where the piece completes one."""
        ...

    def device_state(self) -> Any:
        """All arrays but the parameters that a resume needs."""
        ...

    def host_state(self) -> dict[str, Any]:
        """All else that a resume needs, as JSON."""
        ...

    def restore(self, params: Any, device_state: Any, host_state: dict[str, Any]) -> None:
        """Go on from what `params`, `device_state` and `host_state` were."""
        ...

    def refresh_optimizer(self) -> str:
        """Begin the schedule anew from here, and say what that meant."""
        ...


def initial_key(seed: int) -> jax.Array:
    """The key of the initial weights of a run with `train.seed`."""
    return jax.random.fold_in(jax.random.key(seed), 0)


class StreamTrainer:
    """Epochs over the rows of a source in one of the regimes of `freqjax.training.update`."""

    def __init__(self, network: Network, task: Task, config: Config, train_rows: Sequences) -> None:
        """Prepare state and source; nothing is compiled yet."""
        self._config, self._task = config, task
        self._source = make_source(task, config, train_rows)
        updates = self._source.updates
        schedule = make_schedule(config.optimizer, config.train.epochs * updates, updates)
        engine = engines.choose(network, task, config)
        chunk = engine.make_chunk(network, task, config, schedule, len(task.group_names))
        self._chunk = jax.jit(chunk, donate_argnums=0)
        self._compiled: dict[int, Any] = {}
        self._state = init_state(
            network, config, initial_key(config.train.seed), self._source.streams
        )
        self._layers = layer_names(self._state.params)
        optimizer = config.optimizer
        self._plateau = Plateau(
            optimizer.plateau_factor, optimizer.plateau_patience, optimizer.plateau_min_delta
        )
        self._totals = Totals()
        self._losses: list[float] = []
        self._next_chunk = 0
        self.epoch = 0
        self.step = 0

    @property
    def params(self) -> Any:
        """Parameters as they are now."""
        return self._state.params

    @property
    def distinct_rows(self) -> int | None:
        """Rows drawn so far where noise is fresh; None where the rows are fixed."""
        return self._source.rows_drawn(self.epoch, self._next_chunk)

    def advance(self) -> EpochResult | None:
        """Run one chunk of updates."""
        part = self._source.part(self.epoch, self._next_chunk)
        updates = part.inputs.shape[0]
        if updates not in self._compiled:
            self._compiled[updates] = self._chunk.lower(self._state, part).compile()
        began = time.perf_counter()
        self._state, info = self._compiled[updates](self._state, part)
        info = jax.device_get(info)
        self._totals.add(info, self.step + 1, updates, time.perf_counter() - began)
        self.step += updates
        self._next_chunk += 1
        return self._end_epoch() if self._next_chunk == len(self._source.bounds) else None

    def _end_epoch(self) -> EpochResult:
        totals, self._totals = self._totals, Totals()
        self.epoch, self._next_chunk = self.epoch + 1, 0
        row = totals.row(self.epoch, self.step, self._task.group_label, self._layers)
        alerts = monitors.alerts(totals, self.step, self._layers, self._losses)
        self._losses = [*self._losses, totals.loss][-20:]
        if self._config.optimizer.schedule == "plateau":
            scale = jnp.asarray(self._plateau.observe(totals.loss), jnp.float32)
            self._state = self._state._replace(rate_scale=scale)
        return EpochResult(row, totals.loss, alerts)

    def device_state(self) -> Any:
        """The train state without its parameters."""
        return self._state._replace(params=None)

    def host_state(self) -> dict[str, Any]:
        """Counters, the epoch's sums so far, and the plateau's memory."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "next_chunk": self._next_chunk,
            "totals": dataclasses.asdict(self._totals),
            "losses": self._losses,
            "plateau": dataclasses.asdict(self._plateau),
        }

    def restore(self, params: Any, device_state: Any, host_state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._state = device_state._replace(params=params)
        self.epoch, self.step = host_state["epoch"], host_state["step"]
        self._next_chunk = host_state["next_chunk"]
        self._totals = Totals(**host_state["totals"])
        self._losses = host_state["losses"]
        memory = host_state["plateau"]
        for name in ("scale", "best", "waited"):
            setattr(self._plateau, name, memory[name])

    def refresh_optimizer(self) -> str:
        """Begin the schedule anew at this step and forget the plateau.

        The moments are kept where the rule has the same ones.
        """
        fresh = make_direction(self._config.optimizer).init(self._state.params)
        kept = jax.tree.structure(fresh) == jax.tree.structure(self._state.opt_state)
        self._state = self._state._replace(
            opt_state=self._state.opt_state if kept else fresh,
            schedule_start=jnp.asarray(self.step, jnp.int32),
            rate_scale=jnp.ones((), jnp.float32),
        )
        self._plateau = dataclasses.replace(self._plateau, scale=1.0, best=math.inf, waited=0)
        moments = "the moments so far" if kept else "fresh moments"
        return f"the schedule starts anew here, with {moments}"
