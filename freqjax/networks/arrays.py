"""Types of the arguments of networks: arrays of the host or of a device, and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

if TYPE_CHECKING:
    # JAX accepts both but declares only its own.
    AnyArray = jax.Array
else:
    AnyArray = jax.Array | np.ndarray
# Where it matters which of them it is.
EitherArray = jax.Array | np.ndarray
# An integer, which may be symbolic under `jax.export`.
Size = Any
