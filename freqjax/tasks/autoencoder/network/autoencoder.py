"""The autoencoder as a network: encoder, code, decoder, and how they are trained.

    evaluation   xs → z → the nearest levels of tanh(z) → outputs, on the decoder's own last outputs
    training     xs with words dropped → z → tanh(z) with noise → outputs, on targets as often as forcing says

A decoder reads nothing but the code unless it is labelled a leak. Axes: T samples, B sequences, D dimensions,
K numbers of a code.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from freqjax.networks import TrainingPass
from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.cell import Cell, OfCell
from freqjax.networks.network import Carry, Params
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.decoders import NOTHING, Beside, Decoder, Forced
from freqjax.tasks.autoencoder.network.encoders import (
    Encoded,
    Encoder,
    TrainedEncoder,
    presence,
)
from freqjax.tasks.autoencoder.network.recurrent import RecurrentDecoder


@dataclass(frozen=True)
class Practice:
    """What training does besides decoding the code.

    Attributes:
      forcing: the share of samples that read the target before them, a phase each; empty for none.
      lengths: the samples that count in a phase; empty for all.
      phase: updates of a phase; the last one goes on.
      gives_answer: whether forcing gives target t at sample t, a leak, and not the one before it.
      word_dropout: probability with which the encoder sees 0 in place of a vector.
      input_noise: standard deviation of the noise on the encoder's vectors.
      whole: weight of the cosine distance of whole sequences in the loss.
    """

    forcing: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()
    phase: int = 1
    gives_answer: bool = False
    word_dropout: float = 0.0
    input_noise: float = 0.0
    whole: float = 0.0

    @property
    def always_forced(self) -> bool:
        """Whether every sample of every phase reads the target before it."""
        return bool(self.forcing) and min(self.forcing) == 1

    def share(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """Return the share of samples that read the target, at an update."""
        return self._at(self.forcing, step)

    def length(self, step: Int[Array, ""]) -> Int[Array, ""]:
        """Return the samples that count, at an update."""
        return self._at(self.lengths, step)

    def _at(self, values: tuple[Any, ...], step: Int[Array, ""]) -> Any:
        return jnp.asarray(values)[jnp.minimum(step // self.phase, len(values) - 1)]


class AutoencoderNetwork:
    """Network of whole sequences through a code of K numbers.

    Attributes:
      encoder, code, decoder, practice: its parts.
      dropout: the probability of dropping a feature between the encoder's layers.
    """

    def __init__(self, encoder: Encoder, code: Code, decoder: Decoder, practice: Practice) -> None:
        """Join the parts."""
        self.encoder, self.code, self.decoder, self.practice = encoder, code, decoder, practice
        self.dropout = encoder.dropout

    @property
    def description(self) -> str:
        """Kind and sizes in words."""
        kinds = [
            type(part).__name__.removesuffix(suffix).lower()
            for part, suffix in ((self.encoder, "Encoder"), (self.decoder, "Decoder"))
        ]
        if isinstance(self.encoder, TrainedEncoder):
            own = {"linear": self.encoder.linear, "recurrent": self.encoder.recurrent}
            kinds[0] = " and ".join(name for name, part in own.items() if part is not None)
        return (
            f"autoencoder, encoder: {kinds[0]}, code: {self.code.numbers} numbers of {self.code.bits} bits, "
            f"decoder: {kinds[1]}"
        )

    @property
    def longest(self) -> int:
        """T of the longest sequence."""
        return self.decoder.longest

    @property
    def cell(self) -> type[Cell] | None:
        """The class of the cell that it trains by scans; None if there are none."""
        encoder, decoder = self.encoder, self.decoder
        if isinstance(encoder, OfCell) and encoder.cell is not None:
            return encoder.cell
        return decoder.cell if isinstance(decoder, RecurrentDecoder) and decoder.scans else None

    def with_cell(self, cell: type[Cell]) -> Self:
        """Return the network with another implementation of its cell: see `networks.cell.OfCell`."""
        other = copy.copy(self)
        if isinstance(self.encoder, OfCell):
            other.encoder = self.encoder.with_cell(cell)
        if isinstance(self.decoder, OfCell):
            other.decoder = self.decoder.with_cell(cell)
        return other

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters."""
        encoder_key, decoder_key = jax.random.split(key)
        params = {
            "encoder": self.encoder.init(encoder_key),
            "decoder": self.decoder.init(decoder_key),
            "code": self.code.init(),
        }
        return {part: weights for part, weights in params.items() if weights}

    def init_carry(self, params: Params, streams: Size) -> Carry:
        """Return the carry of B = `streams` sequences, which is none."""
        del params, streams
        return ()

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, Float[Array, "T B D"]]:
        """Encode, quantise and decode: xs [T, B, D], resets [T, B] → carry, ys [T, B, D]."""
        present = presence(resets)
        encoded = self.encoder(params, xs, resets, present, dropout_key)
        code = self.code.quantised(self.bounded(params, encoded))
        beside = Beside(encoded.states, present)
        return carry, self.decoder(params["decoder"], code, xs.shape[0], beside)

    def encode(
        self,
        params: Params,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[Float[Array, "B K"], Beside]:
        """Return the numbers before they are quantised, and what a leaking decoder reads besides."""
        present = presence(resets)
        encoded = self.encoder(params, xs, resets, present)
        return self.bounded(params, encoded), Beside(encoded.states, present)

    def decode(
        self,
        params: Params,
        codes: Float[AnyArray, "B K"],
        samples: Size,
        beside: Beside = NOTHING,
    ) -> Float[Array, "T B D"]:
        """Return T = `samples` outputs of each code, on the decoder's own last outputs."""
        return self.decoder(params["decoder"], codes, samples, beside)

    def bounded(self, params: Params, encoded: Encoded) -> Float[Array, "B K"]:
        """Return the numbers in [−1, 1] of what the encoder gives."""
        return self.code.of(params.get("code", {}), encoded.z)

    def training_pass(
        self,
        params: Params,
        xs: Float[AnyArray, "T B D"],
        targets: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        key: jax.Array,
        step: Int[Array, ""],
    ) -> TrainingPass:
        """Run B sequences as training does: see `freqjax.networks.TrainsApart`."""
        practice, present = self.practice, presence(resets)
        drop_key, word_key, code_key, force_key, noise_key = jax.random.split(key, 5)
        seen: Any = xs
        if practice.input_noise:
            seen = seen + practice.input_noise * jax.random.normal(noise_key, xs.shape)
        if practice.word_dropout:
            kept = jax.random.bernoulli(word_key, 1 - practice.word_dropout, xs.shape[:2])
            seen = jnp.where(kept[..., None], seen, 0)
        encoded = self.encoder(params, seen, resets, present, drop_key if self.dropout else None)
        weights = params.get("code", {})
        code, penalty = self.code.noisy(weights, encoded.z, code_key, step)
        forced = None
        if practice.forcing and self.decoder.feeds_back:
            shown = jnp.roll(targets, -1, axis=0) if practice.gives_answer else targets
            forced = Forced(shown, practice.share(step), force_key)
        beside = Beside(encoded.states, present, forced)
        outputs = self.decoder(params["decoder"], code, xs.shape[0], beside)
        counted = None
        if practice.lengths:
            counted = jnp.broadcast_to(
                jnp.arange(xs.shape[0])[:, None] < practice.length(step), present.shape
            )
        if practice.whole:
            there = present if counted is None else present & counted
            penalty = penalty + practice.whole * whole_distance(outputs, targets, there)
        return TrainingPass(outputs, penalty, counted)


def whole_distance(
    outputs: Float[AnyArray, "T B D"],
    targets: Float[AnyArray, "T B D"],
    present: Bool[AnyArray, "T B"],
) -> Float[Array, ""]:
    """Return the mean over sequences of 1 − cosine, each flattened to one vector of T · D numbers.

    It hides most of what a decoder does: one constant scores 0.96 on words, where a token's cosine is 0.57.
    """
    flags = present[..., None]
    ys, ts = jnp.where(flags, outputs, 0), jnp.where(flags, targets, 0)
    dots = jnp.sum(ys * ts, axis=(0, 2))
    squares = [jnp.maximum(jnp.sum(jnp.square(a), axis=(0, 2)), 1e-12) for a in (ys, ts)]
    return jnp.mean(1 - dots / jnp.sqrt(squares[0] * squares[1]))
