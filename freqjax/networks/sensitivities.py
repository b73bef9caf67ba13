"""Sensitivities of one recurrent layer: the derivative of its state by its parameters, carried on in time.

With s the fields of the carry, u = W_i x_t + b_i, v = W_h h_{t-1} + b_h and θ the parameters of the cell and,
if it is learned, of the initial carry, J = ∂s/∂θ advances with the state:

    J_t = ∂s_t/∂s_{t-1} J_{t-1} + ∂s_t/∂v W_hᵀ J_{t-1}[h] + ∂s_t/∂u ∂u/∂θ + ∂s_t/∂v ∂v/∂θ

where the last two terms hold the state before the sample. A unit's state depends only on its own arguments,
so the factors ∂s_t/∂· are a few numbers a unit, from forward differentiation of `Cell.combine`. Every
parameter belongs to one unit n, the one whose gate it enters, and it acts on the others through W_h alone.
J is kept for the b units of n's block:

    b = 1    through each unit's own state: SnAp-1 (Menick et al. 2021), an approximation
    b = S    where W_h couples units within groups of S alone: exact; pairs have S = 2
    b = H    exact for any W_h: real-time recurrent learning (Williams & Zipser 1989)

All parameters are rows over their units: matrix [N, H], N = G (S + D + 2), and one more row for a learned
initial carry. With b = H the second term is one matrix product.
Axes: B streams, D inputs, O outputs, H hidden, G gates, F fields of the carry, N rows, S units of a group.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.cell import Cell
from freqjax.networks.network import Carry, Params, reset_where
from freqjax.networks.weights import coupled_mask

# J of B streams, [B, F, b, N, H]: of field f of the i-th unit in the block of the unit that a column is of.
Memory = Float[AnyArray, "B F block N H"]
# (J of one stream, state, couplings, direct, weights, place) → J and the derivative of the outputs: see
# `_advance_dense`.
Dense = Callable[
    [jax.Array, jax.Array, jax.Array, jax.Array, jax.Array, int], tuple[jax.Array, jax.Array]
]


class Reading(NamedTuple):
    """Outputs of a sample and their derivative.

    Attributes:
      outputs: [B, O].
      by_params: a tree like the parameters, with leading axes [B, O].
    """

    outputs: Float[Array, "B O"]
    by_params: Params


class _Slopes(NamedTuple):
    """Derivatives of a unit's next fields by its arguments, for B streams.

    Attributes:
      state: [B, F, F, H], by the fields.
      driven: [B, F, G, H], by W_i x + b_i.
      recurrent: [B, F, G, H], by W_h h + b_h.
    """

    state: jax.Array
    driven: jax.Array
    recurrent: jax.Array


class Sensitivities:
    """Sensitivities of a layer {input, recurrent}, or {input, recurrent, carry}, under a head."""

    def __init__(self, cell: type[Cell], hidden_size: int, coupled: int) -> None:
        """Set the sizes; `coupled` is S, the units of a group that W_h couples, a divisor of H."""
        self._cell, self._hidden, self._coupled = cell, hidden_size, coupled
        self._gates = len(cell.gates)
        self._dense: Dense = _advance_dense

    def with_dense(self, dense: Dense) -> Sensitivities:
        """Return the same with another function for the recursion where b = H."""
        other = copy.copy(self)
        other._dense = dense
        return other

    def begin(self, layer: Any, streams: Size, *, exact: bool) -> Memory:
        """Return J at the start of a stream: 1 for a learned initial field, else 0.

        `exact` selects b = S, and b = 1 otherwise.
        """
        rows = self._pack(layer)
        block = self._coupled if exact else 1
        shape = (len(self._cell.carry._fields), block, *rows.shape)
        memory = jnp.zeros(shape, rows.dtype)
        if "carry" in layer:
            # Selected, not set: XLA would keep a constant of this size in the program.
            first, last = np.arange(shape[0]) == 0, np.arange(shape[2]) == shape[2] - 1
            own = jnp.asarray(self._own(block), rows.dtype)[None, :, None]
            memory = jnp.where(first[:, None, None, None] & last[None, None, :, None], own, memory)
        return jnp.broadcast_to(memory, (streams, *shape))

    def advance(
        self,
        layer: Any,
        head: Any,
        carry: Carry,
        initial: Carry,
        memory: Memory,
        x: Float[AnyArray, "B D"],
        resets: Bool[AnyArray, " B"],
    ) -> tuple[Carry, Memory, Float[Array, "B O"], tuple[Any, Any]]:
        """Advance one sample.

        Args:
          layer: parameters of the layer.
          head: parameters of the head {kernel, bias}.
          carry: the cell's carry.
          initial: its initial carry, for streams that start over.
          memory: J.
          x: [B, D] inputs.
          resets: [B], whether the carry starts over before the sample.

        Returns:
          carry, memory, outputs [B, O], and their derivatives by the layer and the head, trees like
          those with leading axes [B, O].
        """
        block = memory.shape[2]
        fresh = self.begin(layer, 1, exact=block > 1)
        memory = jnp.where(resets[:, None, None, None, None], fresh, memory)
        before = reset_where(resets, initial, carry)
        carry, slopes = self._differentiate(layer, before, x)
        direct = jax.vmap(lambda s, h, x: self._direct(layer, s, h, x))(slopes, before.h, x)
        kernel = layer["recurrent"]["kernel"]
        couplings = jnp.einsum(
            "bfgn,jgn->bfjn",
            slopes.recurrent,
            self._compact(kernel, block).reshape(block, -1, self._hidden),
        )
        memory, rows = jax.vmap(self._recur, (0, 0, 0, 0, None))(
            memory, slopes.state, couplings, direct, head["kernel"].T
        )
        ys = carry.h @ head["kernel"] + head["bias"][None]
        return carry, memory, ys, (self._unpack(rows, layer), _by_head(carry.h, head))

    def correct(self, carry: Carry, memory: Memory, change: Any) -> Carry:
        """Add J · change, the effect of a change of the layer's parameters, to the cell's carry."""
        block = memory.shape[2]
        moved = jnp.sum(memory * self._pack(change)[None, None, None], axis=3)  # [B, F, b, H]
        moved = moved.reshape(*moved.shape[:3], -1, block).sum(-1)  # over the units of a block
        moved = jnp.swapaxes(moved, 2, 3).reshape(*moved.shape[:2], self._hidden)
        fields = zip(carry, jnp.moveaxis(moved, 1, 0), strict=True)
        return self._cell.carry(*(field + change for field, change in fields))

    def _differentiate(
        self, layer: Any, carry: Carry, x: Float[AnyArray, "B D"]
    ) -> tuple[Carry, _Slopes]:
        """Compute the next carry, and its derivatives unit by unit."""
        driven, recurrent = (
            a @ layer[part]["kernel"] + layer[part]["bias"][None]
            for part, a in (("input", x), ("recurrent", carry.h))
        )

        def unit(state: jax.Array, driven: jax.Array, recurrent: jax.Array) -> jax.Array:
            fields = self._cell.carry(*(field[None, None] for field in state))
            after = self._cell.combine(fields, driven[None], recurrent[None])
            return jnp.stack([field[0, 0] for field in after])

        jacobian = jax.jacfwd(unit, argnums=(0, 1, 2))
        of_units = jax.vmap(jax.vmap(jacobian, in_axes=-1, out_axes=-1))
        shape = (len(x), self._gates, self._hidden)
        slopes = of_units(jnp.stack(carry, axis=1), driven.reshape(shape), recurrent.reshape(shape))
        return self._cell.combine(carry, driven, recurrent), _Slopes(*slopes)

    def _direct(
        self, layer: Any, slopes: _Slopes, h: Float[Array, " H"], x: Float[AnyArray, " D"]
    ) -> Float[Array, "F N H"]:
        """Compute [F, N, H], the derivative of each unit's next fields by its own parameters alone."""
        size, hidden = self._coupled, self._hidden
        one = jnp.ones(1, h.dtype)
        sources = jnp.repeat(h.reshape(-1, size).T, size, axis=1)  # [S, H]
        recurrent = jnp.concatenate([sources, jnp.ones((1, hidden), h.dtype)])
        parts = [
            recurrent[None, :, None] * slopes.recurrent[:, None],
            jnp.append(x, one)[None, :, None, None] * slopes.driven[:, None],
        ]
        rows = [part.reshape(part.shape[0], -1, hidden) for part in parts]
        if "carry" in layer:
            rows.append(jnp.zeros_like(rows[0][:, :1]))
        return jnp.concatenate(rows, axis=1)

    def _recur(
        self,
        memory: Float[AnyArray, "F block N H"],
        state: Float[Array, "F F H"],
        couplings: Float[Array, "F block H"],
        direct: Float[Array, "F N H"],
        weights: Float[Array, "O H"],
    ) -> tuple[Float[Array, "F block N H"], Float[Array, "O N H"]]:
        """Advance J of one stream, and compute the derivative of its outputs.

        couplings[f, j, n] is ∂(field f of unit n)/∂(h of unit j of its block); weights are those of the head.
        """
        block, place = memory.shape[1], self._cell.carry._fields.index("h")
        if block == self._hidden:
            return self._dense(memory, state, couplings, direct, weights, place)
        after = jnp.where(self._own(block)[None, :, None], direct[:, None], 0)
        state = self._spread(state, block)
        for field in range(memory.shape[0]):
            after = after + state[:, field][:, :, None] * memory[field][None]
        couplings = self._spread(couplings, block)
        for j in range(block):
            after = after + couplings[:, j][:, :, None] * memory[place, j][None, None]
        return after, self._through(weights, after[place])

    def _through(
        self, weights: Float[Array, "O H"], memory: Float[AnyArray, "block N H"]
    ) -> Float[Array, "O N H"]:
        """Compute the derivative [O, N, H] of Σ_n weights[o, n] h_n."""
        block = memory.shape[0]
        spread = self._spread(weights, block)
        return sum(
            (spread[:, i][:, None] * memory[i][None] for i in range(1, block)),
            start=spread[:, 0][:, None] * memory[0][None],
        )

    def _spread(self, values: Float[Array, "*rest H"], block: int) -> Float[Array, "*rest block H"]:
        """Return [..., b, H], at i and n the value of the i-th unit in the block of n."""
        rest = values.shape[:-1]
        values = jnp.swapaxes(values.reshape(*rest, -1, block), -1, -2)[..., None]
        return jnp.broadcast_to(values, (*values.shape[:-1], block)).reshape(*rest, block, -1)

    def _own(self, block: int) -> Bool[np.ndarray, "block H"]:
        """Return whether the i-th unit in the block of n is n."""
        return np.arange(self._hidden)[None] % block == np.arange(block)[:, None]

    def _compact(self, kernel: Float[AnyArray, "H GH"], size: int) -> Float[Array, "size GH"]:
        """Return, for every column, the weights from the units in the block of `size` of its own unit."""
        columns = np.arange(kernel.shape[1])
        first = columns % self._hidden // size * size
        return kernel[first[None] + np.arange(size)[:, None], columns[None]]

    def _expand(self, compact: Float[Array, "*rest S GH"]) -> Float[Array, "*rest H GH"]:
        """Undo `_compact` for groups of S: the weights between groups are 0."""
        if self._coupled == self._hidden:
            return compact
        mask = coupled_mask(self._hidden, self._gates, self._coupled)
        repeats = (*(1 for _ in compact.shape[:-2]), self._hidden // self._coupled, 1)
        mask = mask.reshape(*(1 for _ in compact.shape[:-2]), *mask.shape)
        return jnp.where(mask, jnp.tile(compact, repeats), 0)

    def _pack(self, layer: Any) -> Float[Array, "N H"]:
        """Return the parameters as rows over their units, or what has their layout."""
        into, recurrent = layer["input"], layer["recurrent"]
        compact = self._compact(recurrent["kernel"], self._coupled)
        rows = [compact, recurrent["bias"][None], into["kernel"], into["bias"][None]]
        rows = [row.reshape(-1, self._hidden) for row in rows]
        if "carry" in layer:
            rows.append(layer["carry"][None])
        return jnp.concatenate(rows)

    def _unpack(self, rows: Float[Array, "*rest N H"], layer: Any) -> Any:
        """Undo `_pack` for any leading axes, in the layout of `layer`."""
        rest = rows.shape[:-2]
        count = self._gates * (self._coupled + layer["input"]["kernel"].shape[0] + 2)
        matrix = rows[..., :count, :].reshape(*rest, -1, self._gates * self._hidden)
        compact, bias, kernel, last = jnp.split(
            matrix, [self._coupled, self._coupled + 1, matrix.shape[-2] - 1], axis=-2
        )
        found = {
            "recurrent": {"kernel": self._expand(compact), "bias": bias[..., 0, :]},
            "input": {"kernel": kernel, "bias": last[..., 0, :]},
        }
        return found | ({"carry": rows[..., -1, :]} if "carry" in layer else {})


def _advance_dense(
    memory: Float[AnyArray, "F H N H"],
    state: Float[Array, "F F H"],
    couplings: Float[Array, "F H H"],
    direct: Float[Array, "F N H"],
    weights: Float[Array, "O H"],
    place: int,
) -> tuple[Float[Array, "F H N H"], Float[Array, "O N H"]]:
    """Advance J of one stream where every unit is connected to all others: see `Sensitivities._recur`.

    `place` is that of h among the fields.
    """
    after = state[:, 0][:, :, None, None] * memory[0][None]
    for field in range(1, memory.shape[0]):
        after = after + state[:, field][:, :, None, None] * memory[field][None]
    after = after + jnp.einsum("fjn,jru->fnru", couplings, memory[place])
    # One entry in H is a unit's own: selecting them over all of J takes about a fifth of a step.
    units = np.arange(memory.shape[1])
    after = after.at[:, units, :, units].add(jnp.moveaxis(direct, -1, 0))
    return after, jnp.einsum("on,nru->oru", weights, after[place])


def _by_head(h: Float[Array, "B H"], head: Any) -> Any:
    """Return the derivative of the outputs [B, O] by the head's parameters."""
    streams, same = h.shape[0], jnp.eye(head["bias"].shape[0], dtype=h.dtype)
    kernel = h[:, None, :, None] * same[None, :, None]
    return {"kernel": kernel, "bias": jnp.broadcast_to(same[None], (streams, *same.shape))}
