"""Curves: every number of a code is a place on a curve through the vectors of its own part of the sequence.

    places        c_k in [−1, 1], P nodes at equal distances, E [P, L, D] the vectors of a segment at each
    decoder       y of segment k = the two nodes beside c_k, in proportion to the distance
    encoder       c_k = the node whose vectors are nearest to those of segment k

One line through many dimensions passes near all of them only if it folds. Noise on the code while it is
trained, large at first and small in the end, folds it without tearing: nodes beside each other stand for
vectors that resemble each other, as far as the last noise reaches (Kohonen 1982; the noise as that of a
channel: Luttrell 1989). Without noise the nodes are codewords, and their order means nothing.

With K ≤ T numbers a segment has T / K samples, and all segments share the nodes. With more, a segment is a
sample, and each further T numbers are a stage: a curve of its own, added to what the stages before it put out
(Juang and Gray 1982), and encoded after them.
Axes: T samples, B sequences, D dimensions, K numbers of a code, S stages, M segments of a stage, L samples of
the longest segment, P nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from freqjax.networks.arrays import AnyArray, Size
from freqjax.tasks.autoencoder.network.decoders import NOTHING, Beside, Sizes

_EPSILON = 1e-12
# Lines that are drawn if there are no rows to begin with: standard deviation of their vectors' features.
_SPREAD = 0.1
# About how many sequences the first lines are fitted to, which bounds the memory.
_MOST_ROWS = 2048


class Stage(NamedTuple):
    """The samples that M numbers of a code speak of.

    Attributes:
      first: the first of these numbers.
      samples: [M, L] int, of each segment; T where a segment has fewer than L.
    """

    first: int
    samples: Int[np.ndarray, "M L"]


def stages_of(samples: int, numbers: int) -> tuple[Stage, ...]:
    """Divide T = `samples` among K = `numbers`: evenly, and over again where there are more numbers."""
    found = []
    for first in range(0, numbers, samples):
        count = min(samples, numbers - first)
        edges = np.round(np.arange(count + 1) * samples / count).astype(int)
        if first:  # a further stage: a sample each, from the first, which all sequences have
            edges = np.arange(count + 1)
        places = edges[:-1, None] + np.arange(np.diff(edges).max())
        found.append(Stage(first, np.where(places < edges[1:, None], places, samples)))
    return tuple(found)


class Lines(NamedTuple):
    """Straight lines that curves begin as, of one stage.

    Attributes:
      nodes: [P, L, D].
    """

    nodes: Float[np.ndarray, "P L D"]


def lines_of(
    vectors: Float[np.ndarray, "N T D"],
    mask: Bool[np.ndarray, "N T"],
    numbers: int,
    nodes: int,
) -> tuple[Lines, ...]:
    """Return lines along the principal axes of the segments of training rows, a stage each.

    The first begins at the mean; the nodes lie as the quantiles of a normal distribution do.

    Args:
      vectors: training sequences.
      mask: which vectors are present.
      numbers: K.
      nodes: P.
    """
    every = max(1, len(mask) // _MOST_ROWS)
    vectors, mask = vectors[::every], mask[::every]
    present = np.where(mask[..., None], vectors, 0)
    padded = np.concatenate([present, np.zeros_like(present[:, :1])], axis=1)
    there = np.concatenate([mask, np.zeros_like(mask[:, :1])], axis=1)
    quantiles = np.array([NormalDist().inv_cdf((p + 0.5) / nodes) for p in range(nodes)])
    found = []
    for number, stage in enumerate(stages_of(vectors.shape[1], numbers)):
        rows = padded[:, stage.samples].reshape(-1, stage.samples.shape[1], vectors.shape[2])
        counted = there[:, stage.samples].reshape(rows.shape[:2])
        mean = rows.sum(0) / np.maximum(counted.sum(0), 1)[:, None]
        centred = np.where(counted[..., None], rows - mean, 0).reshape(len(rows), -1)
        spreads, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(rows))
        # With more stages than axes the axes are used over again.
        which = -1 - number % len(spreads)
        axis = axes[:, which] * np.sqrt(max(spreads[which], 0))
        line = quantiles[:, None, None] * axis.reshape(1, *mean.shape)
        found.append(Lines((line + (mean if number == 0 else 0)).astype(np.float32)))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class CurveDecoder(Sizes):
    """Decoder by a curve for each stage of a code.

    Attributes:
      nodes: P.
      lines: initial nodes; None for random ones.
      squared: whether the nearest node is that of the least squared error, and not of the highest cosine.
    """

    nodes: int
    lines: tuple[Lines, ...] | None = None
    squared: bool = False
    feeds_back: bool = False
    leaks: bool = False

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The samples of each number."""
        return stages_of(self.samples, self.numbers)

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters: nodes [P, L, D] of each stage."""
        if self.lines is not None:
            return {f"stage_{s}": jnp.array(line.nodes) for s, line in enumerate(self.lines)}
        places = jnp.linspace(-1.0, 1.0, self.nodes)[:, None, None]
        drawn = {}
        for number, stage in enumerate(self.stages):
            shape = (2, 1, stage.samples.shape[1], self.dimensions)
            centre, axis = jax.random.normal(jax.random.fold_in(key, number), shape) * _SPREAD
            drawn[f"stage_{number}"] = centre + places * axis
        return drawn

    def __call__(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: Size, beside: Beside = NOTHING
    ) -> Float[Array, "T B D"]:
        """Return T = `samples` outputs of each code."""
        del beside
        outputs = jnp.zeros((self.samples + 1, codes.shape[0], self.dimensions))
        for number, stage in enumerate(self.stages):
            own = codes[:, stage.first : stage.first + len(stage.samples)]
            parts = self._between(params[f"stage_{number}"], own)
            # What a segment lacks to L samples goes behind the last one.
            outputs = outputs.at[stage.samples].add(jnp.moveaxis(parts, 0, 2))
        return outputs[:samples]

    def _between(
        self, nodes: Float[AnyArray, "P L D"], codes: Float[AnyArray, "B M"]
    ) -> Float[Array, "B M L D"]:
        """Return the vectors at places of a curve, by the two nodes beside each."""
        place = (jnp.clip(codes, -1, 1) + 1) / 2 * (self.nodes - 1)
        lower = jnp.clip(jnp.floor(place), 0, max(self.nodes - 2, 0)).astype(jnp.int32)
        share = (place - lower)[..., None, None]
        upper = jnp.minimum(lower + 1, self.nodes - 1)
        nodes = jnp.asarray(nodes)
        return (1 - share) * nodes[lower] + share * nodes[upper]

    def nearest(
        self, params: Any, xs: Float[AnyArray, "T B D"], present: Bool[AnyArray, "T B"]
    ) -> Float[Array, "B K"]:
        """Return the numbers whose nodes are nearest, stage by stage; 0 where no vector is present."""
        samples, count = xs.shape[:2]
        rest = ((0, self.samples + 1 - samples), (0, 0))
        targets = jnp.pad(jnp.where(present[..., None], xs, 0), (*rest, (0, 0)))
        there = jnp.pad(present, rest)
        outputs = jnp.zeros_like(targets)
        codes = []
        for number, stage in enumerate(self.stages):
            nodes = params[f"stage_{number}"]
            scores = jnp.zeros((len(stage.samples), count, self.nodes))
            for place, sample in enumerate(stage.samples.T):
                before = outputs[sample] if number else None
                found = self._scores(nodes[:, place], targets[sample], before)
                scores = scores + jnp.where(there[sample][..., None], found, 0)
            best = jnp.argmax(scores, axis=-1).T
            own = best / max(self.nodes - 1, 1) * 2.0 - 1.0
            own = jnp.where(jnp.any(there[stage.samples], axis=1).T, own, 0.0)
            codes.append(own)
            if number + 1 < len(self.stages):
                parts = self._between(nodes, own)
                outputs = outputs.at[stage.samples].add(jnp.moveaxis(parts, 0, 2))
        return jnp.concatenate(codes, axis=1)

    def _scores(
        self,
        nodes: Float[AnyArray, "P D"],
        targets: Float[AnyArray, "M B D"],
        before: Float[AnyArray, "M B D"] | None,
    ) -> Float[Array, "M B P"]:
        """Return how near each node, added to what stages put out before, is to the targets."""
        towards = targets @ nodes.T
        size: Any = jnp.sum(jnp.square(nodes), axis=-1)[None, None]
        if before is not None:
            towards = towards + jnp.sum(targets * before, axis=-1)[..., None]
            size = size + 2 * (before @ nodes.T) + jnp.sum(jnp.square(before), axis=-1)[..., None]
        if self.squared:
            return 2 * towards - size
        return towards / jnp.sqrt(jnp.maximum(size, _EPSILON))
