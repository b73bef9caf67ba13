"""Connection of the processes that share a sweep or a run, from their meeting to their end."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax

from freqjax.config.sections import RunConfig
from freqjax.errors import UserError
from freqjax.processes import meeting
from freqjax.processes.exchange import PeerLost
from freqjax.processes.watch import Relay, Watch, end_with

# Timeouts for all processes to connect, for a heartbeat, and for all processes to shut down.
_MEETING_SECONDS = 300
_SILENCE_SECONDS = 120  # of JAX, which ends a process without a sentence: above that of the watch
_PARTING_SECONDS = 10
# How long the watch may take to name the process that a computation has found to be lost.
_NAMING_SECONDS = 1.0


class _Place(NamedTuple):
    """Address and numbers of the processes that meet.

    Attributes:
      address: HOST:PORT of process 0.
      count: how many there are.
      index: which of them this is.
      devices: the accelerators of this process; None for all, or for what JAX finds.
    """

    address: str
    count: int
    index: int
    devices: Sequence[int] | None = None


class _Shared:
    """State of the work that this process shares with others.

    Attributes:
      noun: a run or a sweep.
      watch: over the others; None before the meeting.
    """

    noun = "work"
    watch: Watch | None = None


def connect(config: RunConfig) -> None:
    """Connect to the other processes if the config names a coordinator; call this before JAX is used.

    The coordinator listens only at the address given. Processes that are connected stay so.

    Raises:
      UserError: fields that do not belong together, or no other process to connect to.
    """
    if not config.coordinator:
        for name in ("num_processes", "process_id"):
            if getattr(config, name) is not None:
                raise UserError(
                    f"run.{name} is {getattr(config, name)}: it goes with run.coordinator, which is empty."
                )
        return
    if config.coordinator != "auto":
        _require_whole(config)
    if jax.distributed.is_initialized():
        return
    try:
        place = _detected() if config.coordinator == "auto" else _given(config)
        if place is None:
            jax.distributed.initialize()
        else:
            _join(place)
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UserError(
            f"run.coordinator is {config.coordinator}: the processes did not meet ({reason})."
        ) from None


def _require_whole(config: RunConfig) -> None:
    host, _, port = config.coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"run.coordinator is {config.coordinator!r}: it must be HOST:PORT or auto.")
    if config.num_processes is None or config.process_id is None:
        missing = "num_processes" if config.num_processes is None else "process_id"
        raise UserError(f"run.{missing} is none: it must be given with run.coordinator.")
    if config.process_id >= config.num_processes:
        raise UserError(
            f"run.process_id is {config.process_id}: it must be below run.num_processes, "
            f"{config.num_processes}."
        )


def _given(config: RunConfig) -> _Place:
    assert config.num_processes is not None and config.process_id is not None
    return _Place(config.coordinator, config.num_processes, config.process_id)


def _detected() -> _Place | None:
    """Return what JAX knows of the cluster; None where it knows nothing, or tells it in another way.

    `jax.distributed.initialize` finds the same, but does not say so before it connects.
    """
    try:
        from jax._src.clusters import ClusterEnv

        find = ClusterEnv.auto_detect_unset_distributed_params
    except (ImportError, AttributeError):
        return None
    named = os.environ.get("JAX_COORDINATOR_ADDRESS")
    address, count, index, devices = find(named, None, None, None, None, _MEETING_SECONDS)
    if address is None or count is None or index is None:
        return None
    return _Place(address, count, index, devices)


def _join(place: _Place) -> None:
    """Meet the others, watch over them from then on, and let JAX connect.

    Raises:
      UserError: as `meeting.meet`.
      RuntimeError, ValueError: JAX cannot connect.
    """
    lines = meeting.meet(place.address, place.count, place.index, _MEETING_SECONDS)
    watch = _Shared.watch = Watch(lines, _say_lost)
    address = place.address
    if place.index:
        host, _, port = place.address.rpartition(":")
        address = Relay(host.strip("[]"), int(port), lambda: watch.needs(0)).address
    with warnings.catch_warnings():
        # JAX would ask for a package with which it finds what was found, or given, here.
        warnings.filterwarnings("ignore", message="Kubernetes environment detected")
        jax.distributed.initialize(
            address,
            place.count,
            place.index,
            place.devices,
            initialization_timeout=_MEETING_SECONDS,
            heartbeat_timeout_seconds=_SILENCE_SECONDS,
            shutdown_timeout_seconds=_PARTING_SECONDS,
            coordinator_bind_address=place.address,
        )


def _say_lost(number: int) -> None:
    if _Shared.watch is not None:
        _Shared.watch.tell(number)
    end_with(
        f"process {number} of this {_Shared.noun} was lost: start all of them again with --resume."
    )


@contextlib.contextmanager
def together(noun: str) -> Iterator[None]:
    """Do what the connected processes share, a run or a sweep, which is what `noun` says.

    If one of them is lost, the others exit with a sentence and exit code 2. So they do if this process ends
    with an error, except a UserError, which all of them have.
    """
    watch = _Shared.watch
    _Shared.noun = noun
    if watch is not None:
        watch.begin()
    try:
        yield
    except PeerLost as error:
        time.sleep(_NAMING_SECONDS)
        end_with(
            f"a process of this {noun} was lost ({error}): start all of them again with --resume."
        )
    except UserError:
        _part(watch)
        raise
    except BaseException:
        if watch is not None:
            watch.leave()
        raise
    _part(watch)


def _part(watch: Watch | None) -> None:
    if watch is not None:
        watch.part()
