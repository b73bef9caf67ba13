"""Which platform JAX runs on, and what a result must say of it. Import before anything uses JAX."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sys
from typing import Any

import jax

import freqjax
from freqjax.errors import UserError
from freqjax.system import apple, compiled, memory, processors

_PLATFORMS = {"cpu": "cpu", "gpu": "cuda", "tpu": "tpu"}
# What `select` was given, the last at the end.
_selected: list[str] = []


def select(name: str | None) -> None:
    """Make JAX use the platform `name` (cpu, gpu or tpu), or its own choice if `name` is None.

    On a GPU memory is taken as it is used, not whole in advance. Compiled programs are kept on disk: see
    `freqjax.system.compiled`. On a Mac its own choice is the GPU if a plugin for it is installed and works,
    else the CPU.

    Raises:
      UserError: an unknown name.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    compiled.keep()
    if name is not None and name not in _PLATFORMS:
        raise UserError(f"--device is {name!r}: it must be one of {', '.join(_PLATFORMS)}.")
    if name is not None:
        _selected.append(name)
        found = apple.gpu_platform() if name == "gpu" and sys.platform == "darwin" else None
        jax.config.update("jax_platforms", found or _PLATFORMS[name])
    elif sys.platform == "darwin" and not _chosen() and apple.gpu_platform() is None:
        # JAX would take a plugin that is there and fails.
        jax.config.update("jax_platforms", "cpu")


def require() -> None:
    """See that the platform that was selected is there. With this JAX runs, and its devices are settled.

    If nothing was selected, neither by `select` nor by $JAX_PLATFORMS, nothing is done.

    Raises:
      UserError: this machine or installation lacks it.
    """
    chosen = _chosen()
    if chosen in ("", "cpu"):  # of which there is always one
        return
    try:
        jax.devices()
    except (RuntimeError, AssertionError):  # the second is what JAX raises if no GPU can be seen
        said, remedy = f"JAX_PLATFORMS is {chosen}", "unset it"
        if _selected:
            said, remedy = f"--device is {_selected[-1]}", "leave --device out"
        raise UserError(
            f"{said}: JAX finds no such device here; {remedy} to use what it finds."
        ) from None


def _chosen() -> str:
    """Return the platforms that JAX was told to use, by `select` or the environment; else nothing."""
    return jax.config.jax_platforms or ""  # pyright: ignore[reportAttributeAccessIssue]


def use_cpu_cores(count: int | None) -> None:
    """Make JAX see `count` CPU devices, or one for each core of this process if it is None.

    If JAX runs already, its devices stay as they are.

    Raises:
      UserError: `count` is given, and JAX runs already with another number.
    """
    try:
        jax.config.update("jax_num_cpu_devices", count or processors.usable_cores())
    except RuntimeError:
        found = jax.local_device_count("cpu")
        if count not in (None, found):
            raise UserError(
                f"run.cpu_devices is {count}: JAX runs already, with {found} CPU devices."
            ) from None


def describe() -> str:
    """Return the default device in words, for a summary."""
    device = jax.devices()[0]
    return (
        f"{device.platform}: {device.device_kind}, {os.cpu_count()} CPU cores, {platform.machine()}"
    )


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    packages = {"jax": "jax", "flax": "flax", "optax": "optax", "orbax": "orbax-checkpoint"}
    found = {key: importlib.metadata.version(package) for key, package in packages.items()}
    return {
        **found,
        "python": platform.python_version(),
        "freqjax": freqjax.__version__,
    }


def peak_memory_mb() -> float | None:
    """Return the most memory this process has held, MB, or None if the system does not say.

    It is the accelerator's if there is one and it says, else the host's.
    """
    stats: dict[str, Any] | None = None
    with contextlib.suppress(
        jax.errors.JaxRuntimeError
    ):  # a plugin that does not know the question
        stats = jax.devices()[0].memory_stats()
    if stats and "peak_bytes_in_use" in stats:
        return stats["peak_bytes_in_use"] / 1e6
    return memory.peak_mb()
