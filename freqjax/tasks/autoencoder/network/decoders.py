"""Decoders: from a code, and from nothing else unless they are labelled a leak, to a sequence of T vectors.

| `task.decoder` | outputs |
|---|---|
| linear | one product of the code, which begins as the principal components of training rows |
| parallel | the linear ones, plus those of a transformer over all positions that reads the code's slots |
| recurrent | a cell's, begun by the code and fed its own last output (module `recurrent`) |
| slots | the same, attending to the code's slots |
| encoder | the same, attending to the encoder's states: a leak, since the code is not needed |
| curves | for each number, the vectors at its place on a curve (module `curves`) |
| phrases | for each number, a phrase, one after another (module `phrases`) |

Slots are S vectors that a product of the code gives. Axes: T samples, B sequences, D dimensions, K numbers of
a code, N features, S slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.film import init_film, modulate
from freqjax.networks.layers import (
    attend,
    init_attention,
    init_norm,
    init_product,
    norm,
    product,
    sinusoidal_positions,
    slots_to_read,
)
from freqjax.tasks.autoencoder.network.encoders import HELD, SPREAD, Components
from freqjax.tasks.autoencoder.network.readout import Readout


class Forced(NamedTuple):
    """Targets that replace a decoder's own last output while it is trained (teacher forcing).

    Attributes:
      vectors: [T, B, D], what is read before sample t.
      share: the probability with which the vector of a sample is read; 1 for always.
      key: of the choice.
    """

    vectors: Float[AnyArray, "T B D"]
    share: Float[AnyArray, ""]
    key: jax.Array


class Beside(NamedTuple):
    """What a decoder may read besides the code.

    Attributes:
      states: [T, B, H], of the encoder; read by a leaking decoder alone.
      present: [T, B] bool, which of them precede the padding.
      forced: in training; None for the decoder's own outputs.
    """

    states: Float[AnyArray, "T B H"] | None
    present: Bool[AnyArray, "T B"] | None
    forced: Forced | None = None


NOTHING = Beside(None, None)


@runtime_checkable
class Decoder(Protocol):
    """Decoder of a code.

    Attributes:
      feeds_back: whether it reads its own last output, which training may replace by the target.
      leaks: whether it reads the encoder's states besides the code.
      longest: T of the longest sequence.
    """

    @property
    def feeds_back(self) -> bool: ...

    @property
    def leaks(self) -> bool: ...

    @property
    def longest(self) -> int: ...

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        ...

    def __call__(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: Size, beside: Beside = NOTHING
    ) -> Float[Array, "T B D"]:
        """Return T = `samples` outputs of each code."""
        ...


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of a decoder.

    Attributes:
      samples: T of the longest sequence.
      dimensions: D.
      numbers: K.
    """

    samples: int
    dimensions: int
    numbers: int

    @property
    def longest(self) -> int:
        """T of the longest sequence."""
        return self.samples


@dataclass(frozen=True, eq=False)
class LinearDecoder(Sizes):
    """One product of the code.

    Attributes:
      components: initial weights; None for random ones.
    """

    components: Components | None = None
    feeds_back: bool = False
    leaks: bool = False

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters: kernel [K, T, D] and centre [T, D], both held `HELD` times."""
        shape = (self.numbers, self.samples, self.dimensions)
        kernel = jax.random.normal(key, shape) * 0.01
        centre = jnp.zeros(shape[1:])
        if self.components is not None:
            scaled = self.components.axes * (self.components.spreads / SPREAD)[:, None, None]
            count = min(len(scaled), self.numbers)
            kernel = kernel.at[:count].set(scaled[:count])
            centre = jnp.array(self.components.centre)
        return {"kernel": HELD * kernel, "centre": HELD * centre}

    def __call__(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: Size, beside: Beside = NOTHING
    ) -> Float[Array, "T B D"]:
        """Return T = `samples` outputs of each code."""
        del beside
        kernel = params["kernel"][:, :samples].reshape(self.numbers, -1) / HELD
        outputs = (codes @ kernel).reshape(codes.shape[0], samples, self.dimensions)
        return jnp.swapaxes(outputs, 0, 1) + params["centre"][:samples, None] / HELD


@dataclass(frozen=True, eq=False)
class ParallelDecoder:
    """Linear decoder, plus a transformer over the positions, which all are computed at once.

    Attributes:
      linear: the first part.
      readout: of the transformer's N features.
      layers: of attention and products.
      slots: S.
      heads: of the attention.
    """

    linear: LinearDecoder
    readout: Readout
    layers: int
    slots: int
    heads: int
    feeds_back: bool = False
    leaks: bool = False

    @property
    def longest(self) -> int:
        """T of the longest sequence."""
        return self.linear.longest

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        features, numbers = self.readout.features, self.linear.numbers
        keys = jax.random.split(key, self.layers + 4)
        positions = sinusoidal_positions(self.linear.samples, features) * 0.5
        noise = jax.random.normal(keys[0], positions.shape) * 0.1
        return {
            "linear": self.linear.init(keys[1]),
            "positions": jnp.asarray(positions) + noise,
            "slots": init_product(keys[2], numbers, self.slots * features),
            "read": self.readout.init(keys[3]),
            "norm": init_norm(features),
            **{f"layer_{n}": self._init_layer(keys[4 + n]) for n in range(self.layers)},
        }

    def _init_layer(self, key: jax.Array) -> dict[str, Any]:
        features, keys = self.readout.features, jax.random.split(key, 4)
        return {
            "film": init_film(self.linear.numbers, features),
            "norms": [init_norm(features) for _ in range(3)],
            "among": init_attention(keys[0], features, features, features),
            "slots": init_attention(keys[1], features, features, features),
            "wide": init_product(keys[2], features, 4 * features),
            "narrow": init_product(keys[3], 4 * features, features, 0.5),
        }

    def __call__(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: Size, beside: Beside = NOTHING
    ) -> Float[Array, "T B D"]:
        """Return T = `samples` outputs of each code."""
        del beside
        h = self.features(params, codes, samples)
        linear = self.linear(params["linear"], codes, samples)
        return self.readout(params["read"], jnp.swapaxes(h, 0, 1), linear)

    def features(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: Size
    ) -> Float[Array, "B T N"]:
        """Return the transformer's features of each position."""
        count, size = codes.shape[0], self.readout.features
        slots = product(params["slots"], codes).reshape(count, self.slots, size)
        h: Any = jnp.broadcast_to(params["positions"][:samples], (count, samples, size))
        for number in range(self.layers):
            layer = params[f"layer_{number}"]
            each = jnp.broadcast_to(codes[:, None], (count, samples, self.linear.numbers))
            h = modulate(layer["film"], each, h)
            first, second, third = layer["norms"]
            read = slots_to_read(layer["slots"], slots, self.heads)
            h = h + attend(layer["slots"], norm(first, h), read)[0]
            x = norm(second, h)
            h = h + attend(layer["among"], x, slots_to_read(layer["among"], x, self.heads))[0]
            wide = jax.nn.gelu(product(layer["wide"], norm(third, h)))
            h = h + product(layer["narrow"], wide)
        return norm(params["norm"], h)
