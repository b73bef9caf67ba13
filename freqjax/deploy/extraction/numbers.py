"""Signals of one column as real numbers, and signals of two, I and Q, as complex ones.

An extraction computes with the numbers: arithmetic, spectra, fits and filters are then those of real signals.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Inexact


def numbers_of(columns: Float[np.ndarray, "... I"]) -> Inexact[np.ndarray, ...]:
    """Return real numbers of columns [..., 1], or complex ones I + jQ of [..., 2]."""
    if columns.shape[-1] == 1:
        return columns[..., 0]
    return columns[..., 0] + 1j * columns[..., 1]


def columns_of(numbers: Inexact[np.ndarray, ...]) -> Float[np.ndarray, "... I"]:
    """Return columns [..., 1] of real numbers, or [..., 2] of complex ones."""
    parts = [np.real(numbers), np.imag(numbers)] if np.iscomplexobj(numbers) else [numbers]
    return np.stack(parts, axis=-1)
