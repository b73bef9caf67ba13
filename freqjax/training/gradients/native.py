"""The engine native: which loop in C++ makes the updates of which gradient and order of the rows.

| gradient × order of the rows | module |
|---|---|
| truncated × online | `freqjax.training.gradients.native_online`: all of an update |
| rtrl × online | `freqjax.training.gradients.native_rtrl`: the sensitivities |
| truncated × tbptt; full × all others | `freqjax.training.gradients.native_bptt`: the scans of LSTMs |

The loops are built once a machine (`freqjax.native`) and run on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from freqjax.config.sections import Config
from freqjax.native import library
from freqjax.networks import Network
from freqjax.tasks import Task
from freqjax.training.chunks import Chunk
from freqjax.training.gradients import native_bptt, native_online, native_rtrl
from freqjax.training.optimizers import Schedule


class Loop(NamedTuple):
    """Loop for some pairs of a gradient and an order of the rows.

    Attributes:
      why_not: (network, task, config) → why it does not support a run, as a sentence, or None.
      make_chunk: (network, task, config, schedule, number of groups) → the function of a chunk of updates.
    """

    why_not: Callable[[Network, Task, Config], str | None]
    make_chunk: Callable[[Network, Task, Config, Schedule, int], Chunk]


_ONLINE = Loop(native_online.why_not, native_online.make_native_chunk)
_RTRL = Loop(native_rtrl.why_not, native_rtrl.make_native_chunk)
_BPTT = Loop(native_bptt.why_not, native_bptt.make_native_chunk)
# By train.gradient and train.regime.
LOOPS = {
    ("truncated", "online"): _ONLINE,
    ("rtrl", "online"): _RTRL,
    ("truncated", "tbptt"): _BPTT,
    ("full", "full"): _BPTT,
    ("full", "windows"): _BPTT,
    ("full", "examples"): _BPTT,
}


def why_not(network: Network, task: Task, config: Config) -> str | None:
    """Return the reason that no loop supports a run with one of these pairs, as a sentence, or None."""
    return _loop(config).why_not(network, task, config) or library.why_not()


def make_native_chunk(
    network: Network, task: Task, config: Config, schedule: Schedule, groups: int
) -> Chunk:
    """Make the chunk of a run for which `why_not` returns None; jit it, donate state.

    State, stream and info are those of `freqjax.training.chunks.make_chunk`.

    Raises:
      ValueError: `why_not` returns a reason, which is the message.
      UserError: the library cannot be loaded.
    """
    reason = why_not(network, task, config)
    if reason is not None:
        raise ValueError(reason)
    return _loop(config).make_chunk(network, task, config, schedule, groups)


def _loop(config: Config) -> Loop:
    return LOOPS[config.train.gradient_method, config.train.regime]
