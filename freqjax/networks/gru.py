"""The gated recurrent unit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from freqjax.networks.cell import Cell, HiddenCarry, split_gates


class GruCell(Cell):
    """The GRU of Cho et al. (2014) with the reset gate applied after the recurrent product, as in PyTorch.

    With u = W_i x_t + b_i and v = W_h h_{t-1} + b_h, each split into r, z, n:

        r = σ(u_r + v_r),  z = σ(u_z + v_z),  n = tanh(u_n + r ⊙ v_n)
        h_t = (1 − z) ⊙ n + z ⊙ h_{t-1}
    """

    gates = "rzn"
    keeps = "z"

    @staticmethod
    def combine(
        carry: HiddenCarry, driven: Float[Array, "B GH"], recurrent: Float[Array, "B GH"]
    ) -> HiddenCarry:
        """Advance by the equations above; v_n includes PyTorch's b_hn, inside of r ⊙."""
        u_r, u_z, u_n = split_gates(driven, 3)
        v_r, v_z, v_n = split_gates(recurrent, 3)
        z = jax.nn.sigmoid(u_z + v_z)
        n = jnp.tanh(u_n + jax.nn.sigmoid(u_r + v_r) * v_n)
        return HiddenCarry((1 - z) * n + z * carry.h)
