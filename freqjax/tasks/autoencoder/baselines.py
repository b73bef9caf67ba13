"""Codes without training: the mean, principal components of whole sequences, and a cosine transform.

Each is fitted to training rows and measured on others by the cosine of its outputs. Vectors that are not
present count nowhere; a code is quantised before it is decoded, as the codes of networks are.
Axes: M vectors that are present, F numbers of a flattened sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import scipy.fft
from jaxtyping import Bool, Float, Int

from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.vocabulary import unit

# Of the largest variance; below it float32 has noise alone.
_LEAST_VARIANCE = 1e-6


@runtime_checkable
class Codec(Protocol):
    """A code of K numbers a sequence, the most useful first."""

    @property
    def numbers(self) -> int:
        """K."""
        ...

    def encode(
        self, vectors: Float[np.ndarray, "N T D"], mask: Bool[np.ndarray, "N T"]
    ) -> Float[np.ndarray, "N K"]:
        """Return the codes of sequences."""
        ...

    def decode(self, codes: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N T D"]:
        """Return the sequences of codes, all T vectors of each."""
        ...


class Score(NamedTuple):
    """The cosine of outputs, and the share of the way from the mean predictor to 1 that it is."""

    cosine: float
    skill: float


def token_cosines(
    outputs: Float[np.ndarray, "N T D"],
    targets: Float[np.ndarray, "N T D"],
    mask: Bool[np.ndarray, "N T"],
) -> Float[np.ndarray, " M"]:
    """Return the cosine of each vector that is present; 0 for one of length 0."""
    return np.einsum("md,md->m", unit(outputs[mask]), unit(targets[mask]))


def mean_cosine(
    outputs: Float[np.ndarray, "N T D"],
    targets: Float[np.ndarray, "N T D"],
    mask: Bool[np.ndarray, "N T"],
) -> float:
    """Return the mean cosine over all vectors that are present, each of which counts the same."""
    return float(token_cosines(outputs, targets, mask).mean(dtype=np.float64))


def skill(cosine: float, mean: float) -> float:
    """Return (cosine − mean) / (1 − mean): 0 for the mean predictor, 1 for what is perfect."""
    return (cosine - mean) / (1 - mean) if mean < 1 else 0.0


def best_constant(
    vectors: Float[np.ndarray, "N T D"], mask: Bool[np.ndarray, "N T"]
) -> Float[np.ndarray, " D"]:
    """Return the constant output of the highest mean cosine: the mean of the vectors at length 1."""
    return unit(vectors[mask]).mean(axis=0, dtype=np.float64).astype(np.float32)


def explained(
    outputs: Float[np.ndarray, "N T D"],
    targets: Float[np.ndarray, "N T D"],
    mask: Bool[np.ndarray, "N T"],
    mean: Float[np.ndarray, " D"],
) -> float:
    """Return the share of the squared distance from a mean vector that outputs explain.

    1 − Σ ‖y − t‖² / Σ ‖t − mean‖²: 1 for what is perfect, 0 for the mean, below 0 for what is worse; 0 if no
    target is off the mean.
    """
    targets = targets[mask].astype(np.float64)
    whole = np.sum((targets - mean) ** 2)
    return float(1 - np.sum((outputs[mask] - targets) ** 2) / whole) if whole > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Quantiser:
    """Uniform levels from the lowest to the highest training value of each number of a code.

    Attributes:
      low: [K] float32.
      high: [K] float32.
      bits: a number; 2^bits levels.
    """

    low: Float[np.ndarray, " K"]
    high: Float[np.ndarray, " K"]
    bits: int

    @classmethod
    def fit(cls, codes: Float[np.ndarray, "N K"], bits: int) -> Quantiser:
        """Take the range of training codes; `bits` is at least 1."""
        return cls(codes.min(axis=0), codes.max(axis=0), bits)

    def indices(self, codes: Float[np.ndarray, "N K"]) -> Int[np.ndarray, "N K"]:
        """Return the nearest level of each number, from 0 to 2^bits − 1."""
        spread = np.where(self.high > self.low, self.high - self.low, 1)
        top = 2**self.bits - 1
        return np.clip(np.rint((codes - self.low) / spread * top), 0, top).astype(np.int64)

    def values(self, indices: Int[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
        """Return the values of levels."""
        share = indices / (2**self.bits - 1)
        return (self.low + share * (self.high - self.low)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class WindowPca:
    """Principal components of whole sequences; shorter ones are filled up with the mean vector.

    Attributes:
      fill: [D], the mean of all training vectors.
      centre: [T, D], the mean of all training sequences, filled up.
      axes: [K, F] with F = T · D, orthonormal, the strongest first.
    """

    fill: Float[np.ndarray, " D"]
    centre: Float[np.ndarray, "T D"]
    axes: Float[np.ndarray, "K F"]

    @classmethod
    def fit(
        cls, vectors: Float[np.ndarray, "N T D"], mask: Bool[np.ndarray, "N T"], numbers: int
    ) -> WindowPca:
        """Fit K = `numbers` components, or as many as there are."""
        fill = vectors[mask].mean(axis=0)
        filled = np.where(mask[..., None], vectors, fill)
        centre = filled.mean(axis=0)
        return cls(
            fill, centre, principal_axes((filled - centre).reshape(len(vectors), -1), numbers)
        )

    @property
    def numbers(self) -> int:
        """K."""
        return len(self.axes)

    def first(self, numbers: int) -> WindowPca:
        """Return the code of the first numbers alone."""
        return WindowPca(self.fill, self.centre, self.axes[:numbers])

    def encode(
        self, vectors: Float[np.ndarray, "N T D"], mask: Bool[np.ndarray, "N T"]
    ) -> Float[np.ndarray, "N K"]:
        """Return the codes of sequences."""
        filled = np.where(mask[..., None], vectors, self.fill) - self.centre
        return filled.reshape(len(vectors), -1) @ self.axes.T

    def decode(self, codes: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N T D"]:
        """Return the sequences of codes."""
        return (codes @ self.axes).reshape(len(codes), *self.centre.shape) + self.centre


@dataclass(frozen=True, eq=False)
class CosineTransform:
    """Cosine transform over time of the principal components of vectors; the strongest K coefficients.

    Attributes:
      mean: [D], the mean of all training vectors, which is taken away first.
      axes: [D, P] with P ≤ D, orthonormal columns, the principal axes of single vectors.
      centre: [T, P], the mean of the coefficients on training rows.
      kept: [K], which of the T · P coefficients, those of the largest variance on training rows first.
    """

    mean: Float[np.ndarray, " D"]
    axes: Float[np.ndarray, "D P"]
    centre: Float[np.ndarray, "T P"]
    kept: Int[np.ndarray, " K"]

    @classmethod
    def fit(
        cls, vectors: Float[np.ndarray, "N T D"], mask: Bool[np.ndarray, "N T"], numbers: int
    ) -> CosineTransform:
        """Fit K = `numbers` coefficients, or as many as there are."""
        present = vectors[mask]
        mean = present.mean(axis=0)
        axes = np.ascontiguousarray(principal_axes(present - mean, vectors.shape[2]).T)
        coefficients = _transformed(vectors, mask, mean, axes)
        strength = coefficients.var(axis=0).ravel()
        kept = np.argsort(-strength, kind="stable")[:numbers]
        return cls(mean, axes, coefficients.mean(axis=0), kept)

    @property
    def numbers(self) -> int:
        """K."""
        return len(self.kept)

    def first(self, numbers: int) -> CosineTransform:
        """Return the code of the first numbers alone."""
        return CosineTransform(self.mean, self.axes, self.centre, self.kept[:numbers])

    def encode(
        self, vectors: Float[np.ndarray, "N T D"], mask: Bool[np.ndarray, "N T"]
    ) -> Float[np.ndarray, "N K"]:
        """Return the codes of sequences."""
        terms, axes = np.unravel_index(self.kept, self.centre.shape)
        used, place = np.unique(axes, return_inverse=True)
        coefficients = _transformed(vectors, mask, self.mean, self.axes[:, used])
        return coefficients[:, terms, place]

    def decode(self, codes: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N T D"]:
        """Return the sequences of codes."""
        coefficients = np.tile(self.centre.ravel(), (len(codes), 1))
        coefficients[:, self.kept] = codes
        shaped = coefficients.reshape(len(codes), *self.centre.shape)
        found = np.asarray(scipy.fft.idct(shaped, axis=1, norm="ortho"))
        return _turned(found, self.axes.T) + self.mean


def _transformed(
    vectors: np.ndarray, mask: np.ndarray, mean: np.ndarray, axes: np.ndarray
) -> np.ndarray:
    """Return the cosine transform [N, T, P] over time of the parts of vectors along axes [D, P]."""
    centred = np.where(mask[..., None], vectors - mean, np.float32(0))
    return np.asarray(scipy.fft.dct(_turned(centred, axes), axis=1, norm="ortho"))


def _turned(vectors: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Multiply vectors [N, T, A] by axes [A, B] in one product, which is many times as fast as N of them."""
    count, samples, _ = vectors.shape
    flat = vectors.reshape(count * samples, len(axes)) @ axes
    return flat.reshape(count, samples, axes.shape[1])


def principal_axes(rows: Float[np.ndarray, "R F"], count: int) -> Float[np.ndarray, "K F"]:
    """Return the strongest K = `count` principal axes of centred rows, or as many as have a variance.

    They are the eigenvectors of the smaller of the products Xᵀ X and X Xᵀ.
    """
    wide = rows.shape[0] < rows.shape[1]
    product = (rows @ rows.T if wide else rows.T @ rows).astype(np.float64)
    size = len(product)
    # NumPy's, which lets other threads run meanwhile; SciPy's is no quicker for the strongest alone.
    values, vectors = np.linalg.eigh(product)
    first = max(size - count, 0)
    values, vectors = values[first:][::-1], vectors[:, first:][:, ::-1]
    kept = values > max(values[0], 0) * _LEAST_VARIANCE
    if not wide:
        return vectors[:, kept].T.astype(np.float32)
    return (vectors[:, kept] / np.sqrt(values[kept])).T.astype(np.float32) @ rows


def through(
    codec: Codec, train: Part, part: Part, bits: int | None = None
) -> Float[np.ndarray, "N T D"]:
    """Return the sequences of a part after encoding, quantising and decoding.

    Args:
      codec: the code.
      train: training rows, whose codes give the range of the quantiser.
      part: what is encoded.
      bits: a number of the code; None for float32.
    """
    codes = codec.encode(part.vectors, part.mask)
    if bits is not None:
        quantiser = Quantiser.fit(codec.encode(train.vectors, train.mask), bits)
        codes = quantiser.values(quantiser.indices(codes))
    return codec.decode(codes)


def measure_baselines(
    train: Part, part: Part, numbers: int, bits: int | None = 8
) -> dict[str, Score]:
    """Measure all baselines of K = `numbers` on a part: mean, pca and dct, by name.

    Args:
      train: training rows, which alone they are fitted to.
      part: the rows to measure on.
      numbers: K; the mean has none.
      bits: a number of the code; None for float32.
    """
    constant = np.broadcast_to(best_constant(train.vectors, train.mask), part.vectors.shape)
    mean = mean_cosine(constant, part.vectors, part.mask)
    found = {"mean": Score(mean, 0.0)}
    for name, kind in (("pca", WindowPca), ("dct", CosineTransform)):
        codec = kind.fit(train.vectors, train.mask, numbers)
        cosine = mean_cosine(through(codec, train, part, bits), part.vectors, part.mask)
        found[name] = Score(cosine, skill(cosine, mean))
    return found
