"""Engines: implementations of the updates of a run, selected by `train.engine`.

| engine | gradient × order of the rows | the updates are computed by |
|---|---|---|
| closed_form | truncated × online | `freqjax.training.gradients.closed_form`: explicit formulas, in JAX |
| native | every pair but snap1 × online | `freqjax.training.gradients.native`: what takes longest, in C++ |
| autodiff | all | `freqjax.training.chunks`: any estimator, network and optimizer |

With native the Gauss-Newton steps of a curriculum linearise scans in C++
(`freqjax.training.gradients.native_bptt`), else in JAX. The updates of a filter (`optimizer.name` ekf) are
those of `freqjax.training.filter.block`, or with native of `freqjax.training.filter.native`.

All use the same state, so that one can continue where another stopped; their numbers agree up to rounding.
auto depends only on the config, never on what is built, so that a config has one result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import Network
from freqjax.tasks import Task
from freqjax.training import chunks
from freqjax.training.chunks import Chunk
from freqjax.training.filter import native as native_filter
from freqjax.training.filter import requirements
from freqjax.training.gradients import closed_form, native
from freqjax.training.optimizers import Schedule

# (network, task, config, schedule, number of groups) → the function of a stream's part.
MakeChunk = Callable[[Network, Task, Config, Schedule, int], Chunk]


class Engine(NamedTuple):
    """Implementation of the updates.

    Attributes:
      serves: the pairs of `train.gradient` and `train.regime` that it supports; None for all.
      why_not: (network, task, config) → why it does not support a run with such a pair, or None.
      make_chunk: makes the function of a chunk of updates.
    """

    serves: frozenset[tuple[str, str]] | None
    why_not: Callable[[Network, Task, Config], str | None]
    make_chunk: MakeChunk


class Choice(NamedTuple):
    """Engine of a run.

    Attributes:
      name: name of the engine.
      make_chunk: as in `Engine`.
      note: a sentence for the run to print at its start, or None.
    """

    name: str
    make_chunk: MakeChunk
    note: str | None


_ONLINE = frozenset({("truncated", "online")})
ENGINES = {
    "closed_form": Engine(_ONLINE, closed_form.why_not, closed_form.make_online_chunk),
    "native": Engine(frozenset(native.LOOPS), native.why_not, native.make_native_chunk),
    "autodiff": Engine(None, lambda network, task, config: None, chunks.make_chunk),
}


def choose(network: Network, task: Task, config: Config) -> Choice:
    """Choose the engine that `train.engine` names; for auto the closed form if possible, else autodiff.

    Raises:
      UserError: the engine is selected by name and does not support this run.
    """
    asked = config.train.engine
    if config.is_filter:  # whose trainer calls its own functions
        reason = native_filter.why_not(network) if asked == "native" else None
        if reason is not None:
            raise _refusal(asked, reason)
        note = requirements.slowness(network, task, config)
        return Choice("filter", ENGINES["autodiff"].make_chunk, note)
    name = "closed_form" if asked == "auto" else asked
    reason = why_not(name, network, task, config)
    if reason is None:
        return Choice(name, ENGINES[name].make_chunk, None)
    if asked != "auto":
        raise _refusal(asked, reason)
    reason = _continued(reason)
    slower = _serves(ENGINES[name], config)
    note = (
        f"train.engine auto takes autodiff, which is slower on the CPU: {reason}"
        if slower
        else None
    )
    return Choice("autodiff", ENGINES["autodiff"].make_chunk, note)


def why_not(name: str, network: Network, task: Task, config: Config) -> str | None:
    """Return the reason that the engine `name` does not support a run, as a sentence; None if it does."""
    engine, train = ENGINES[name], config.train
    if engine.serves is None or _serves(engine, config):
        return engine.why_not(network, task, config)
    pairs = ", ".join(f"{gradient} × {regime}" for gradient, regime in sorted(engine.serves))
    return (
        f"train.gradient × train.regime is {train.gradient_method} × {train.regime}: {name} computes "
        f"{pairs}."
    )


def _refusal(asked: str, reason: str) -> UserError:
    return UserError(f"train.engine is {asked}: {_continued(reason)}")


def _continued(sentence: str) -> str:
    """Return a sentence as one that goes on after a colon."""
    return sentence[0].lower() + sentence[1:]


def _serves(engine: Engine, config: Config) -> bool:
    """Return whether `engine` is one for the gradient and the order of the rows of `config` in particular."""
    pair = config.train.gradient_method, config.train.regime
    return engine.serves is not None and pair in engine.serves
