"""Which program makes the updates of a run, chosen by `train.engine`.

| engine | the updates are made by |
|---|---|
| closed_form | `freqjax.training.gradients.closed_form`: the online gradient written out, in JAX |
| autodiff | `freqjax.training.update`: any regime and any network |
| native | `freqjax.native`: the closed form in C++, where it has been built |

All take and give the same state, so that one may go on where another stopped; their numbers agree up to
rounding. auto goes by the setting alone, never by what is built, so that a config means one result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from freqjax import native
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import Network
from freqjax.tasks import Task
from freqjax.training import update as training
from freqjax.training.gradients import closed_form as online
from freqjax.training.optimizers import Schedule
from freqjax.training.update import Chunk


class Engine(NamedTuple):
    """One way to make updates.

    Attributes:
      why_not: (network, task, config) → why it does not serve them, as a sentence, or None.
      make_chunk: (network, task, config, schedule, groups) → the function of a stream's part.
    """

    why_not: Callable[[Network, Task, Config], str | None]
    make_chunk: Callable[[Network, Task, Config, Schedule, int], Chunk]


class Choice(NamedTuple):
    """The engine of a run.

    Attributes:
      name: of the engine.
      make_chunk: as that of `Engine`.
      note: what the run should say of it at its start, or None.
    """

    name: str
    make_chunk: Callable[[Network, Task, Config, Schedule, int], Chunk]
    note: str | None


ENGINES = {
    "closed_form": Engine(online.why_not, online.make_online_chunk),
    "autodiff": Engine(lambda network, task, config: None, training.make_chunk),
    "native": Engine(native.why_not, native.make_native_chunk),
}


def choose(network: Network, task: Task, config: Config) -> Choice:
    """The engine that `train.engine` names; of auto the closed form where it serves, else autodiff.

    Raises:
      UserError: the engine is asked for by name and does not serve this run.
    """
    asked = config.train.engine
    name = "closed_form" if asked == "auto" else asked
    reason = ENGINES[name].why_not(network, task, config)
    if reason is None:
        return Choice(name, ENGINES[name].make_chunk, None)
    reason = reason[0].lower() + reason[1:]
    if asked != "auto":
        raise UserError(f"train.engine is {asked}: {reason}")
    slower = config.train.regime == "online"
    note = f"train.engine auto takes autodiff, which is slower: {reason}" if slower else None
    return Choice("autodiff", ENGINES["autodiff"].make_chunk, note)
