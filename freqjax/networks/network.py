"""The seam between training and networks.

A causal network keeps `init_carry`, `step` and `unroll`, so that each streams one sample at a time,
batches, sweeps and checkpoints; one that is not causal has no `step`. Parameters and carries are explicit
values: every function is pure.
Axes: T time, B streams, D inputs, O outputs, H hidden.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from freqjax.networks.padding import HiddenAxes

Params = Any
Carry = Any


@runtime_checkable
class Network(Protocol):
    """What training and evaluation need of a network.

    Attributes:
      causal: whether output t depends on inputs up to t alone, so that `step` exists.
      dropout: the probability with which `unroll` drops a feature where it is given a key.
    """

    causal: bool
    dropout: float

    def init(self, key: jax.Array) -> Params:
        """Fresh parameters."""
        ...

    def hidden_axes(self) -> HiddenAxes:
        """Of every parameter array how many blocks of H each axis is: see `freqjax.networks.padding`."""
        ...

    def init_carry(self, params: Params, streams: int) -> Carry:
        """The carry that B = `streams` streams start from."""
        ...

    def step(self, params: Params, carry: Carry, x: jax.Array) -> tuple[Carry, jax.Array]:
        """One sample: carry, x [B, D] → carry, y [B, O]."""
        ...

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: jax.Array,
        resets: jax.Array,
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """T samples: carry, xs [T, B, D], resets [T, B] bool → carry, ys [T, B, O].

        Where resets[t, b] is true the carry of stream b is `init_carry` before sample t is seen.
        Training gives a `dropout_key`; without one nothing is dropped.
        """
        ...


def reset_where(flags: jax.Array, initial: Carry, carry: Carry) -> Carry:
    """Take `initial` in the streams flagged in [B] bool, `carry` in the others."""
    return jax.tree.map(lambda a, b: jnp.where(flags[:, None], a, b), initial, carry)


def count_parameters(params: Params) -> int:
    """How many numbers `params` holds."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
