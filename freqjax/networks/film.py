"""Feature-wise linear modulation: the selector scales and shifts what a layer puts out.

    h ← γ(s) ⊙ h + β(s),  γ = 1 + W_γ s,  β = W_β s

(Perez et al. 2018). Only what the layer hands on is modulated; its carry is not, and its cell does not
see the selector. It starts as the identity.
Axes: S selectors, N features.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from freqjax.networks.padding import HiddenAxes


def init_film(selectors: int, features: int) -> Any:
    """W_γ and W_β, [S, N] each, for the identity."""
    return {"scale": jnp.zeros((selectors, features)), "shift": jnp.zeros((selectors, features))}


def film_axes(blocks: int) -> HiddenAxes:
    """Of `init_film`, whose N is `blocks` of H: see `freqjax.networks.padding`."""
    return {"scale": (0, blocks), "shift": (0, blocks)}


def modulate(film: Any, selector: jax.Array, h: jax.Array) -> jax.Array:
    """Of s [..., S] and h [..., N]: γ(s) ⊙ h + β(s), [..., N]."""
    return (1 + selector @ film["scale"]) * h + selector @ film["shift"]
