"""Sequences of another file than the data's: to test on (`task.test_path`), or to encode.

Axes: N sequences, T samples, D dimensions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from freqjax.errors import UserError
from freqjax.tasks.autoencoder import windows
from freqjax.tasks.autoencoder.dataset import Dataset, Part, pad
from freqjax.tasks.autoencoder.sequences import read_sequences
from freqjax.tasks.autoencoder.text import read_chapters
from freqjax.text import printable


def with_test(dataset: Dataset, path: Path, samples: int) -> Dataset:
    """Return a dataset whose test sequences are those of a file.

    A group of the file is another than one of the data, even of the same name, which is then followed by the
    name of the file.

    Args:
      dataset: the data that a network was trained on.
      path: the file that `task.test_path` names.
      samples: T of the network's longest sequence.

    Raises:
      UserError: as `read_part`.
    """
    test, names = read_part(path, dataset, samples)
    known = set(dataset.group_names)
    names = tuple(f"{name} of {printable(path.stem)}" if name in known else name for name in names)
    test = test._replace(group=test.group + np.int32(len(dataset.group_names)))
    return dataset._replace(test=test, group_names=dataset.group_names + names)


def read_part(
    path: Path, dataset: Dataset, samples: int, field: str = "task.test_path"
) -> tuple[Part, tuple[str, ...]]:
    """Read sequences as a part, and the names of their groups.

    Args:
      path: an .npz of sequences, or a text, whose words are those of the dataset's vocabulary.
      dataset: the data that a network was trained on.
      samples: T of its longest sequence.
      field: the field that named the file, for messages.

    Raises:
      UserError: the file cannot be read, or its sequences do not fit the network.
    """
    source = f"{field} is {printable(str(path))}"
    dimensions = dataset.train.vectors.shape[2]
    if path.suffix.lower() == ".npz":
        return read_own(path, samples, dimensions, field)
    if dataset.vocabulary is None:
        raise UserError(f"{source}: it must be an .npz, since task.data holds no words.")
    chapters = read_chapters(path, field)
    vocabulary = dataset.vocabulary
    cut = windows.cut([vocabulary.rows_of(chapter.tokens) for chapter in chapters], samples)
    if not len(cut.mask):
        raise UserError(
            f"{source}: it must have a window of {windows.FEWEST} words with vectors and has none."
        )
    vectors = np.zeros((*cut.mask.shape, dimensions), np.float32)
    vectors[cut.mask] = vocabulary.vectors[cut.rows[cut.mask]]
    label = np.zeros(len(cut.mask), np.int32)
    part = Part(vectors, cut.mask, cut.chapter, label, cut.rows)
    return part, tuple(chapter.title for chapter in chapters)


def read_own(path: Path, samples: int, dimensions: int, field: str) -> tuple[Part, tuple[str, ...]]:
    """Read the sequences of an .npz as a part, and the names of their groups.

    Args:
      path: the file.
      samples: T of a network's longest sequence, to which they are padded.
      dimensions: D of its vectors.
      field: the field or flag that named the file, for messages.

    Raises:
      UserError: the file cannot be read, or its sequences do not fit the network.
    """
    found = read_sequences(path, field)
    longest = int(np.flatnonzero(found.mask.any(axis=0))[-1]) + 1
    if found.vectors.shape[2] != dimensions or longest > samples:
        raise UserError(
            f"{field} is {printable(str(path))}: its sequences are [{longest}, {found.vectors.shape[2]}]: "
            f"they must have at most {samples} vectors of {dimensions} dimensions."
        )
    label = np.zeros(len(found.mask), np.int32)
    part = Part(found.vectors[:, :longest], found.mask[:, :longest], found.group, label)
    return pad(part, samples), found.group_names
