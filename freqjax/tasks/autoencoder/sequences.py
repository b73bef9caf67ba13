"""Sequences of the user's own vectors in an .npz.

| array | shape | content |
|---|---|---|
| sequences | [N, T, D], or [N, T] for D = 1 | numbers |
| mask | [N, T] | 1 where a vector is present; all are, without it |
| lengths | [N] | in place of a mask: how many are present, from the start on |
| group | [N] | a whole number or text: sequences that belong together, such as those of a person |
| split | [N] | 0, 1, 2, or train, validation, test |
| labels | [N] | a whole number or text |
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.errors import UserError
from freqjax.recordings import require_file
from freqjax.tasks import splits
from freqjax.tasks.archives import read_arrays
from freqjax.tasks.row_values import flags, flags_of_lengths, named, part_numbers
from freqjax.text import printable

_OPTIONAL = ("mask", "lengths", "group", "split", "labels")


class OwnSequences(NamedTuple):
    """N sequences out of a file.

    Attributes:
      vectors: [N, T, D] float32; 0 where none is present.
      mask: [N, T] bool, whether a vector is present; each sequence has one at least.
      group: [N] int32, index into `group_names`; without groups every sequence is one.
      group_names: of the groups, sorted.
      label: [N] int32, index into `label_names`; 0 without labels.
      label_names: of the labels, sorted; empty without labels.
      split: [N] int32, or None if the file has none.
    """

    vectors: Float[np.ndarray, "N T D"]
    mask: Bool[np.ndarray, "N T"]
    group: Int[np.ndarray, " N"]
    group_names: tuple[str, ...]
    label: Int[np.ndarray, " N"]
    label_names: tuple[str, ...]
    split: Int[np.ndarray, " N"] | None


def read_sequences(path: Path, field: str = "task.data") -> OwnSequences:
    """Read sequences.

    Args:
      path: an .npz, with the arrays of the table above.
      field: the field that named it, for messages.

    Raises:
      UserError: there is no such file, it is damaged, or an array of it is not as the table says.
    """
    require_file(path, field)
    source = f"{field} is {printable(str(path))}"
    arrays = read_arrays(path, source, ("sequences",), _OPTIONAL)
    given = arrays["sequences"]
    if given.dtype.kind not in "fiub" or given.ndim not in (2, 3) or 0 in given.shape:
        raise UserError(
            f"{source}: sequences is {given.dtype} {given.shape}: it must be numbers [N, T, D] or [N, T]."
        )
    mask = _mask(arrays, given.shape[:2], source)
    with np.errstate(over="ignore"):
        vectors = given.reshape(*given.shape[:2], -1).astype(np.float32)
    _require_finite(vectors, mask, given, source)
    count = len(vectors)
    group, group_names = np.arange(count, dtype=np.int32), tuple(map(str, range(count)))
    if "group" in arrays:
        group, group_names = named(arrays["group"], "group", count, source)
    label, label_names = np.zeros(count, np.int32), ()
    if "labels" in arrays:
        label, label_names = named(arrays["labels"], "labels", count, source)
    split = None
    if "split" in arrays:
        split = part_numbers(arrays["split"], count, source)
        splits.require_whole_groups(group, split, group_names, source)
    return OwnSequences(
        vectors=np.where(mask[..., None], vectors, np.float32(0)),
        mask=mask,
        group=group,
        group_names=group_names,
        label=label,
        label_names=label_names,
        split=split,
    )


def _mask(arrays: dict[str, np.ndarray], shape: tuple[int, ...], source: str) -> np.ndarray:
    if "mask" in arrays and "lengths" in arrays:
        raise UserError(f"{source}: it has mask and lengths, and must have one of them at most.")
    if "lengths" in arrays:
        return flags_of_lengths(arrays["lengths"], shape, source)
    mask = flags(arrays.get("mask", np.ones(shape, bool)), "mask", shape, source)
    empty = np.flatnonzero(~mask.any(axis=1))
    if len(empty):
        raise UserError(
            f"{source}: mask[{empty[0]}] flags nothing: it must flag one vector of a sequence at least."
        )
    return mask


def _require_finite(vectors: np.ndarray, mask: np.ndarray, given: np.ndarray, source: str) -> None:
    """Check that the numbers that are present are finite as float32."""
    bad = ~np.isfinite(vectors) & mask[..., None]
    if bad.any():
        n, t, d = (int(axis[0]) for axis in np.nonzero(bad))
        place = (n, t, d)[: given.ndim]
        raise UserError(
            f"{source}: sequences[{', '.join(map(str, place))}] is {given[place]}: it must be a finite "
            "number of float32, or not be present (mask, lengths)."
        )
