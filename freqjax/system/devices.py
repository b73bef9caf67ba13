"""Selection and description of the platform that JAX runs on. Import it before JAX is used."""

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
    """Make JAX use the platform `name` (cpu, gpu or tpu), or the default if `name` is None.

    GPU memory is allocated on demand, not preallocated. Matrix products have the full precision of float32.
    Compiled programs are cached on disk: see `freqjax.system.compiled`. On a Mac the default is the GPU if a
    plugin for it is installed and works, else the CPU.

    Raises:
      UserError: an unknown name.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    compiled.keep()
    _use_full_precision()
    if name is not None and name not in _PLATFORMS:
        raise UserError(f"--device is {name!r}: it must be one of {', '.join(_PLATFORMS)}.")
    if name is not None:
        _selected.append(name)
        found = apple.gpu_platform() if name == "gpu" and sys.platform == "darwin" else None
        jax.config.update("jax_platforms", found or _PLATFORMS[name])
    elif sys.platform == "darwin" and not _chosen() and apple.gpu_platform() is None:
        # JAX would use an installed plugin even if it fails.
        jax.config.update("jax_platforms", "cpu")


def _use_full_precision() -> None:
    """Make matrix products of float32 as precise as float32; a precision that the user has set stays.

    By default a GPU rounds their factors to TF32, 11 bits, and a TPU to bfloat16, 8 bits: rotations drift
    within thousands of samples, and Gauss-Newton steps stop lowering the loss.
    """
    if jax.config.jax_default_matmul_precision is None:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_default_matmul_precision", "highest")


def default() -> Any:
    """Return the device on which JAX computes."""
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    return chosen if isinstance(chosen, jax.Device) else jax.local_devices()[0]


def on_cpu() -> bool:
    """Return whether JAX computes on the CPU, whose memory is the host's."""
    return default().platform == "cpu"


def require() -> None:
    """Check that the selected platform is available; this initialises JAX and fixes its devices.

    If nothing was selected, neither by `select` nor by $JAX_PLATFORMS, nothing is done.

    Raises:
      UserError: this machine or installation lacks the platform.
    """
    chosen = _chosen()
    if chosen in ("", "cpu"):  # always available
        return
    try:
        jax.devices()
    except (RuntimeError, AssertionError):  # JAX raises AssertionError if it finds no GPU
        said, remedy = f"JAX_PLATFORMS is {chosen}", "unset it"
        if _selected:
            said, remedy = f"--device is {_selected[-1]}", "leave --device out"
        raise UserError(
            f"{said}: JAX finds no such device here; {remedy} to use what it finds."
        ) from None


def is_chosen() -> bool:
    """Return whether a platform was selected, by `select` or by $JAX_PLATFORMS."""
    return bool(_chosen())


def _chosen() -> str:
    """Return the platforms selected by `select` or the environment; empty if there are none."""
    return jax.config.jax_platforms or ""  # pyright: ignore[reportAttributeAccessIssue]


def use_cpu_cores(count: int | None) -> None:
    """Make JAX see `count` CPU devices, or one for each core of this process if it is None.

    If JAX is already initialised, its devices do not change.

    Raises:
      UserError: `count` is given, and JAX is already initialised with another number.
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
    """Return a description of the default device, for a summary."""
    device = default()
    return (
        f"{device.platform}: {device.device_kind}, {os.cpu_count()} CPU cores, {platform.machine()}"
    )


def versions() -> dict[str, str]:
    """Return the versions of the packages that a result depends on."""
    packages = {"jax": "jax", "flax": "flax", "optax": "optax", "orbax": "orbax-checkpoint"}
    found = {key: importlib.metadata.version(package) for key, package in packages.items()}
    return {
        **found,
        "python": platform.python_version(),
        "freqjax": freqjax.__version__,
    }


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process, MB, or None if the system does not provide it.

    It is the accelerator's if that provides it, else the host's.
    """
    stats: dict[str, Any] | None = None
    with contextlib.suppress(jax.errors.JaxRuntimeError):  # a plugin without memory statistics
        stats = default().memory_stats()
    if stats and "peak_bytes_in_use" in stats:
        return stats["peak_bytes_in_use"] / 1e6
    return memory.peak_mb()
