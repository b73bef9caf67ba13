"""The code of a sequence: K numbers in [−1, 1], at evaluation at a stated number of bits each.

    training     c = tanh(z), or of z + σ ε (variational), plus noise
    evaluation   c = the nearest of 2^bits levels to tanh(z)

so that a code states how much it can hold: K · bits a sequence. With normalisation z is normalised over its
K numbers first. Axes: B sequences, K numbers of a code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.networks.arrays import AnyArray
from freqjax.networks.layers import init_norm, norm


@dataclass(frozen=True)
class Code:
    """Bounds, noise, penalty and levels of a code.

    Attributes:
      numbers: K.
      bits: of each number at evaluation.
      normalised: whether z is normalised over its K numbers.
      noise: standard deviation of the noise that training adds to the bounded numbers, in the end.
      first_noise: the same at first, from which it falls by equal factors; 0 for `noise` all the time.
      penalty: weight of the mean square of z in the loss.
      divergence: weight of the divergence from a standard normal (variational form); 0 for none.
      annealing: updates over which that weight rises from 0, and the noise falls.
    """

    numbers: int
    bits: int
    normalised: bool = False
    noise: float = 0.0
    penalty: float = 0.0
    divergence: float = 0.0
    annealing: int = 0
    first_noise: float = 0.0

    @property
    def width(self) -> int:
        """Numbers that the encoder gives: K, or 2 K in the variational form, means and log variances."""
        return 2 * self.numbers if self.divergence else self.numbers

    @property
    def bits_per_sequence(self) -> int:
        """K · bits."""
        return self.numbers * self.bits

    def init(self) -> dict[str, Any]:
        """Make the parameters: those of the normalisation, or none."""
        return {"norm": init_norm(self.numbers)} if self.normalised else {}

    def of(self, params: Any, z: Float[AnyArray, "B W"]) -> Float[Array, "B K"]:
        """Return the bounded numbers of what the encoder gives, before they are quantised."""
        return jnp.tanh(self._mean(params, z))

    def noisy(
        self, params: Any, z: Float[AnyArray, "B W"], key: jax.Array, step: Int[Array, ""]
    ) -> tuple[Float[Array, "B K"], Float[Array, ""]]:
        """Return numbers as training decodes them, and the penalty."""
        mean = self._mean(params, z)
        penalty = self.penalty * jnp.mean(jnp.square(mean))
        draw_key, noise_key = jax.random.split(key)
        if self.divergence:
            log_variance = z[:, self.numbers :]
            # Kingma & Welling 2014, equation 10, a number.
            parts = jnp.square(mean) + jnp.exp(log_variance) - log_variance - 1
            share = jnp.minimum(1.0, (step + 1) / max(self.annealing, 1))
            penalty = penalty + self.divergence * share * 0.5 * jnp.mean(jnp.sum(parts, axis=1))
            drawn = jax.random.normal(draw_key, mean.shape)
            mean = mean + jnp.exp(0.5 * log_variance) * drawn
        code = jnp.tanh(mean)
        if self.noise:
            code = code + self.noise_at(step) * jax.random.normal(noise_key, code.shape)
        return code, penalty

    def noise_at(self, step: Int[Array, ""]) -> Float[Array, ""] | float:
        """Return the standard deviation of the noise at an update."""
        if not self.first_noise:
            return self.noise
        left = 1 - jnp.minimum(step / max(self.annealing, 1), 1.0)
        return self.noise * (self.first_noise / self.noise) ** left

    def indices(self, code: Float[AnyArray, "B K"]) -> Int[Array, "B K"]:
        """Return the nearest level of each number, from 0 to 2^bits − 1."""
        top = 2**self.bits - 1
        return jnp.rint((jnp.clip(code, -1, 1) + 1) / 2 * top).astype(jnp.int32)

    def values(self, indices: Int[AnyArray, "B K"]) -> Float[Array, "B K"]:
        """Return the numbers of levels."""
        return jnp.asarray(indices) / (2**self.bits - 1) * 2.0 - 1.0

    def quantised(self, code: Float[AnyArray, "B K"]) -> Float[Array, "B K"]:
        """Return the nearest levels as numbers in [−1, 1]."""
        return self.values(self.indices(code))

    def _mean(self, params: Any, z: Float[AnyArray, "B W"]) -> Float[Array, "B K"]:
        mean = z[:, : self.numbers]
        return norm(params["norm"], mean) if self.normalised else jnp.asarray(mean)
