"""Types of what networks take: arrays of the host or of a device, and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

if TYPE_CHECKING:
    # JAX takes both but declares that it takes its own.
    AnyArray = jax.Array
else:
    AnyArray = jax.Array | np.ndarray
# Where it matters which of them it is.
EitherArray = jax.Array | np.ndarray
# A whole number; under `jax.export` it may be symbolic.
Size = Any
