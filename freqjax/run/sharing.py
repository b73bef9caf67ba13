"""A run that several processes train: process 0 leads, the others follow its orders.

All processes read the data and compute every update, each with its own part of the mini-batch
(`freqjax.training.division`). Only the lead evaluates, decides, reads and writes files, and prints. Between
updates it gives an order, which is exchanged for the signals that the others have received:

    begin      take the state of the training from the lead
    advance    compute the next updates
    end        nothing is left to do; with the sentence of an error if there is one
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from freqjax import progress
from freqjax.checkpoints.records import data_hashes
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.processes import exchange, identity
from freqjax.run.ending import Outcome
from freqjax.run.interrupts import Interrupts
from freqjax.system import files, output
from freqjax.training import division, footprint, placement, sources
from freqjax.training.epochs import EpochResult
from freqjax.training.prepared import Prepared
from freqjax.training.regimes import make_trainer
from freqjax.training.trainers import Trainer

Made = TypeVar("Made")


def require_possible(config: Config) -> None:
    """Require that processes can share the run of `config`, if it is to be shared.

    Raises:
      UserError: they cannot; a sentence that says why, and what can be shared.
    """
    if not config.run.coordinator:
        return
    reason = placement.undivided(config)
    if reason is None and config.train.escalate:
        reason = (
            f"train.escalate is {', '.join(map(str, config.train.escalate))}: it must be empty where "
            "run.coordinator is set, which is for one run."
        )
    if reason is not None:
        raise UserError(reason)


def prepare(make: Callable[[], Made]) -> Made:
    """Read and check all data by calling `make` on every process; nothing is written.

    Raises:
      UserError: one of them cannot; the same on all.
    """
    return make() if exchange.count() == 1 else exchange.on_all(make)


def require_agreement(prepared: Prepared) -> None:
    """Require that all processes have the same config and data, and equally many sequences to compute.

    Raises:
      UserError: they have not; the same on all.
    """
    config, processes = prepared.config, exchange.count()
    if processes == 1:
        return
    identity.require_same_config(config)
    identity.require_same_data(data_hashes([config]))
    division.require_even(sources.side_by_side(config, prepared.train_rows), processes)


class Lead:
    """Lead of a run, which may be alone: it trains with the others, and ends with them.

    Attributes:
      interrupts: the signals of this process; one that another has received is put here.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        """Lead the processes that are connected."""
        self.interrupts = interrupts
        self._alone, self._begun = exchange.count() == 1, False

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which a signal ends the work at once, if no others wait for this process."""
        return self.interrupts.acting() if self._alone else contextlib.nullcontext()

    def advance(self, trainer: Trainer) -> EpochResult | None:
        """Let all processes train for one piece, from the state of `trainer` if it is the first one.

        Raises:
          PeerLost: one of them no longer responds.
        """
        if self._alone:
            return trainer.advance()
        if not self._begun:
            self._order("begin", state=trainer.host_state())
            exchange.arrays_from_lead((trainer.params, trainer.device_state()))
            self._begun = True
        self._order("advance")
        with exchange.computing():
            return trainer.advance()

    def lead(self, work: Callable[[], Outcome]) -> Outcome:
        """Do the work of the lead, and tell the others when it is done, or why it cannot be."""
        if self._alone:
            return work()
        try:
            outcome = work()
        except (UserError, OSError) as error:
            why = str(error) if isinstance(error, UserError) else f"{files.reason(error)}."
            self._order("end", error=f"process 0 cannot go on: {why}", signum=None)
            raise
        self._order("end", error=None, signum=outcome.signum)
        return outcome

    def _order(self, order: str, **more: Any) -> None:
        told = exchange.gather({"order": order, **more})
        signals = [other["signum"] for other in told[1:] if other["signum"] is not None]
        if signals and self.interrupts.signum is None:
            self.interrupts.signum = signals[0]


def follow(config: Config, interrupts: Interrupts) -> Outcome:
    """Train as the lead orders; return an outcome without a summary, which is the lead's.

    Raises:
      UserError: the data cannot be used, the processes differ, or the lead cannot go on.
      PeerLost: a process no longer responds.
    """
    with output.silent(), progress.reporting_to(None):
        trainer = _trainer_of(config)
        while True:
            order = exchange.gather({"signum": interrupts.signum})[0]
            if order["order"] == "end":
                break
            _OBEY[order["order"]](trainer, order)
    if order["error"] is not None:
        raise UserError(order["error"])
    return Outcome({}, order["signum"])


def _trainer_of(config: Config) -> Trainer:
    """Read the data and make a trainer, with the weights of `train.seed` until the lead sends others."""

    def read() -> Prepared:
        prepared = Prepared(config)
        footprint.require(prepared)
        return prepared

    prepared = prepare(read)
    require_agreement(prepared)
    rows, forward = prepared.train_rows, prepared.forward
    return make_trainer(prepared.network, prepared.task, config, rows, forward)


def _begin(trainer: Trainer, order: dict[str, Any]) -> None:
    own = trainer.params, trainer.device_state()
    trainer.restore(*exchange.arrays_from_lead(own), order["state"])


def _advance(trainer: Trainer, order: dict[str, Any]) -> None:
    del order
    with exchange.computing():
        trainer.advance()


_OBEY = {"begin": _begin, "advance": _advance}
