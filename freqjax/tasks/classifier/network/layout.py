"""Layout of a window among the inputs of a step: its values by modality, then which samples are present.

A step of a sequence is a window. Axes: T steps, B sequences, N = T · B windows, L samples of a window,
F channels of a modality, D numbers of a step or inputs at a sample.
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


def inputs_of(layout: Layout) -> int:
    """Return the number of inputs at a sample: the channels of all modalities, and a flag of each."""
    return sum(layout.channels.values()) + len(layout.channels)


def inputs_at_samples(parts: dict[str, Modality]) -> Float[Array, "N L D"]:
    """Return the values of all modalities at each sample, and behind them which are present, as 0 and 1."""
    flags = [part.present[..., None].astype(jnp.float32) for part in parts.values()]
    return jnp.concatenate([*(part.values for part in parts.values()), *flags], axis=-1)


def present_in_any(parts: dict[str, Modality]) -> Bool[Array, "N L"]:
    """Return whether a sample is present in any modality."""
    return jnp.any(jnp.stack([part.present for part in parts.values()]), axis=0)
