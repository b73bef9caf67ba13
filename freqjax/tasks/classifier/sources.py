"""Sources of a classifier's sequences: a file or folder, the exercises that ship, or a task with a known law.

| task.data | sequences |
|---|---|
| empty | exercises of the shoulder (`freqjax.tasks.classifier.watch`) |
| pattern | a pattern in white noise, whose posterior is exact (`freqjax.tasks.classifier.synthetic`) |
| any other | a stacked .npz, or a folder of .npz (`freqjax.tasks.classifier.sequences`) |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from freqjax.tasks.classifier.config import PATTERN, WATCH
from freqjax.tasks.classifier.sequences import Rows, read_sequences
from freqjax.tasks.classifier.synthetic import PatternTask
from freqjax.tasks.classifier.watch import EXERCISES, FILE

# Name of the modality of rows that are drawn.
SIGNAL = "signal"
# Groups into which rows that are drawn are divided, as persons divide recordings; they are all alike.
BLOCKS = 40


class Drawing(NamedTuple):
    """Law, sizes and seed of rows that are drawn.

    Attributes:
      prevalence: p, the share of rows with the pattern.
      separation: d′, the norm of the pattern in standard deviations of the noise.
      samples: T.
      channels: F.
      rows: N.
      seed: of the pattern and of the rows.
    """

    prevalence: float
    separation: float
    samples: int
    channels: int
    rows: int
    seed: int


class Source(NamedTuple):
    """Sequences, and what is known of them besides.

    Attributes:
      sequences: as files have them.
      class_names: of the labels, sorted; empty for the labels themselves.
      law: by which they were drawn; None if it is not known.
    """

    sequences: list[Rows]
    class_names: tuple[str, ...] = ()
    law: PatternTask | None = None


def source_of(data: str, drawing: Drawing | None = None) -> Source:
    """Return the sequences that the field `task.data` names.

    Args:
      data: a name of the table above, or a path.
      drawing: what rows are drawn by; needed for a name with a known law alone.

    Raises:
      UserError: a file is missing or not as it must be.
    """
    if data not in _BUILT_IN:
        return Source(read_sequences(Path(data)))
    return _BUILT_IN[data](drawing)


def _exercises(_: Drawing | None) -> Source:
    return Source(read_sequences(FILE), EXERCISES)


def _pattern(drawing: Drawing | None) -> Source:
    """Draw rows in blocks of nearly the same size, each a group and a recording."""
    assert drawing is not None  # the config has its fields
    prevalence, separation, samples, channels, rows, seed = drawing
    law = PatternTask.make(prevalence, separation, samples, channels, seed)
    drawn = law.draw(rows, [seed, 1])
    block = np.arange(rows) * BLOCKS // rows
    found = Rows(
        inputs={SIGNAL: drawn.signals},
        masks={SIGNAL: drawn.mask},
        label=drawn.labels,
        auxiliary=None,
        group=block,
        recording=block,
        split=None,
        unread=(),
    )
    return Source([found], ("noise", "pattern"), law)


_BUILT_IN: Mapping[str, Callable[[Drawing | None], Source]] = {WATCH: _exercises, PATTERN: _pattern}
