"""Windows of a training text at other offsets, drawn for every pass (`task.noise=fresh`).

A chapter is cut at a random offset, so that its words stand at other positions of other windows in each pass.
Axes: C chapters, M words in all, N windows, T words of a window.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.windows import FEWEST


class Text(NamedTuple):
    """Chapters of a text behind each other.

    Attributes:
      vectors: [V, D], of the words that occur.
      words: [M] int32, rows of `vectors`.
      begin: [N] int32, the first word of each window's chapter.
      end: [N] int32, the first word behind it.
      number: [N] int32, which window of its chapter each is, from 0.
      chapter: [N] int32, of each window.
      label: [N] int32, of each window.
    """

    vectors: Float[np.ndarray, "V D"]
    words: Int[np.ndarray, " M"]
    begin: Int[np.ndarray, " N"]
    end: Int[np.ndarray, " N"]
    number: Int[np.ndarray, " N"]
    chapter: Int[np.ndarray, " N"]
    label: Int[np.ndarray, " N"]

    @classmethod
    def of(cls, part: Part, vectors: Float[np.ndarray, "V D"]) -> Text:
        """Join the windows of a part to chapters again; they are in the order of the text.

        Args:
          part: windows of words.
          vectors: of the vocabulary.
        """
        assert part.rows is not None  # they are words
        samples = part.mask.shape[1]
        words, columns, first = [], [], 0
        for group in dict.fromkeys(part.group.tolist()):
            of_group = part.group == group
            chapter = part.rows[of_group][part.mask[of_group]]
            count = -(-len(chapter) // samples) + 1  # one more, since the first may be cut short
            label = int(part.label[of_group][0])
            for number in range(count):
                columns.append((first, first + len(chapter), number, group, label))
            words.append(chapter)
            first += len(chapter)
        rows = [np.array(column, np.int32) for column in zip(*columns, strict=True)]
        return cls(vectors, np.concatenate(words), *rows)

    def draw(
        self, key: jax.Array, samples: int
    ) -> tuple[Float[Array, "N T D"], Bool[Array, "N T"]]:
        """Cut all chapters into windows of T = `samples`, each at an offset of its own; traceable.

        Returns:
          The vectors, 0 where none is present, and which are present; windows of fewer than `FEWEST` words
          have none.
        """
        chapters = int(self.chapter.max()) + 1
        offsets = jax.random.randint(key, (chapters,), 1, samples + 1)[self.chapter]
        start = self.begin + offsets - samples + self.number * samples
        first = jnp.maximum(start, self.begin)
        count = jnp.clip(jnp.minimum(start + samples, self.end) - first, 0)
        # Words that are present come first.
        number = jnp.arange(samples)[None]
        place = first[:, None] + number
        there = (number < count[:, None]) & (count >= min(FEWEST, samples))[:, None]
        words = jnp.asarray(self.words)[jnp.clip(place, 0, len(self.words) - 1)]
        return jnp.where(there[..., None], jnp.asarray(self.vectors)[words], 0), there
