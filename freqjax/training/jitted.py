"""Jitted functions that the trainers of one config share, whatever their seed.

JAX finds what it has traced and compiled by the function itself. Trainers that differ by nothing but
`train.seed` compute the same on other numbers: with the same function each shape is traced and compiled once
on a device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any


class Jitted:
    """Jitted functions by name; threads may share them. None of them may depend on `train.seed`."""

    def __init__(self) -> None:
        """Begin without a function."""
        self._made: dict[Hashable, Any] = {}
        self._lock = threading.Lock()

    def get(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """Return the function called `name`, which `make` returns when it is first asked for."""
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    def clear(self) -> None:
        """Forget all functions; whoever has one keeps it."""
        with self._lock:
            self._made.clear()
