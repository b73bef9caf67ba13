"""Feature-wise linear modulation (FiLM): the selector scales and shifts the outputs of a layer.

    h ← γ(s) ⊙ h + β(s),  γ = 1 + W_γ s,  β = W_β s

(Perez et al. 2018). The layer's carry is not modulated, and the selector is not an input of its cell. FiLM
is initialised as the identity.
Axes: S selectors, N features.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from freqjax.networks.padding import HiddenAxes


def init_film(selectors: int, features: int) -> Any:
    """Make W_γ and W_β, [S, N] each, for the identity."""
    return {"scale": jnp.zeros((selectors, features)), "shift": jnp.zeros((selectors, features))}


def film_axes(blocks: int) -> HiddenAxes:
    """Return the axes of `init_film`, whose N is `blocks` of H: see `freqjax.networks.padding`."""
    return {"scale": (0, blocks), "shift": (0, blocks)}


def modulate(film: Any, selector: jax.Array, h: jax.Array) -> jax.Array:
    """Compute γ(s) ⊙ h + β(s), [..., N], of s [..., S] and h [..., N]."""
    return (1 + selector @ film["scale"]) * h + selector @ film["shift"]
