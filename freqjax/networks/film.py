"""Feature-wise linear modulation (FiLM): the selector scales and shifts the outputs of a layer.

    h ← γ(s) ⊙ h + β(s),  γ = 1 + W_γ s,  β = W_β s

(Perez et al. 2018). The layer's carry is not modulated, and the selector is not an input of its cell. FiLM
is initialised as the identity.
Axes: S selectors, N features.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Float

from freqjax.networks.arrays import AnyArray
from freqjax.networks.padding import HiddenAxes


def init_film(selectors: int, features: int) -> dict[str, Float[Array, "S N"]]:
    """Make W_γ and W_β, [S, N] each, for the identity."""
    return {"scale": jnp.zeros((selectors, features)), "shift": jnp.zeros((selectors, features))}


def film_axes(blocks: int) -> HiddenAxes:
    """Return the axes of `init_film`, whose N is `blocks` of H: see `freqjax.networks.padding`."""
    return {"scale": (0, blocks), "shift": (0, blocks)}


def modulate(
    film: Mapping[str, Float[AnyArray, "S N"]],
    selector: Float[AnyArray, "*rows S"],
    h: Float[Array, "*rows N"],
) -> Float[Array, "*rows N"]:
    """Compute γ(s) ⊙ h + β(s), [..., N], of s [..., S] and h [..., N]."""
    return (1 + selector @ film["scale"]) * h + selector @ film["shift"]
