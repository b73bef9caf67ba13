"""Encoder of windows by convolutions over time.

    x ← gelu(norm(conv(x)))   four times, widths of 7, 5, 5 and 3 samples; every second one halves the rate
    e = [mean over time of x, largest x over time]

What is missing is 0, and a channel of each modality tells where; it is counted in neither pooling.
Axes: N windows, L samples, C channels, M features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from freqjax.networks.layers import along, init_norm, norm
from freqjax.tasks.classifier.network.layout import (
    Layout,
    Modality,
    inputs_at_samples,
    inputs_of,
    present_in_any,
)

# Samples that a convolution sees, and the step between its outputs.
_KERNELS = ((7, 1), (5, 2), (5, 1), (3, 2))


@dataclass(frozen=True)
class Convolutions:
    """Convolutions over all modalities together.

    Attributes:
      layout: of windows.
      width: features of the first two; the last two have half as many more.
    """

    layout: Layout
    width: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of each convolution."""
        return (self.width, self.width, 3 * self.width // 2, 3 * self.width // 2)

    @property
    def features(self) -> int:
        """M."""
        return 2 * self.widths[-1]

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        inputs = inputs_of(self.layout)
        params = {}
        for number, ((taps, _), outputs) in enumerate(zip(_KERNELS, self.widths, strict=True)):
            own = jax.random.fold_in(key, number)
            scale = math.sqrt(2 / (taps * inputs))
            kernel = jax.random.normal(own, (taps * inputs, outputs)) * scale
            params[f"conv_{number}"] = {
                "kernel": kernel,
                "bias": jnp.zeros(outputs),
                "norm": init_norm(outputs),
            }
            inputs = outputs
        return params

    def __call__(
        self, params: Any, parts: dict[str, Modality], key: jax.Array | None = None
    ) -> Float[Array, "N M"]:
        """Encode windows; nothing is dropped here."""
        del key
        x, there = inputs_at_samples(parts), present_in_any(parts).astype(jnp.float32)
        for number, (taps, step) in enumerate(_KERNELS):
            layer = params[f"conv_{number}"]
            x = convolve(layer, x, taps, step)
            x = jax.nn.gelu(norm(layer["norm"], x))
            there = there[:, ::step]
        return pooled(x, there)


def convolve(layer: Any, x: Float[Array, "N L C"], taps: int, step: int) -> Float[Array, "N S M"]:
    """Convolve with zeros beyond the ends: output s is centred at sample s · step."""
    before = (taps - 1) // 2
    padded = jnp.pad(x, ((0, 0), (before, taps - 1 - before), (0, 0)))
    count = x.shape[1]
    seen = jnp.concatenate([padded[:, k : k + count : step] for k in range(taps)], axis=-1)
    y = seen @ layer["kernel"]
    return y + along(layer["bias"], y)


def pooled(x: Float[Array, "N S M"], there: Float[Array, "N S"]) -> Float[Array, "N P"]:
    """Return mean and largest value of each feature over the samples that are there, side by side."""
    flags = there[..., None]
    count = jnp.maximum(jnp.sum(flags, axis=1), 1)
    mean = jnp.sum(x * flags, axis=1) / count
    # Not jnp.max, whose gradient goes to what equals the maximum: a compiler that computes x a second time,
    # rounded otherwise, finds nothing that does, and the gradient is lost.
    place = jnp.argmax(jnp.where(flags > 0, x, -jnp.inf), axis=1)
    first = jnp.arange(x.shape[1])[None, :, None] == place[:, None]
    largest = jnp.sum(jnp.where(first & (flags > 0), x, 0), axis=1)
    return jnp.concatenate([mean, largest], axis=-1)
