"""Work of other threads on the device of this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax

_Result = TypeVar("_Result")


def on_this_device(work: Callable[..., _Result]) -> Callable[..., _Result]:
    """Return `work` for another thread, which runs on the default device of this one.

    `jax.default_device` is of one thread: without this, others would compile for JAX's first device.
    """
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]

    def run(*arguments: Any) -> _Result:
        with jax.default_device(device):
            return work(*arguments)

    return run
