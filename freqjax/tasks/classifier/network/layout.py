"""Layout of a window among the inputs of a step: its values by modality, then which samples are present.

A step of a sequence is a window. Axes: T steps, B sequences, N = T · B windows, L samples of a window,
F channels of a modality, C channels of all.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from freqjax.networks.arrays import AnyArray


class Modality(NamedTuple):
    """Values of one modality in all windows.

    Attributes:
      values: [N, L, F]; 0 where missing.
      present: [N, L] bool.
    """

    values: Float[Array, "N L F"]
    present: Bool[Array, "N L"]


class Layout(NamedTuple):
    """Sizes of a window.

    Attributes:
      samples: L.
      channels: modality → F, in the order of the inputs.
    """

    samples: int
    channels: dict[str, int]

    @property
    def sizes(self) -> dict[str, int]:
        """Inputs of a step by name: L · F values of each modality, and L flags of each."""
        values = {name: self.samples * count for name, count in self.channels.items()}
        return values | {f"{name}_present": self.samples for name in self.channels}

    def parts(self, xs: Float[AnyArray, "T B D"]) -> dict[str, Modality]:
        """Split the inputs of steps into modalities."""
        rows = jnp.asarray(xs).reshape(-1, xs.shape[-1])
        pieces, first = {}, 0
        for name, size in self.sizes.items():
            pieces[name] = rows[:, first : first + size]
            first += size
        return {
            name: Modality(
                pieces[name].reshape(rows.shape[0], self.samples, count),
                pieces[f"{name}_present"] > 0.5,
            )
            for name, count in self.channels.items()
        }
