"""Synchronous successive halving: at every rung the better replicas of a sweep go on, and the others stop.

With η = `sweep.halving` and r = `sweep.first_rung` there is a rung after r ηᵏ epochs, k = 0, 1, …, while that
is below `train.epochs`. Of the n replicas that still train there,

    ⌈n / η⌉ go on, those with the lowest frozen loss so far

which is Algorithm 1 of Jamieson and Talwalkar (2016), "Non-stochastic Best Arm Identification and
Hyperparameter Optimization", with the factor η and the rungs of a bracket of Hyperband (Li et al., 2018,
Algorithm 1), whose n is rounded down. The loss is the one by which a replica keeps its weights and the sweep
chooses the best of its replicas: of validation rows, or of training rows if there are none, never of test
rows. All replicas of the sweep are compared, whatever program or process they are trained in; those that
another rule has stopped are not among the n. A loss that is not known is the worst, and of equal losses that
of the earlier replica is better.

A decision is saved in halving.json before it is acted upon, so that a resume takes none a second time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from freqjax.config.sections import Config, SweepConfig
from freqjax.errors import UserError
from freqjax.processes import exchange
from freqjax.run.workdir import Workdir
from freqjax.sweep.axes import Replica
from freqjax.sweep.logs import ReplicaLog
from freqjax.sweep.results import HALVED

FILE = "halving.json"


class Standing(NamedTuple):
    """Standing of a replica at a rung.

    Attributes:
      replica: its index.
      loss: its lowest frozen loss so far; None if none is known.
      trains: whether no rule has stopped it.
    """

    replica: int
    loss: float | None
    trains: bool

    @staticmethod
    def of(log: ReplicaLog) -> Standing:
        """Return the standing of the replica with `log`."""
        return Standing(log.replica.index, log.stopping.best_frozen, log.is_active)


class Decision(NamedTuple):
    """Decision at a rung.

    Attributes:
      epoch: completed epochs of the replicas that it is about.
      kept: the replicas that go on, in the order of their indices.
      halved: those that stop.
    """

    epoch: int
    kept: list[int]
    halved: list[int]

    @property
    def words(self) -> str:
        """The decision as a line of text."""
        count = len(self.kept) + len(self.halved)
        return f"rung at epoch {self.epoch}: {len(self.kept)} of {count} replicas go on"


def is_on(sweep: SweepConfig) -> bool:
    """Return whether a sweep has rungs."""
    return sweep.halving > 1


def rungs(sweep: SweepConfig, epochs: int) -> list[int]:
    """Return the epochs of the rungs r ηᵏ below `epochs`, ascending."""
    found: list[int] = []
    epoch = sweep.first_rung
    while is_on(sweep) and epoch < epochs:
        found.append(epoch)
        epoch *= sweep.halving
    return found


def decide(epoch: int, standings: Sequence[Standing], factor: int) -> Decision:
    """Keep the best ⌈n / factor⌉ of the n replicas that still train, at least one if there is any."""
    running = [standing for standing in standings if standing.trains]
    ranked = [standing.replica for standing in sorted(running, key=_rank)]
    count = -(-len(ranked) // factor)
    return Decision(epoch, sorted(ranked[:count]), sorted(ranked[count:]))


def _rank(standing: Standing) -> tuple[float, int]:
    loss = standing.loss
    return math.inf if loss is None or math.isnan(loss) else loss, standing.replica


def require(config: Config, members: Sequence[Replica]) -> None:
    """Require that every replica can be judged at the rungs, and that there is a rung.

    Raises:
      UserError: there is none, or a replica is not evaluated at them.
    """
    sweep = config.sweep
    if not is_on(sweep):
        return
    longest = max(member.config.train.epochs for member in members)
    if sweep.first_rung >= longest:
        raise UserError(
            f"sweep.first_rung is {sweep.first_rung}: it must be below train.epochs, {longest}, where "
            f"sweep.halving is {sweep.halving}."
        )
    for every in (member.config.train.evaluate_every for member in members):
        if every == 0:
            raise UserError(
                f"train.evaluate_every is 0: it must be at least 1 where sweep.halving is {sweep.halving}, "
                "which goes by the frozen loss."
            )
        if sweep.first_rung % every:
            raise UserError(
                f"sweep.first_rung is {sweep.first_rung}: it must be a multiple of train.evaluate_every, "
                f"{every}, since replicas are compared by a frozen loss at every rung."
            )


class Rungs:
    """Rungs of a sweep and the decisions that were taken there, the same on every process.

    Attributes:
      epochs: of the rungs, ascending.
      decisions: one for each rung that a replica has reached.
    """

    def __init__(self, config: Config, members: Sequence[Replica], folder: Workdir | None) -> None:
        """Read the decisions that were taken before; `folder` is None unless this process is the lead.

        Raises:
          UserError: their file is damaged.
        """
        self._factor, self._folder = config.sweep.halving, folder
        longest = max(member.config.train.epochs for member in members)
        self.epochs = rungs(config.sweep, longest)
        saved = exchange.from_lead(lambda: _read(folder)) if self.epochs else []
        self.decisions = [Decision(*values) for values in saved]

    def at(self, epoch: int, logs: Sequence[ReplicaLog]) -> Decision:
        """Return the decision at a rung; take and save it if it is not taken yet.

        Args:
          epoch: of the rung, which all replicas that still train have completed.
          logs: of the replicas of this process.
        """
        for decision in self.decisions:
            if decision.epoch == epoch:
                return decision
        exchange.on_all(lambda: _require_undecided(epoch, logs))
        own = [list(Standing.of(log)) for log in logs]
        standings = [Standing(*values) for values in exchange.gather_lists(own)]
        decision = decide(epoch, standings, self._factor)
        if decision.kept:  # else all replicas have stopped by themselves
            self.decisions.append(decision)
            exchange.on_all(self._write)
        return decision

    def to_json(self) -> list[dict[str, Any]]:
        """Return the decisions as they are written to sweep.json."""
        return [decision._asdict() for decision in self.decisions]

    def _write(self) -> None:
        if self._folder is not None:
            self._folder.write_json(FILE, {"rungs": self.to_json()})


def _require_undecided(epoch: int, logs: Sequence[ReplicaLog]) -> None:
    """Require that no replica is beyond a rung whose decision is not known.

    It would be taken from later losses.

    Raises:
      UserError: one is.
    """
    for log in logs:
        went_on = log.is_active and log.updates.epoch > epoch
        if went_on or (log.stopping.reason == HALVED and log.updates.epoch == epoch):
            raise UserError(
                f"{FILE} lacks the decision at epoch {epoch}, after which replica {log.replica.index} was "
                "saved: the sweep must be started anew in another folder."
            )


def _read(folder: Workdir | None) -> list[list[Any]]:
    """Return the fields of each decision in the file of `folder`, which need not be there."""
    saved = folder.read_json(FILE) if folder is not None else None
    if saved is None:
        return []
    try:
        found = [Decision(**values) for values in saved["rungs"]]
        if not all(_is_whole([d.epoch, *d.kept, *d.halved]) for d in found):
            raise TypeError("epochs and replicas must be whole numbers")
    except (LookupError, TypeError) as error:
        raise UserError(
            f"{FILE} holds no decisions of a sweep ({error}): the sweep must be started anew in another "
            "folder."
        ) from None
    return [list(decision) for decision in found]


def _is_whole(values: Sequence[Any]) -> bool:
    return all(type(value) is int for value in values)
