"""Jobs of training updates on mini-batches of sequences, by freqjax and by PyTorch.

A unit is an update: forward, backward, clipping by the global norm and Adam. Both engines begin at the same
weights and read the same batches, which lie on the device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.bptt_jobs import has_cuda
from benchmarks.contenders import Absent, Contender, cores, repeated, timed
from benchmarks.online_jobs import native_missing, pytorch_missing, thread_counts
from freqjax import Config
from freqjax.networks import Network
from freqjax.networks.network import Params
from freqjax.tasks import Task
from freqjax.training.chunks import Chunk
from freqjax.training.gradients import engines, native_bptt
from freqjax.training.optimizers import make_schedule
from freqjax.training.streams import Stream
from freqjax.training.update import TrainState, state_of

# A device of PyTorch → a function that works on a batch, by its number: an update returns its loss.
MakeWork = Callable[[str], Callable[[int], Any]]


class Updates(NamedTuple):
    """Training updates of a network on fixed batches.

    Attributes:
      network, task, config: as in a run.
      params: initial weights.
      stream: batches of U updates.
      pytorch: makes the same update in PyTorch; batches are counted from 0.
    """

    network: Network
    task: Task
    config: Config
    params: Params
    stream: Stream
    pytorch: MakeWork

    def contenders(self, platform: str) -> list[Contender | Absent]:
        """Prepare all engines; a run does U updates."""
        units = len(self.stream.inputs)
        return [
            self._freqjax(),
            *self._native(platform),
            *in_pytorch(self.pytorch, units, platform),
        ]

    def _native(self, platform: str) -> list[Contender | Absent]:
        """Prepare train.engine=native, if it supports the network."""
        if native_bptt.why_not(self.network, self.task, self.config) is not None:
            return []
        missing = native_missing(platform)
        if missing is not None:
            return [missing]
        train = dataclasses.replace(self.config.train, engine="native")
        native = self._replace(config=dataclasses.replace(self.config, train=train))
        return [native._freqjax()._replace(engine="native")]

    def begin(self) -> tuple[Chunk, TrainState]:
        """Prepare U updates in one program, as a run trains, and the state before them; it is donated."""
        schedule = make_schedule(self.config.optimizer, 1000, 1000)
        chosen = engines.choose(self.network, self.task, self.config)
        chunk = chosen.make_chunk(
            self.network, self.task, self.config, schedule, len(self.task.group_names)
        )
        # The weights are for the other engine too: they must not be donated.
        params = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), self.params)
        streams = self.stream.inputs.shape[2]
        state = state_of(self.network, self.task, self.config, params, streams)
        return jax.jit(chunk, donate_argnums=0), state

    def _freqjax(self) -> Contender:
        compiled, state = self.begin()
        stream = jax.device_put(self.stream)

        def work() -> None:
            nonlocal state
            state, _ = jax.block_until_ready(compiled(state, stream))

        return Contender("freqjax", timed(work, len(stream.inputs)), cores())


def in_pytorch(
    make: MakeWork, calls: int, platform: str, each: int = 1
) -> list[Contender | Absent]:
    """Prepare PyTorch on the platform, or say why it is not there.

    Args:
      make: makes the work.
      calls: how often a run does it, with 0, 1, ….
      platform: cpu or gpu.
      each: units of a call.
    """
    if platform == "gpu" and has_cuda():
        return [_on("cuda", 1, make, calls, each)]
    missing = pytorch_missing(platform)
    if missing is not None:
        return [missing]
    return [_on("cpu", threads, make, calls, each) for threads in thread_counts(2)]


def _on(device: str, threads: int, make: MakeWork, calls: int, each: int) -> Contender:
    import torch  # an optional dependency

    # Products as precise as those of freqjax.
    torch.backends.cudnn.allow_tf32 = False
    call = make(device)

    def work(number: int) -> None:
        torch.set_num_threads(threads)
        call(number)
        if device == "cuda" and number == calls - 1:
            torch.cuda.synchronize()

    run = repeated(work, calls)
    return Contender("pytorch", lambda: run() / each, threads)


def torch_update(
    loss: Callable[[int], Any], parameters: Sequence[Any], optimizer: Any, clip: float
) -> Callable[[int], Any]:
    """Make the function of an update in PyTorch: forward, backward, clipping by the global norm, a step.

    Args:
      loss: of a batch, by its number.
      parameters: that are trained.
      optimizer: of them.
      clip: largest norm of a gradient.
    """
    from torch.nn.utils import clip_grad_norm_  # an optional dependency

    def update(number: int) -> Any:
        found = loss(number)
        optimizer.zero_grad()
        found.backward()
        clip_grad_norm_(parameters, clip, foreach=True)
        optimizer.step()
        return found.detach()

    return update
