"""Arrays of a file that say something of its rows: names, parts, and which samples are present.

Axes: N rows.
"""

from __future__ import annotations

import numpy as np

from freqjax.errors import UserError
from freqjax.tasks import splits
from freqjax.text import printable


def named(
    values: np.ndarray, name: str, count: int, source: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the index [N] int32 of each value among the sorted ones, and their names.

    Args:
      values: whole numbers or text, [N].
      name: of the array.
      count: N.
      source: how messages begin.

    Raises:
      UserError: the values are something else.
    """
    require_names(values, name, (count,), source)
    known, index = np.unique(spelled(values), return_inverse=True)
    return index.astype(np.int32), tuple(printable(str(value)) for value in known.tolist())


def require_names(values: np.ndarray, name: str, shape: tuple[int, ...], source: str) -> None:
    """Check that an array has names: whole numbers or text.

    Raises:
      UserError: it has something else, or another shape.
    """
    if values.dtype.kind not in "biuUS" or values.shape != shape:
        raise UserError(
            f"{source}: {name} is {values.dtype} {values.shape}: it must be whole numbers or text {shape}."
        )


def part_numbers(values: np.ndarray, count: int, source: str) -> np.ndarray:
    """Return the number of the part of each row, [N] int32.

    Args:
      values: 0, 1 and 2, or the names of the parts, [N].
      count: N.
      source: how messages begin.

    Raises:
      UserError: the values are something else.
    """
    text = spelled(values)
    if text.shape == (count,) and text.dtype.kind == "U":
        names = {name: number for number, name in enumerate(splits.NAMES)}
        found = np.array([names.get(value, -1) for value in text.tolist()], np.int32)
    elif text.shape == (count,) and text.dtype.kind in "iu":
        found = np.where((text >= 0) & (text <= 2), text, -1).astype(np.int32)
    else:
        found = np.array([-1], np.int32)
    if (found < 0).any():
        raise UserError(
            f"{source}: split is {described(values)}: it must be 0, 1 or 2, or {', '.join(splits.NAMES)}, "
            f"({count},)."
        )
    return found


def flags(values: np.ndarray, name: str, shape: tuple[int, ...], source: str) -> np.ndarray:
    """Return a mask as truth values.

    Args:
      values: true and false, or 1 and 0.
      name: of the array.
      shape: that it must have.
      source: how messages begin.

    Raises:
      UserError: the values are something else.
    """
    fits = values.dtype.kind in "biuf" and values.shape == shape
    if not fits or not np.isin(values, (0, 1)).all():
        raise UserError(
            f"{source}: {name} is {described(values)}: it must be true and false, or 1 and 0, {shape}."
        )
    return values.astype(bool)


def flags_of_lengths(lengths: np.ndarray, shape: tuple[int, ...], source: str) -> np.ndarray:
    """Return the mask of rows that are present from the start on.

    Args:
      lengths: how many samples of each row are present, of the shape of the mask without its last axis.
      shape: of the mask; the last axis are the samples.
      source: how messages begin.

    Raises:
      UserError: the lengths are something else.
    """
    whole = lengths.dtype.kind in "iu" and lengths.shape == shape[:-1]
    if not whole or lengths.min() < 1 or lengths.max() > shape[-1]:
        raise UserError(
            f"{source}: lengths is {described(lengths)}: it must be whole numbers {shape[:-1]} from 1 to "
            f"{shape[-1]}."
        )
    return np.arange(shape[-1]) < lengths[..., None]


def spelled(values: np.ndarray) -> np.ndarray:
    """Return bytes as text, and everything else as it is."""
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values


def described(values: np.ndarray) -> str:
    """Describe an array by its type, its shape and the ends of its values."""
    ends = (
        f" from {values.min()} to {values.max()}"
        if values.dtype.kind in "iuf" and values.size
        else ""
    )
    return f"{values.dtype} {values.shape}{ends}"
