"""Interface of a recurrence whose weights a Kalman filter trains, one group at a time.

Each group owns parts, pairs or complex units, whose output under its selector depends on them alone. A part
has n trained weights, of which the last four are its two numbers of the initial carry and its two of the
head; its state is that carry and what else the recurrence has.
Axes: F groups, P parts of a group, n trained weights of a part, m = n − 2 that its state depends on, M inputs
that are no selector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from freqjax.networks.network import Network, Params

# Columns of the trained weights of every part.
CARRY, HEAD = slice(-4, -2), slice(-2, None)


@jax.tree_util.register_static
@dataclass(frozen=True)
class Recursion:
    """Functions of one group's parts: those of a module, compared by identity.

    Attributes:
      begin: trained [P, n], a state before or None → the state at the start of a block; of the state before,
        only what no weight of the initial carry sets goes on.
      carry: state → [P, 2], what the weights of the initial carry set.
      sensitivity: state, n → the derivative of the state at the start of a block, a tree of [P, 2, m].
      advance: trained, constants, state, x [M] → state, output without the head's bias.
      differentiate: trained, constants, state, sensitivity, x → state, sensitivity, output, and its
        derivatives [P, n].
      kept: `train.gradient`, n → [2, m], factors of the derivatives that are carried from sample to sample.
    """

    begin: Callable[..., Any]
    carry: Callable[..., Any]
    sensitivity: Callable[..., Any]
    advance: Callable[..., Any]
    differentiate: Callable[..., Any]
    kept: Callable[[str, int], np.ndarray]


def correct(state: Any, sensitivity: Any, change: Float[Array, "P n"]) -> Any:
    """Move the state, to first order, to where weights changed by `change` would have brought it.

    Args:
      state: NamedTuple of arrays [P, 2].
      sensitivity: their derivatives [P, 2, m], in the same order.
      change: of the trained weights.
    """
    pairs = zip(state, sensitivity, strict=True)
    moved = (s + jnp.sum(by * change[:, None, : by.shape[-1]], axis=-1) for s, by in pairs)
    return type(state)(*moved)


@runtime_checkable
class Parts(Protocol):
    """Positions of the trained weights of every group in the parameters of a network.

    Attributes:
      groups: F.
      parts: P, the largest number of a group; missing ones have weights of 0.
      others: indices of the M inputs that are no selector.
      weights: n.
      recursion: the functions of a group's parts.
    """

    groups: int
    parts: int
    others: tuple[int, ...]
    weights: int
    recursion: Recursion

    def gather(self, params: Params) -> Float[np.ndarray, "F P n"]:
        """Return the trained weights of every group; those of missing parts are 0."""
        ...

    def scatter(self, params: Params, trained: Float[np.ndarray, "F P n"]) -> Params:
        """Return `params` with the trained weights replaced."""
        ...

    def constants(self, params: Params) -> Float[np.ndarray, "F ..."]:
        """Return what else the recursion reads."""
        ...

    def bias(self, params: Params) -> float:
        """Return the bias of the head."""
        ...

    def scales(self, params: Params, share: float) -> Float[np.ndarray, "F P n"]:
        """Return prior standard deviations of the trained weights.

        That of a speed is at most `share` of the part's initial one.
        """
        ...


@runtime_checkable
class Filterable(Network, Protocol):
    """Network of parts that a Kalman filter can train."""

    def parts(self) -> Parts:
        """Return where the weights of its parts are."""
        ...
