"""A cell of leaky units."""

import jax
import jax.numpy as jnp

from freqjax.networks.cell import Cell, HiddenCarry


class LeakyCell(Cell):
    """h_t = (h_{t-1} + tanh(u + v)) / 2."""

    gates = "n"

    @staticmethod
    def combine(carry: HiddenCarry, driven: jax.Array, recurrent: jax.Array) -> HiddenCarry:
        """Move half of the way."""
        return HiddenCarry((carry.h + jnp.tanh(driven + recurrent)) / 2)
