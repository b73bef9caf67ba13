"""Which platform JAX runs on, and what a result must say of it. Import before anything uses JAX."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
from typing import Any

import jax

from freqjax.errors import UserError
from freqjax.system import compiled

_PLATFORMS = {"cpu": "cpu", "gpu": "cuda", "tpu": "tpu"}


def select(name: str | None) -> None:
    """Make JAX use the platform `name` (cpu, gpu or tpu), or its own choice where `name` is None.

    On a GPU memory is taken as it is used, not whole in advance. Compiled programs are kept on disk: see
    `freqjax.system.compiled`.

    Raises:
      UserError: an unknown name.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    compiled.keep()
    if name is None:
        return
    if name not in _PLATFORMS:
        raise UserError(f"--device is {name!r}: it must be one of {', '.join(_PLATFORMS)}.")
    jax.config.update("jax_platforms", _PLATFORMS[name])


def require(name: str | None) -> None:
    """See that the platform that was selected is there. With this JAX runs, and its devices are settled.

    Raises:
      UserError: this machine or installation lacks it.
    """
    if name in (None, "cpu"):  # of which there is always one
        return
    try:
        jax.devices()
    except (RuntimeError, AssertionError):  # the second is how JAX puts it where no GPU can be seen
        raise UserError(
            f"--device is {name}: JAX finds no such device here; leave --device out to use what it finds."
        ) from None


def use_cpu_cores(count: int | None) -> None:
    """Make JAX see `count` CPU devices, or one a core of this process where it is None.

    Where JAX runs already its devices stay as they are.

    Raises:
      UserError: `count` is given, and JAX runs already with another number.
    """
    try:
        jax.config.update("jax_num_cpu_devices", count or len(os.sched_getaffinity(0)))
    except RuntimeError:
        found = jax.local_device_count("cpu")
        if count not in (None, found):
            raise UserError(
                f"run.cpu_devices is {count}: JAX runs already, with {found} CPU devices."
            ) from None


def describe() -> str:
    """The default device in words, for a summary."""
    device = jax.devices()[0]
    return (
        f"{device.platform}: {device.device_kind}, {os.cpu_count()} CPU cores, {platform.machine()}"
    )


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = {"jax": "jax", "flax": "flax", "optax": "optax", "orbax": "orbax-checkpoint"}
    found = {key: importlib.metadata.version(package) for key, package in packages.items()}
    return {
        **found,
        "python": platform.python_version(),
        "freqjax": importlib.metadata.version("freqjax"),
    }


def peak_memory_mb() -> float:
    """The most memory this process has held, MB: on the accelerator if there is one, else on the host."""
    stats: dict[str, Any] | None = jax.devices()[0].memory_stats()
    if stats and "peak_bytes_in_use" in stats:
        return stats["peak_bytes_in_use"] / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
