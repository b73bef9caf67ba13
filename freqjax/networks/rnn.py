"""The cells of the simple recurrent network, one a nonlinearity."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from freqjax.networks.cell import Cell, HiddenCarry


class RnnCell(Cell):
    """Cell of h_t = tanh(W_i x_t + b_i + W_h h_{t-1} + b_h) (Elman 1990)."""

    gates = "h"

    @staticmethod
    def combine(
        carry: HiddenCarry, driven: Float[Array, "B GH"], recurrent: Float[Array, "B GH"]
    ) -> HiddenCarry:
        """Advance by the equation above."""
        return HiddenCarry(jnp.tanh(driven + recurrent))


class ReluRnnCell(Cell):
    """Cell of h_t = max(0, W_i x_t + b_i + W_h h_{t-1} + b_h), whose slope at 0 is 0, as in PyTorch."""

    gates = "h"

    @staticmethod
    def combine(
        carry: HiddenCarry, driven: Float[Array, "B GH"], recurrent: Float[Array, "B GH"]
    ) -> HiddenCarry:
        """Advance by the equation above."""
        return HiddenCarry(jax.nn.relu(driven + recurrent))
