"""Probes of an autoencoder with frozen weights: what its outputs owe to the code, and what to anything else.

Each runs the decoder on something other than the code of the sequence and measures the cosine again:

| probe | the decoder reads | finds |
|---|---|---|
| zeroed | zeros | a code that is not used |
| swapped | the code of another sequence | the same |
| moved | its code, every number one level up or down | a code whose neighbours mean other things |
| states swapped | its own code, and the encoder's states of another | a decoder that looks past the code |
| bits | the code at 32, 8 and 4 bits a number | what a precision is worth |
| forced | its own code, and the target before each sample | exposure bias |
| answer | the same, with one target changed | a change at sample t in output t: the answer was given |

Axes: N sequences, T samples, D dimensions, K numbers of a code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from freqjax import progress
from freqjax.networks.network import Params
from freqjax.tasks.autoencoder.baselines import mean_cosine
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.decoders import Beside, Forced
from freqjax.tasks.autoencoder.network.encoders import resets_of
from freqjax.tasks.autoencoder.vocabulary import unit

# Sequences that are decoded at once, which bounds the memory.
_PIECE = 64
# Bits a number at which a code is decoded; 32 stands for float32.
RATES = (32, 8, 4)


class Geometry(NamedTuple):
    """Shape of the codes of many sequences.

    Attributes:
      participation: (Σ λ)² / Σ λ² of the variances λ along principal axes: how many numbers are in use.
      first: share of the variance along the first axis.
      length_r2: share of the variance of sequence lengths that a linear function of the code explains; None
        if all are of one length. Of codes that are not finite the others are NaN.
    """

    participation: float
    first: float
    length_r2: float | None


class Probes(NamedTuple):
    """Cosines of a decoder under the probes of the table above.

    Attributes:
      cosine: as evaluated.
      zeroed, swapped, moved: under these probes.
      states_swapped: the same; None of a decoder that does not read the encoder's states.
      by_bits: bits → cosine.
      forced: None of a decoder that is not fed its own outputs.
      answer: the largest change of an output when its own target is changed, as a share of the largest
        change of any output; None as above.
      varied: variance of the outputs across sequences as a share of the targets', both at length 1.
      geometry: of the codes.
    """

    cosine: float
    zeroed: float
    swapped: float
    moved: float
    states_swapped: float | None
    by_bits: dict[int, float]
    forced: float | None
    answer: float | None
    varied: float
    geometry: Geometry


class Coded(NamedTuple):
    """Codes of the sequences of a part, and what a leaking decoder reads besides.

    Attributes:
      codes: [N, K] float32 in [−1, 1], before they are quantised.
      beside: the encoder's states.
    """

    codes: Float[np.ndarray, "N K"]
    beside: Beside


class Probed:
    """A network with frozen weights, run in pieces of sequences, each program compiled once."""

    def __init__(self, network: AutoencoderNetwork, params: Params) -> None:
        """Store network and weights."""
        self._network, self._params = network, params
        self._encode = jax.jit(network.encode)
        self._decode = jax.jit(network.decode, static_argnums=2)

    def encode(self, part: Part) -> Coded:
        """Encode the sequences of a part."""
        xs, resets = _rows(part)
        codes, states, present = [], [], []
        for piece in _pieces(len(part.mask)):
            found, beside = self._encode(self._params, xs[:, piece], resets[:, piece])
            codes.append(np.asarray(found))
            if self._network.decoder.leaks:
                states.append(np.asarray(beside.states))
            present.append(np.asarray(beside.present))
        joined: Any = np.concatenate(states, axis=1) if states else None
        there: Any = np.concatenate(present, axis=1)
        return Coded(np.concatenate(codes), Beside(joined, there))

    def decode(
        self, codes: Float[np.ndarray, "N K"], samples: int, beside: Beside
    ) -> Float[np.ndarray, "N T D"]:
        """Decode codes as they are."""
        parts = []
        for piece in _pieces(len(codes)):
            found = self._decode(self._params, codes[piece], samples, _piece_of(beside, piece))
            parts.append(np.swapaxes(np.asarray(found), 0, 1))
        return np.concatenate(parts)


def probe(
    network: AutoencoderNetwork,
    params: Params,
    part: Part,
    outputs: Float[np.ndarray, "N T D"],
) -> Probes:
    """Run all probes on the sequences of a part, beside the outputs as evaluated."""
    probed = Probed(network, params)
    coded = probed.encode(part)
    samples = part.mask.shape[1]

    def cosine(codes: Any, beside: Beside = coded.beside) -> float:
        decoded = probed.decode(np.asarray(codes, np.float32), samples, beside)
        return mean_cosine(decoded, part.vectors, part.mask)

    own = mean_cosine(outputs, part.vectors, part.mask)
    quantised = _at_bits(network.code, coded.codes, network.code.bits)
    others = [bits for bits in RATES if bits != network.code.bits]
    at = {
        bits: cosine(_at_bits(network.code, coded.codes, bits))
        for bits in progress.each("probes", others)
    }
    turned = coded.beside._replace(states=_turned(coded.beside.states))
    forced = answer = None
    if network.decoder.feeds_back:
        targets = np.swapaxes(part.vectors, 0, 1)
        shown = coded.beside._replace(forced=_forced(network, targets))
        forced = cosine(quantised, shown)
        answer = _answer(network, params, quantised, shown, part)
    return Probes(
        cosine=own,
        zeroed=cosine(np.zeros_like(quantised)),
        swapped=cosine(np.roll(quantised, 1, axis=0)),
        moved=cosine(_moved(network.code, coded.codes)),
        states_swapped=cosine(quantised, turned) if network.decoder.leaks else None,
        by_bits={bits: at.get(bits, own) for bits in RATES},
        forced=forced,
        answer=answer,
        varied=varied(outputs, part.vectors, part.mask),
        geometry=geometry(coded.codes, part.mask.sum(axis=1)),
    )


def varied(
    outputs: Float[np.ndarray, "N T D"],
    targets: Float[np.ndarray, "N T D"],
    mask: Bool[np.ndarray, "N T"],
) -> float:
    """Return the variance of outputs across sequences as a share of the targets'; 1 if these have none.

    Vectors are compared at length 1, at each sample with those of other sequences: an output that depends on
    the sample alone has 0.
    """

    def variance(vectors: np.ndarray) -> float:
        directions = np.where(mask[..., None], unit(vectors), 0).astype(np.float64)
        counts = np.maximum(mask.sum(axis=0), 1)[:, None]
        centred = np.where(mask[..., None], directions - directions.sum(axis=0) / counts, 0)
        return float(np.sum(centred**2))

    wanted = variance(targets)
    return variance(outputs) / wanted if wanted > 0 else 1.0


def geometry(codes: Float[np.ndarray, "N K"], lengths: np.ndarray) -> Geometry:
    """Describe the shape of codes.

    Args:
      codes: of N sequences.
      lengths: [N], their numbers of vectors.
    """
    if not np.isfinite(codes).all():
        return Geometry(np.nan, np.nan, None)
    centred = codes.astype(np.float64) - codes.mean(axis=0, dtype=np.float64)
    variances = np.linalg.eigvalsh(centred.T @ centred / len(codes))[::-1].clip(0)
    total = variances.sum()
    if total <= 0:
        return Geometry(0.0, 1.0, None)
    spread = lengths - lengths.mean()
    r2 = None
    if np.any(spread) and len(codes) > codes.shape[1] + 1:
        fitted = centred @ np.linalg.lstsq(centred, spread, rcond=None)[0]
        r2 = float(1 - np.sum((spread - fitted) ** 2) / np.sum(spread**2))
    participation = total**2 / np.sum(variances**2)
    return Geometry(float(participation), float(variances[0] / total), r2)


def _rows(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs [T, N, D] and resets [T, N] as evaluation gives them to a network."""
    return np.swapaxes(part.vectors, 0, 1), np.asarray(resets_of(part.mask))


def _pieces(count: int) -> list[slice]:
    return [slice(first, min(first + _PIECE, count)) for first in range(0, count, _PIECE)]


def _piece_of(beside: Beside, piece: slice) -> Beside:
    """Return what belongs to a piece of the sequences."""

    def cut(array: Any) -> Any:
        return None if array is None else array[:, piece]

    forced = beside.forced
    if forced is not None:
        forced = forced._replace(vectors=forced.vectors[:, piece])
    return Beside(cut(beside.states), cut(beside.present), forced)


def _turned(states: Any) -> Any:
    """Give every sequence the states of the one before it."""
    return None if states is None else np.roll(states, 1, axis=1)


def _at_bits(code: Code, codes: np.ndarray, bits: int) -> np.ndarray:
    """Return codes at the nearest levels of `bits` a number; as they are at 32."""
    if bits >= 32:
        return codes
    return np.asarray(dataclasses.replace(code, bits=bits).quantised(jnp.asarray(codes)))


def _moved(code: Code, codes: np.ndarray) -> np.ndarray:
    """Return codes with every number one level up or down at random; inwards from the first and the last."""
    indices = np.asarray(code.indices(jnp.asarray(codes)))
    steps = np.random.default_rng(0).choice([-1, 1], indices.shape)
    top = 2**code.bits - 1
    moved = np.where(
        (indices + steps < 0) | (indices + steps > top), indices - steps, indices + steps
    )
    return np.asarray(code.values(jnp.asarray(moved.astype(np.int32))))


def _forced(network: AutoencoderNetwork, targets: Any) -> Forced:
    """Return targets [T, N, D] as training shows them, at every sample."""
    shown = jnp.roll(targets, -1, axis=0) if network.practice.gives_answer else targets
    return Forced(shown, jnp.ones(()), jax.random.key(0))


def _answer(
    network: AutoencoderNetwork, params: Params, codes: np.ndarray, shown: Beside, part: Part
) -> float:
    """Return how much output t follows a change of target t, as a share of the change of any output."""
    lengths = part.mask.sum(axis=1)
    kept = np.flatnonzero(lengths >= 3)[:8]
    if not len(kept):
        return 0.0
    place = int(lengths[kept].min()) // 2

    def few(array: Any) -> Any:
        return None if array is None else jnp.asarray(array)[:, kept]

    beside = Beside(few(shown.states), few(shown.present))
    targets = jnp.swapaxes(jnp.asarray(part.vectors[kept]), 0, 1)
    run: Callable[[Array], Array] = jax.jit(
        lambda targets: network.decode(
            params,
            jnp.asarray(codes[kept]),
            targets.shape[0],
            beside._replace(forced=_forced(network, targets)),
        )
    )
    changed = np.asarray(run(targets.at[place].add(1.0)) - run(targets))
    moved = np.abs(changed).max(axis=(1, 2))
    largest = float(moved.max())
    return float(moved[place]) / largest if largest > 0 else 0.0
