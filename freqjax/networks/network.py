"""Interface between training and networks.

Every network has `init`, `init_carry` and `unroll`. Abilities that only some networks have are protocols in
`freqjax.networks.abilities`. Parameters and carries are explicit values: every function is pure.
Axes: T time, B streams, D inputs, O outputs, H hidden.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from freqjax.networks.arrays import AnyArray, Size

Params = Any
Carry = Any


@runtime_checkable
class Network(Protocol):
    """Methods of a network that training and evaluation use.

    Output t of a causal network depends only on inputs up to t: such a network also has `Streams.step`, and
    its carry may be passed from one call of `unroll` to the next. A network that is not causal processes
    whole sequences: xs [T, B, D] from `init_carry`, in one call. Sequences shorter than T are padded at the
    end, with any finite values, and reset at the first padded sample: no output before a reset depends on
    later samples, so that the padding does not change the outputs before it.

    Attributes:
      dropout: the probability with which `unroll` drops a feature if it is given a key.
    """

    dropout: float

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters."""
        ...

    def init_carry(self, params: Params, streams: Size) -> Carry:
        """Return the initial carry of B = `streams` streams."""
        ...

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, Float[Array, "T B O"]]:
        """Run T samples: carry, xs [T, B, D], resets [T, B] bool → carry, ys [T, B, O].

        If resets[t, b] is true, a new sequence begins in stream b: the carry is `init_carry` before sample t,
        and outputs before t and outputs from t on do not depend on each other's inputs.
        Training passes a `dropout_key`; without one nothing is dropped.
        """
        ...


def reset_where(flags: Bool[AnyArray, " B"], initial: Carry, carry: Carry) -> Carry:
    """Return `initial` for the streams flagged in [B] bool, and `carry` for the others."""
    return jax.tree.map(lambda a, b: jnp.where(flags[:, None], a, b), initial, carry)


def count_parameters(params: Params) -> int:
    """Count the numbers in `params`."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
