"""MiniRocket (Dempster, Schmidt and Webb 2021): how often convolutions with fixed kernels exceed a bias.

The 84 kernels have nine weights, three of them 2 and six −1, so that they sum to 0. Each is spread over
several dilations, and its biases are quantiles of the convolution of one training row. A feature is the share
of samples at which the convolution is above the bias. With several channels, each pair of a kernel and a
dilation sums over a random subset of them. A ridge regression of the features is the classifier.

Three things differ from the authors' code, which knows neither absent samples nor units: channels are scaled
by training rows, since a sum over channels would be that of the largest; what is absent counts as the mean,
0; and a share is that of the samples which are present. For rows that are wholly present, samples count as
there: all of them, or for every second kernel those alone whose nine taps lie inside the row.
Axes: N rows, T samples, F channels, D dilations, B biases, K features.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

_TAPS = 9
_TRIPLES = tuple(itertools.combinations(range(_TAPS), 3))
KERNELS = len(_TRIPLES)
FEATURES = 9996
_MOST_DILATIONS = 32
_MOST_CHANNELS = 9
# Rows whose features are computed at once, which bounds memory.
_PIECE = 128


def kernel_weights() -> Float[np.ndarray, "84 9"]:
    """Return the weights of all kernels: 2 at each choice of three taps of nine, −1 elsewhere."""
    weights = np.full((KERNELS, _TAPS), -1, np.float32)
    for kernel, triple in enumerate(_TRIPLES):
        weights[kernel, list(triple)] = 2
    return weights


def dilations_of(samples: int, features: int) -> dict[int, int]:
    """Return the dilations, and how many biases each kernel has at each of them.

    They rise exponentially up to that whose nine taps just fit in T samples; several that round to the same
    whole number share one place and have that many more biases.

    Args:
      samples: T.
      features: of all kernels together; rounded down to a multiple of 84, and at least 84.
    """
    each = max(features // KERNELS, 1)
    most = min(each, _MOST_DILATIONS)
    exponent = max(math.log2(max(samples - 1, 1) / (_TAPS - 1)), 0.0)
    spread = np.logspace(0, exponent, most, base=2).astype(np.int64)
    dilations, counts = np.unique(spread, return_counts=True)
    biases = (counts * (each / most)).astype(np.int64)
    # What rounding left goes to the smallest dilations, one each, over and over.
    biases += np.bincount(np.arange(each - biases.sum()) % len(biases), minlength=len(biases))
    return {int(d): int(b) for d, b in zip(dilations, biases, strict=True)}


@dataclass(frozen=True, eq=False)
class MiniRocket:
    """Features of rows with T samples and F channels.

    Attributes:
      mean: [F], of what is present in training rows.
      scale: [F], its deviation; 1 for a channel that does not vary.
      channels: of each dilation, [84, F], 1 for the channels that a kernel sums over, else 0.
      biases: of each dilation, [84, B].
    """

    mean: Float[np.ndarray, " F"]
    scale: Float[np.ndarray, " F"]
    channels: dict[int, Float[np.ndarray, "84 F"]]
    biases: dict[int, Float[np.ndarray, "84 _"]]

    @classmethod
    def fit(
        cls,
        signals: Float[np.ndarray, "N T F"],
        mask: Bool[np.ndarray, "N T F"],
        features: int = FEATURES,
        seed: int = 0,
        scaled: bool = True,
    ) -> MiniRocket:
        """Draw channels, and take biases from training rows.

        Args:
          signals: training rows; values where `mask` is False do not matter.
          mask: which values are present.
          features: K, rounded down to a multiple of 84.
          seed: of the channels, and of the rows that biases are taken from.
          scaled: whether channels are scaled; False is as published.
        """
        random = np.random.default_rng(seed)
        rows, samples, count = signals.shape
        mean, scale = np.zeros(count, np.float32), np.ones(count, np.float32)
        if scaled:
            mean, scale = _moments(signals, mask)
        found = cls(mean, scale, {}, {})
        ratio = (math.sqrt(5) + 1) / 2
        # Shares spread evenly whatever their number (a sequence of low discrepancy).
        shares = iter(np.arange(1, KERNELS * (features // KERNELS + 1) + 1) * ratio % 1)
        for dilation, each in dilations_of(samples, features).items():
            subsets = np.stack([_subset(random, count) for _ in range(KERNELS)])
            chosen = _filled(random.integers(0, rows, KERNELS))
            xs, there = found._scaled(signals[chosen], mask[chosen])
            sums, present = map(np.asarray, _convolve(dilation, xs, there, subsets))
            biases = np.zeros((KERNELS, each), np.float32)
            for kernel in range(KERNELS):
                asked = [next(shares) for _ in range(each)]
                # Of all samples that are present, as published, and not of those alone that count.
                values = sums[kernel, present[kernel, :, kernel], kernel]
                if len(values):
                    biases[kernel] = np.quantile(values, asked)
            found.channels[dilation], found.biases[dilation] = subsets, biases
        return found

    @property
    def count(self) -> int:
        """K."""
        return sum(biases.size for biases in self.biases.values())

    def features(
        self, signals: Float[np.ndarray, "N T F"], mask: Bool[np.ndarray, "N T F"]
    ) -> Float[np.ndarray, "N K"]:
        """Return the features of rows, float32 from 0 to 1; 0 where no sample counts.

        Args:
          signals: values where `mask` is False do not matter.
          mask: which values are present.
        """
        found = np.empty((len(signals), self.count), np.float32)
        for start in range(0, len(signals), _PIECE):
            stop = min(start + _PIECE, len(signals))
            rows = _filled(np.arange(start, stop))
            xs, there = self._scaled(signals[rows], mask[rows])
            place = 0
            for index, (dilation, biases) in enumerate(self.biases.items()):
                convolved = _convolve(dilation, xs, there, self.channels[dilation])
                sums, total = _count(dilation, index % 2, *convolved)
                for bias in biases.T:
                    shares = np.asarray(_shares(sums, total, bias)).T
                    found[start:stop, place : place + KERNELS] = shares[: stop - start]
                    place += KERNELS
        return found

    def _scaled(self, signals: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return signals [F, T, N], scaled and 0 where absent, and the mask [F, T, N], both float32."""
        scaled = (signals.astype(np.float32) - self.mean[None, None]) / self.scale[None, None]
        there = np.where(mask, scaled, 0).astype(np.float32)
        return there.transpose(2, 1, 0), mask.astype(np.float32).transpose(2, 1, 0)


def _filled(rows: np.ndarray) -> np.ndarray:
    """Repeat the last number of a row up to a whole piece: one compiled program then serves all pieces."""
    return np.concatenate([rows, np.full(_PIECE - len(rows), rows[-1])])


def _moments(signals: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the deviation [F] of what is present."""
    count = np.maximum(mask.sum(axis=(0, 1)), 1)
    mean = np.where(mask, signals, 0).sum(axis=(0, 1), dtype=np.float64) / count
    centred = np.where(mask, signals - mean, 0)
    deviation = np.sqrt(np.sum(centred**2, axis=(0, 1), dtype=np.float64) / count)
    return mean.astype(np.float32), np.where(deviation > 0, deviation, 1).astype(np.float32)


def _subset(random: np.random.Generator, channels: int) -> np.ndarray:
    """Draw which channels [F] are summed over: 1 to 9 of them, their number log-uniform, as 0 and 1."""
    most = min(channels, _MOST_CHANNELS)
    size = int(2 ** random.uniform(0, math.log2(most + 1)))
    chosen = np.zeros(channels, np.float32)
    chosen[random.choice(channels, min(size, most), replace=False)] = 1
    return chosen


def _taps(dilation: jax.Array, xs: jax.Array) -> jax.Array:
    """Return what each of nine taps sees at each sample: [9, ..., T, N] of [..., T, N]; 0 beyond the ends.

    The dilation is an argument of the compiled program, so that one program serves all: the padding is that
    of the largest.
    """
    length, half = xs.shape[-2], _TAPS // 2
    reach = max(length // 2, half)
    padded = jnp.pad(xs, [(0, 0)] * (xs.ndim - 2) + [(reach, reach), (0, 0)])
    starts = [reach + (j - half) * dilation for j in range(_TAPS)]
    return jnp.stack([jax.lax.dynamic_slice_in_dim(padded, s, length, -2) for s in starts])


@jax.jit
def _convolve(
    dilation: jax.Array, xs: jax.Array, there: jax.Array, channels: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Convolve rows [F, T, N] with all kernels: [84, T, N], and where any channel of a kernel is present."""
    product = jnp.asarray(kernel_weights())[:, :, None] * channels[:, None, :]
    sums = jnp.einsum("kjf,jftn->ktn", product, _taps(dilation, xs))
    return sums, jnp.einsum("kf,ftn->ktn", channels, there) > 0


@jax.jit
def _count(
    dilation: jax.Array, parity: jax.Array, sums: jax.Array, present: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return convolutions [84, T, N], −∞ where a sample does not count, and how many count, [84, N].

    For kernels of the given parity every sample that is present counts, for the others those alone whose
    nine taps all are.
    """
    inside = jnp.all(_taps(dilation, present), axis=0)
    every = (jnp.arange(KERNELS) % 2 == parity)[:, None, None]
    counts = jnp.where(every, present, inside)
    total = jnp.maximum(jnp.sum(counts, axis=1, dtype=jnp.float32), 1)
    return jnp.where(counts, sums, -jnp.inf), total


@jax.jit
def _shares(sums: jax.Array, total: jax.Array, bias: jax.Array) -> jax.Array:
    """Return the share [84, N] of the samples that count at which convolutions exceed the bias [84]."""
    return jnp.sum(sums > bias[:, None, None], axis=1, dtype=jnp.float32) / total
