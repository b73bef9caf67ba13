"""Sequences in three parts: of the shipped poems, of a text of the user, or of the user's own vectors."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.errors import UserError
from freqjax.tasks import splits
from freqjax.tasks.autoencoder import windows
from freqjax.tasks.autoencoder.poems import read_poems
from freqjax.tasks.autoencoder.sequences import read_sequences
from freqjax.tasks.autoencoder.text import Chapter, read_chapters, texts_in
from freqjax.tasks.autoencoder.vector_files import read_vectors
from freqjax.tasks.autoencoder.vocabulary import Vocabulary
from freqjax.text import printable

if TYPE_CHECKING:
    from freqjax.tasks.autoencoder.config import AutoencoderConfig

# The name of the shipped text.
POEMS = "poems"
# Name, time of the last change in ns, and size in bytes of files.
_Stamp = tuple[tuple[str, int, int], ...]


class Part(NamedTuple):
    """N sequences of training, validation or test.

    Attributes:
      vectors: [N, T, D] float32, of length 1 if they are words; 0 where none is present.
      mask: [N, T] bool, whether a vector is present.
      group: [N] int32, index into the dataset's `group_names`.
      label: [N] int32, index into `label_names`; 0 without labels.
      rows: [N, T] int32, of the vocabulary, −1 where none is present; None if they are no words.
    """

    vectors: Float[np.ndarray, "N T D"]
    mask: Bool[np.ndarray, "N T"]
    group: Int[np.ndarray, " N"]
    label: Int[np.ndarray, " N"]
    rows: Int[np.ndarray, "N T"] | None = None


class Dataset(NamedTuple):
    """Sequences in three parts, none of which shares a group with another.

    Attributes:
      train: sequences to train on, one at least.
      validation: sequences to choose by; perhaps none.
      test: sequences to report on, one at least.
      group_names: what a split does not divide: chapters, persons, ….
      label_names: books, classes, …; empty without labels.
      vocabulary: the words; None if the vectors are no words.
      coverage: the share of the text's tokens that have a vector; 1 if they are no words.
    """

    train: Part
    validation: Part
    test: Part
    group_names: tuple[str, ...]
    label_names: tuple[str, ...] = ()
    vocabulary: Vocabulary | None = None
    coverage: float = 1.0

    @property
    def parts(self) -> dict[str, Part]:
        """The three parts by name."""
        return dict(zip(splits.NAMES, (self.train, self.validation, self.test), strict=True))


def dataset_of(config: AutoencoderConfig) -> Dataset:
    """Load the sequences of a config, padded to its T; the last ones loaded are kept.

    Raises:
      UserError: as `load_dataset`, or the sequences have another T or D than the config.
    """
    shares = (config.split[0], config.split[1], config.split[2])
    named = (config.data, config.vectors)
    asked = 50 if config.length is None else config.length
    found = _kept(*named, asked, shares, config.train_seed, *map(_stamp, named))
    sequences, dimensions = found.train.vectors.shape[1:]
    source = printable(config.data or POEMS)
    if config.length is not None and sequences > config.length:
        raise UserError(
            f"task.length is {config.length}: it must be at least {sequences}, the vectors of a sequence of "
            f"{source}."
        )
    if config.dimensions is not None and dimensions != config.dimensions:
        raise UserError(
            f"task.dimensions is {config.dimensions}: it must be {dimensions}, those of a vector of {source}."
        )
    if config.length is None or sequences == config.length:
        return found
    padded = {name: pad(part, config.length) for name, part in found.parts.items()}
    return found._replace(**padded)


def sizes_of(config: AutoencoderConfig) -> tuple[int, int]:
    """Return T and D of the data of a config.

    Raises:
      UserError: as `dataset_of`.
    """
    sequences, dimensions = dataset_of(config).train.vectors.shape[1:]
    return sequences, dimensions


@functools.lru_cache(maxsize=2)
def _kept(
    data: str,
    vectors: str,
    samples: int,
    shares: tuple[float, float, float],
    seed: int,
    *stamps: _Stamp,
) -> Dataset:
    """Load sequences; `stamps` tell files from those that were there before."""
    del stamps
    return load_dataset(data or POEMS, vectors, samples=samples, shares=shares, seed=seed)


def _stamp(path: str) -> _Stamp:
    """Return name, time and size of a file, or of each text in a folder; nothing if there is none."""
    place = Path(path)
    try:
        files = texts_in(place) if path and place.is_dir() else [place] if path else []
        found = [(file.name, file.stat()) for file in files]
    except OSError:
        return ()
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in found)


def pad(part: Part, samples: int) -> Part:
    """Return a part with sequences of T = `samples`, which none exceeds."""
    more = ((0, 0), (0, samples - part.mask.shape[1]))
    rows = None if part.rows is None else np.pad(part.rows, more, constant_values=-1)
    vectors = np.pad(part.vectors, (*more, (0, 0)))
    return part._replace(vectors=vectors, mask=np.pad(part.mask, more), rows=rows)


def load_dataset(
    data: str = POEMS,
    vectors: str = "",
    *,
    samples: int = 50,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 1,
) -> Dataset:
    """Load the sequences that the fields `task.data` and `task.vectors` name.

    Args:
      data: "poems", the shipped text; a .txt, a folder of such or a .json, a text; or an .npz of sequences.
      vectors: a file of word vectors; empty for the shipped ones.
      samples: T, the longest window of a text; an .npz has its own.
      shares: of training, validation and test among the groups; the poems and an .npz with `split` have
        theirs.
      seed: by which groups are drawn.

    Raises:
      UserError: a file is missing or not as it must be, or a part would be empty.
    """
    path = Path(data)
    if data != POEMS and path.suffix.lower() == ".npz":
        if vectors:
            raise UserError(
                f"task.vectors is {printable(vectors)}: it must be empty if task.data is an .npz, which has "
                "its own vectors."
            )
        return sequences_dataset(path, shares, seed)
    if data == POEMS:
        poems = read_poems()
        chapters, split, shipped = poems.chapters, poems.split, poems.vocabulary
        books = [chapter.title.split()[0] for chapter in chapters]
    else:
        chapters, books = read_chapters(path), None
        split = splits.split_groups(len(chapters), shares, seed)
        shipped = None if vectors else read_poems().vocabulary
    if vectors:
        wanted = {token for chapter in chapters for token in chapter.tokens}
        vocabulary = read_vectors(Path(vectors), wanted)
    else:
        assert shipped is not None
        vocabulary = shipped
    return words_dataset(
        chapters, vocabulary, split, samples, books, source=f"task.data is {printable(data)}"
    )


def words_dataset(
    chapters: Sequence[Chapter],
    vocabulary: Vocabulary,
    split: Int[np.ndarray, " C"],
    samples: int,
    labels: Sequence[str] | None = None,
    *,
    source: str,
) -> Dataset:
    """Cut chapters into windows of words.

    Args:
      chapters: C of them.
      vocabulary: rows of their words.
      split: [C], the part of each chapter.
      samples: T.
      labels: C names, such as that of the book; None for none.
      source: how messages begin.

    Raises:
      UserError: a part that has chapters has no windows, or there are none to train on or to test.
    """
    # A row is spelled by the word of it that the text has most often.
    vocabulary = vocabulary.by_use(token for chapter in chapters for token in chapter.tokens)
    rows = [vocabulary.rows_of(chapter.tokens) for chapter in chapters]
    found = windows.cut(rows, samples)
    names, label = np.unique(
        labels if labels is not None else [""] * len(chapters), return_inverse=True
    )
    parts = []
    for number in range(3):
        kept = np.flatnonzero(split[found.chapter] == number)
        _require_some(number, len(kept), bool((split == number).any()), source)
        present = found.mask[kept]
        group = found.chapter[kept]
        vectors = np.zeros((*present.shape, vocabulary.vectors.shape[1]), np.float32)
        vectors[present] = vocabulary.vectors[found.rows[kept][present]]
        parts.append(Part(vectors, present, group, label[group].astype(np.int32), found.rows[kept]))
    known = sum(int((tokens >= 0).sum()) for tokens in rows)
    return Dataset(
        *parts,
        group_names=tuple(chapter.title for chapter in chapters),
        label_names=() if labels is None else tuple(names.tolist()),
        vocabulary=vocabulary,
        coverage=known / sum(map(len, rows)),
    )


def sequences_dataset(path: Path, shares: tuple[float, float, float], seed: int) -> Dataset:
    """Read sequences of own vectors, and divide their groups if the file does not.

    Raises:
      UserError: the file is missing or not as it must be, or a part would be empty.
    """
    found = read_sequences(path)
    split = found.split
    if split is None:
        split = splits.split_groups(len(found.group_names), shares, seed)[found.group]
    parts = []
    for number in range(3):
        kept = np.flatnonzero(split == number)
        _require_some(number, len(kept), False, f"task.data is {printable(str(path))}")
        arrays = (found.vectors, found.mask, found.group, found.label)
        parts.append(Part(*(array[kept] for array in arrays)))
    return Dataset(*parts, group_names=found.group_names, label_names=found.label_names)


def _require_some(part: int, count: int, has_groups: bool, source: str) -> None:
    """Check that a part has sequences: those of training and test must, the other if it has groups."""
    if count == 0 and (has_groups or part != 1):
        words = f", a window of {windows.FEWEST} words with vectors," if has_groups else ""
        raise UserError(
            f"{source}: the part {splits.NAMES[part]} must have a sequence{words} and has none."
        )
