"""Interface of a recurrent cell: a product of the input, one of the state, and a rule that combines them.

    carry_t = combine(carry_{t-1}, W_i x_t + b_i, W_h h_{t-1} + b_h)

with all G gates side by side in one matrix, [D, GH] and [H, GH], and two bias vectors, as in PyTorch. A
cell defines its gates and `combine`, which acts on each unit separately; parameters, stacks, gradients,
sensitivities, initializers and padding are derived from them.
Axes: T time, B streams, D inputs, H hidden, G gates.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from freqjax.networks.arrays import AnyArray
from freqjax.networks.cell_backward import scan_cell
from freqjax.networks.network import Carry, Params, reset_where


class HiddenCarry(NamedTuple):
    """Carry of a cell whose output is its whole state: h, [B, H]."""

    h: Float[Array, "B H"]


class Cell(nn.Module):
    """Base class of recurrent cells: a step on inputs that have already been projected.

    `project` does not depend on the carry and can be computed outside a scan. A subclass defines the class
    attributes and `combine`, which is a static method, since programs are cached by its identity.

    Attributes:
      hidden_size: H.
      gates: one letter per gate, in the order of their columns.
      keeps: the gate that multiplies the previous state, so that a large bias preserves it; or None.
      admits: the gate that multiplies the candidate; or None if no single gate does.
      carry: a NamedTuple of arrays [B, H] with one named h; a learned initial carry is its first field.
    """

    hidden_size: int

    gates: ClassVar[str]
    keeps: ClassVar[str | None] = None
    admits: ClassVar[str | None] = None
    carry: ClassVar[Any] = HiddenCarry

    def setup(self) -> None:
        """Declare W_i, b_i and W_h, b_h."""
        self.input = nn.Dense(len(self.gates) * self.hidden_size)
        self.recurrent = nn.Dense(len(self.gates) * self.hidden_size)

    def project(self, x: Float[AnyArray, "*rows D"]) -> Float[Array, "*rows GH"]:
        """Compute W_i x + b_i: [..., D] → [..., GH]."""
        return self.input(x)

    def __call__(
        self, carry: Carry, projected: Float[Array, "B GH"]
    ) -> tuple[Carry, Float[Array, "B H"]]:
        """Advance one sample: carry, [B, GH] → carry, h [B, H]."""
        carry = self.combine(carry, projected, self.recurrent(carry.h))
        return carry, carry.h

    @staticmethod
    def combine(
        carry: Carry, driven: Float[Array, "B GH"], recurrent: Float[Array, "B GH"]
    ) -> Carry:
        """Compute the next carry from the carry, W_i x + b_i and W_h h + b_h, [B, GH] each."""
        raise NotImplementedError

    @classmethod
    def rests(cls) -> bool:
        """Return whether a unit whose weights are all zero stays at h = 0, as `networks.padding` needs."""
        zeros = cls.carry(*(jnp.zeros((1, 1)) for _ in cls.carry._fields))
        products = jnp.zeros((1, len(cls.gates)))
        after = cls.combine(zeros, products, products)
        return not any(jnp.any(leaf != 0) for leaf in jax.tree.leaves(after))

    @classmethod
    def scan(
        cls,
        params: Params,
        carry: Carry,
        initial: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[Carry, Float[Array, "T B H"]]:
        """Run T samples: carry, initial, xs [T, B, D], resets [T, B] → carry, hs [T, B, H].

        If resets[t, b] is set, the carry of stream b is `initial` before sample t. Differentiable
        once and only in reverse mode: see `freqjax.networks.cell_backward`.
        """
        return scan_cell(cls.combine, params, carry, initial, xs, resets)

    @classmethod
    def scan_autodiff(
        cls,
        params: Params,
        carry: Carry,
        initial: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[Carry, Float[Array, "T B H"]]:
        """Run as `scan`, with JAX's gradient: faster for one sample, and the slow reference for many."""
        cell = cls(params["recurrent"]["kernel"].shape[0])
        driven: Any = cell.apply({"params": params}, xs, method="project")

        def body(carry: Carry, row: tuple[jax.Array, jax.Array]) -> Any:
            driven, flags = row
            return cell.apply({"params": params}, reset_where(flags, initial, carry), driven)

        carry, hs = jax.lax.scan(body, carry, (driven, resets))
        return carry, hs


@runtime_checkable
class OfCell(Protocol):
    """Network, or part of one, whose recurrent layers are all of one cell, which an equal one can replace.

    Attributes:
      cell: the class of the cell; None if there are no recurrent layers.
    """

    @property
    def cell(self) -> type[Cell] | None: ...

    def with_cell(self, cell: type[Cell]) -> Self:
        """Return it with `cell`, which has the same parameters and carry."""
        ...


def split_gates(z: Float[Array, "*rows GH"], count: int) -> list[Float[Array, "*rows H"]]:
    """Split [..., GH] into G arrays [..., H]."""
    return jnp.split(z, count, axis=-1)
