"""Devices of a training: the CPU for small updates of one sample, else the one on which JAX computes.

An update of one sample is many small operations, each of which an accelerator begins anew. With up to 128
units that takes longer than the operations themselves take on a CPU. Dense sensitivities are large, and so
are many replicas in one program: they fill an accelerator. The mini-batches of one run can be divided over
several devices (`freqjax.training.division`), also over those of several processes:

| `train.regime` | `train.streams` | an update divides |
|---|---|---|
| examples | any | whole sequences of a shuffled mini-batch |
| windows | any | windows of a shuffled mini-batch |
| full, tbptt | parallel | the blocks, which run side by side |
| full, tbptt | sequential | nothing: it computes one stream, sample after sample |
| online | any | nothing: the devices would wait for each other after every sample |

Gauss-Newton steps (`curriculum.first_horizon`) are computed on one device.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jax

from freqjax.config.sections import Config
from freqjax.system import devices

# Units up to which it is so.
_SMALL = 128


def placed(config: Config, say: Callable[[str], None]) -> contextlib.AbstractContextManager[None]:
    """Return the context in which to train `config`; `say` gets a line if it leaves an accelerator idle."""
    note = idle(config)
    if note is None:
        return contextlib.nullcontext()
    say(note)
    return jax.default_device(local(config)[0])


def local(config: Config) -> list[Any]:
    """Return the devices of this process on which to train replicas of `config`, one on each."""
    if idle(config) is None:
        return jax.local_devices()
    return jax.local_devices(backend="cpu")


def sharing(config: Config) -> list[Any]:
    """Return the devices that share each mini-batch of one run of `config`, those of a process side by side.

    Those of one process are its accelerators, or as many CPU devices as `run.cpu_devices` says. If nothing
    can be divided, or a caller has chosen a device, it is that on which JAX computes.
    """
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    if undivided(config) is not None or chosen is not None:
        return [devices.default()]
    if jax.process_count() > 1:
        return sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    found = jax.local_devices()
    return found[: config.run.cpu_devices or 1] if devices.on_cpu() else found


def undivided(config: Config) -> str | None:
    """Return why processes cannot share the updates of `config`, as a sentence; None if they can."""
    train = config.train
    if train.regime == "online":
        return (
            "train.regime is online: it must be examples, windows, or full or tbptt with "
            "train.streams=parallel, where run.coordinator is set, since processes would wait for each other "
            "after every sample."
        )
    if config.is_curriculum:
        return (
            f"curriculum.first_horizon is {config.curriculum.first_horizon:g}: it must be none where "
            "run.coordinator is set, since Gauss-Newton steps are computed by one device."
        )
    if train.regime in ("full", "tbptt") and train.streams == "sequential":
        return (
            "train.streams is sequential: it must be parallel where run.coordinator is set and train.regime "
            f"is {train.regime}, since one stream is computed sample after sample."
        )
    return None


def idle(config: Config) -> str | None:
    """Return a line that says which accelerator training `config` leaves idle; None if it leaves none."""
    if not _is_small(config) or devices.is_chosen() or devices.on_cpu():
        return None
    return (
        f"device: cpu, since an update of one sample takes less time there than on the "
        f"{devices.default().platform}; --device or JAX_PLATFORMS can choose another one"
    )


def _is_small(config: Config) -> bool:
    """Return whether a CPU makes the updates of `config` faster than an accelerator begins them."""
    train, network = config.train, config.network
    dense = train.gradient_method == "rtrl" and network.has_layers and network.recurrence == "dense"
    alone = train.regime == "online" and train.streams == "sequential"
    return alone and network.hidden_size <= _SMALL and not dense
