"""Sequences, texts and codes that a caller gives, checked and padded.

Axes: N sequences, T samples, D dimensions, K numbers of a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from freqjax.errors import UserError
from freqjax.tasks.autoencoder.dataset import Part, pad
from freqjax.tasks.autoencoder.text import tokens_of
from freqjax.tasks.autoencoder.vocabulary import Vocabulary
from freqjax.tasks.row_values import flags_of_lengths


def are_texts(sequences: Any) -> bool:
    """Return whether sequences are texts.

    Raises:
      UserError: they are one text, and not a list.
    """
    if isinstance(sequences, str):
        raise UserError("sequences is a text: it must be a list of texts.")
    return len(sequences) > 0 and isinstance(sequences[0], str)


def of_texts(texts: Sequence[Any], mask: Any, vocabulary: Vocabulary, samples: int) -> Part:
    """Return N texts as a part: the vectors of their words, without those that have none.

    Args:
      texts: N of them.
      mask: must be none.
      vocabulary: the words that have vectors.
      samples: T, the most words of a text.

    Raises:
      UserError: there is a mask, or a text has no words with vectors, or more than T.
    """
    if mask is not None:
        raise UserError("mask is given beside texts: it must be none, since texts have no gaps.")
    rows = np.full((len(texts), samples), -1, np.int32)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(f"sequences[{number}] is no text: all must be texts, or none.")
        known = vocabulary.rows_of(tokens_of(text))
        known = known[known >= 0]
        if not 1 <= len(known) <= samples:
            raise UserError(
                f"sequences[{number}] is a text of {len(known)} words that have vectors: it must have from 1 "
                f"to {samples}."
            )
        rows[number, : len(known)] = known
    present = rows >= 0
    vectors = np.where(present[..., None], vocabulary.vectors[rows], np.float32(0))
    return _part(vectors, present)._replace(rows=rows)


def of_arrays(sequences: Any, mask: Any, samples: int, dimensions: int) -> Part:
    """Return sequences as a part, padded to T = `samples`.

    Args:
      sequences: [N, T, D] with at most `samples` samples, or N arrays [T, D] of any such lengths.
      mask: [N, T], true where a vector is present; none for all.
      samples: the most samples.
      dimensions: D.

    Raises:
      UserError: they have another shape, a number is not finite, or a sequence has no vector.
    """
    wanted = f"it must be numbers [N, T, {dimensions}] with at most {samples} samples each"
    if isinstance(sequences, (list, tuple)):
        arrays = [_numbers(array, f"sequences[{n}]", wanted) for n, array in enumerate(sequences)]
        for number, array in enumerate(arrays):
            if array.ndim != 2 or array.shape[1] != dimensions or not 1 <= len(array) <= samples:
                raise UserError(f"sequences[{number}] is an array {array.shape}: {wanted}.")
        lengths = np.array([len(array) for array in arrays], np.int32)
        vectors = np.zeros((len(arrays), max(lengths, default=0), dimensions), np.float32)
        for number, array in enumerate(arrays):
            vectors[number, : len(array)] = array
        present = np.arange(vectors.shape[1]) < lengths[:, None]
    else:
        vectors = _numbers(sequences, "sequences", wanted)
        present = np.ones(vectors.shape[:2], bool)
    shape = vectors.shape
    if vectors.ndim != 3 or 0 in shape or shape[2] != dimensions or shape[1] > samples:
        raise UserError(f"sequences is an array {shape}: {wanted}.")
    if mask is not None:
        flags = np.asarray(mask)
        if flags.shape != present.shape or not np.isin(flags, (0, 1)).all():
            raise UserError(
                f"mask is an array {flags.shape}: it must be true and false, {present.shape}."
            )
        present = present & flags.astype(bool)
    if not present.any(axis=1).all():
        raise UserError(
            f"mask[{int(np.argmin(present.any(axis=1)))}] flags nothing: it must flag one vector at least."
        )
    if not np.isfinite(vectors[present]).all():
        raise UserError("sequences holds a number that is not finite: all must be, where present.")
    return pad(_part(np.where(present[..., None], vectors, np.float32(0)), present), samples)


def codes(values: Any, numbers: int, name: str = "codes") -> Float[np.ndarray, "N K"]:
    """Return codes as float32.

    Args:
      values: [N, K].
      numbers: K.
      name: how messages name them.

    Raises:
      UserError: they have another shape, or a number is outside [−1, 1].
    """
    wanted = f"it must be numbers from -1 to 1, [N, {numbers}]"
    found = _numbers(values, name, wanted)
    if found.ndim != 2 or found.shape[1] != numbers or not len(found):
        raise UserError(f"{name} is an array {found.shape}: {wanted}.")
    if not (np.abs(found) <= 1).all():
        raise UserError(f"{name} holds a number outside its range: {wanted}.")
    return found


def within(
    lengths: Any, count: int, samples: int, source: str = "lengths is given"
) -> Bool[np.ndarray, "N T"]:
    """Return which samples lie before the end of each sequence.

    Args:
      lengths: [N], whole numbers from 1 to T.
      count: N.
      samples: T.
      source: how messages begin.

    Raises:
      UserError: the lengths are something else.
    """
    return flags_of_lengths(np.asarray(lengths), (count, samples), source)


def require_count(count: int, name: str) -> None:
    """Check that a count is at least 1.

    Raises:
      UserError: it is not.
    """
    if count < 1:
        raise UserError(f"{name} is {count}: it must be a whole number of at least 1.")


def _numbers(values: Any, name: str, wanted: str) -> np.ndarray:
    """Return numbers as float32."""
    try:
        found = np.asarray(values)
    except ValueError:  # lists of unequal lengths
        raise UserError(f"{name} is no array: {wanted}.") from None
    if found.dtype.kind not in "fiub":
        raise UserError(f"{name} is {found.dtype}: {wanted}.")
    with np.errstate(over="ignore"):
        return found.astype(np.float32)


def _part(vectors: np.ndarray, present: np.ndarray) -> Part:
    """Return sequences as a part, each a group of its own."""
    count = len(vectors)
    return Part(vectors, present, np.arange(count, dtype=np.int32), np.zeros(count, np.int32))
