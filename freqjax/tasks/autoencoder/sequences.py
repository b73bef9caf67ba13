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
from freqjax.tasks.autoencoder import splits
from freqjax.tasks.autoencoder.archives import read_arrays
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
        group, group_names = _named(arrays["group"], "group", count, source)
    label, label_names = np.zeros(count, np.int32), ()
    if "labels" in arrays:
        label, label_names = _named(arrays["labels"], "labels", count, source)
    split = None
    if "split" in arrays:
        split = _split(arrays["split"], count, source)
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
        lengths = arrays["lengths"]
        whole = lengths.dtype.kind in "iu" and lengths.shape == shape[:1]
        if not whole or lengths.min() < 1 or lengths.max() > shape[1]:
            raise UserError(
                f"{source}: lengths is {_described(lengths)}: it must be whole numbers ({shape[0]},) from "
                f"1 to {shape[1]}."
            )
        return np.arange(shape[1]) < lengths[:, None]
    mask = arrays.get("mask", np.ones(shape, bool))
    flags = mask.dtype.kind in "biuf" and mask.shape == shape
    if not flags or not np.isin(mask, (0, 1)).all():
        raise UserError(
            f"{source}: mask is {_described(mask)}: it must be true and false, or 1 and 0, {shape}."
        )
    mask = mask.astype(bool)
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


def _named(
    values: np.ndarray, name: str, count: int, source: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the index [N] int32 of each value among the sorted ones, and their names."""
    if values.dtype.kind not in "biuUS" or values.shape != (count,):
        raise UserError(
            f"{source}: {name} is {values.dtype} {values.shape}: it must be whole numbers or text ({count},)."
        )
    known, index = np.unique(_spelled(values), return_inverse=True)
    return index.astype(np.int32), tuple(printable(str(value)) for value in known.tolist())


def _split(values: np.ndarray, count: int, source: str) -> np.ndarray:
    spelled = _spelled(values)
    if spelled.shape == (count,) and spelled.dtype.kind == "U":
        names = {name: number for number, name in enumerate(splits.NAMES)}
        found = np.array([names.get(value, -1) for value in spelled.tolist()], np.int32)
    elif spelled.shape == (count,) and spelled.dtype.kind in "iu":
        found = np.where((spelled >= 0) & (spelled <= 2), spelled, -1).astype(np.int32)
    else:
        found = np.array([-1], np.int32)
    if (found < 0).any():
        raise UserError(
            f"{source}: split is {_described(values)}: it must be 0, 1 or 2, or {', '.join(splits.NAMES)}, "
            f"({count},)."
        )
    return found


def _spelled(values: np.ndarray) -> np.ndarray:
    """Return bytes as text, and everything else as it is."""
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values


def _described(values: np.ndarray) -> str:
    """Describe an array by its type, its shape and the ends of its values."""
    ends = (
        f" from {values.min()} to {values.max()}"
        if values.dtype.kind in "iuf" and values.size
        else ""
    )
    return f"{values.dtype} {values.shape}{ends}"
