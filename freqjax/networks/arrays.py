"""Types of what networks take: arrays of the host or of a device, and sizes."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

AnyArray = jax.Array | np.ndarray
# A whole number; under `jax.export` it may be symbolic.
Size = Any
