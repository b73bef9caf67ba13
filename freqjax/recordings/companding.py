"""μ-law and A-law of ITU-T G.711: the 8 bits of telephony, which stand for 14 and 13.

A table holds what each of the 256 codes stands for, as a fraction of the full scale of 16 bits; a sample is
written as the code that is nearest.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8


def _mu_law() -> Float[np.ndarray, " 256"]:
    code = ~np.arange(256, dtype=np.uint8)  # the bits go over the line inverted
    exponent, mantissa = (code >> 4 & 7).astype(int), (code & 15).astype(int)
    magnitude = ((2 * mantissa + 33) << exponent) - 33
    return np.where(code & 128, -1, 1) * magnitude * 4 / 2.0**15


def _a_law() -> Float[np.ndarray, " 256"]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55  # every other bit goes over the line inverted
    exponent, mantissa = (code >> 4 & 7).astype(int), (code & 15).astype(int)
    magnitude = np.where(
        exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 128, 1, -1) * magnitude * 8 / 2.0**15


MU_LAW, A_LAW = _mu_law(), _a_law()


def encode(
    samples: Float[np.ndarray, " n"], table: Float[np.ndarray, " 256"]
) -> tuple[UInt8[np.ndarray, " n"], int]:
    """Return the codes whose values are nearest to `samples`, and how many lay beyond full scale."""
    order = np.argsort(table)
    values = table[order]
    between = (values[1:] + values[:-1]) / 2
    beyond = int(np.count_nonzero(np.abs(samples) > 1))
    return order[np.searchsorted(between, samples)].astype(np.uint8), beyond
