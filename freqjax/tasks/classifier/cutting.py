"""Windows of sequences: L samples each, whose first samples are a stride apart.

A sequence ends with its last sample that is present. Its windows begin at 0, s, 2s, … as long as they end
inside it, and what remains behind the last is dropped; a sequence shorter than a window is one window, padded
with what is missing. Windows that have no label, or nothing present, are left out, but counted in the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from freqjax.errors import UserError
from freqjax.tasks.classifier.sequences import MOST_NUMBERS, Rows


class Windows(NamedTuple):
    """N windows of L samples.

    Attributes:
      inputs: modality → [N, L, F] float32; 0 where missing.
      masks: modality → [N, L] bool, whether a sample is present.
      label: [N], whole numbers or text.
      auxiliary: [N], whole numbers or text; None if there is no second label.
      group: [N], whole numbers or text.
      recording: [N], whole numbers or text; those of two groups are two, even of the same name.
      order: [N] int32, the number of the window in its recording, those that are left out counted as well.
      split: [N] int32, the numbers of parts; None if there are none.
      left_out: windows without a label or with nothing present.
    """

    inputs: dict[str, Float[np.ndarray, "N L _"]]
    masks: dict[str, Bool[np.ndarray, "N L"]]
    label: Shaped[np.ndarray, " N"]
    auxiliary: Shaped[np.ndarray, " N"] | None
    group: Shaped[np.ndarray, " N"]
    recording: Shaped[np.ndarray, " N"]
    order: Int[np.ndarray, " N"]
    split: Int[np.ndarray, " N"] | None
    left_out: int


class _Places(NamedTuple):
    """Places of the windows of sequences of one file.

    Attributes:
      row: [M], the sequence of a window.
      start: [M], its first sample.
    """

    row: Int[np.ndarray, " M"]
    start: Int[np.ndarray, " M"]


def cut(
    sequences: Sequence[Rows],
    length: int | None = None,
    stride: int | None = None,
    *,
    source: str = "task.data",
    labelled: bool = True,
) -> Windows:
    """Cut sequences into windows.

    Args:
      sequences: of one file or of several, with the same modalities.
      length: L; None for whole sequences, padded to the longest.
      stride: from a window's first sample to the next's; None for L, so that no sample is in two.
      source: how messages begin.
      labelled: whether windows without a label are left out.

    Raises:
      UserError: length or stride is out of range, no window is left, or there would be too many.
    """
    whole = length is None
    length, stride = _sizes(sequences, length, stride, source)
    places = [_places(rows, length, stride, whole=whole) for rows in sequences]
    count = sum(len(found.row) for found in places)
    _require_few(sequences, count, length, source)
    inputs, masks = (
        _gathered([getattr(rows, field) for rows in sequences], places, length)
        for field in ("inputs", "masks")
    )
    present = np.any(list(masks.values()), axis=0)
    label, some = _labels(sequences, places, present, length)
    recording, group = _belonging(sequences, places)
    kept = np.flatnonzero(present.any(axis=1) & (some if labelled else True))
    if not len(kept):
        words = "a label and a sample" if labelled else "a sample"
        raise UserError(f"{source}: one of its {count} windows must have {words} present.")
    split, auxiliary = (_optional(sequences, places, name) for name in ("split", "auxiliary"))
    return Windows(
        inputs={name: array[kept] for name, array in inputs.items()},
        masks={name: array[kept] for name, array in masks.items()},
        label=label[kept],
        auxiliary=None if auxiliary is None else auxiliary[kept],
        group=group[kept],
        recording=recording[kept],
        order=_order(group, recording)[kept],
        split=None if split is None else split[kept],
        left_out=count - len(kept),
    )


def _sizes(
    sequences: Sequence[Rows], length: int | None, stride: int | None, source: str
) -> tuple[int, int]:
    """Return length and stride of windows, of which either may be left to the sequences.

    Raises:
      UserError: one is out of range, or there is a stride without a length.
    """
    if length is None and stride is not None:
        raise UserError(
            f"{source}, stride {stride}: it must be left out without a length of windows."
        )
    length = max(_shape(rows)[1] for rows in sequences) if length is None else length
    stride = length if stride is None else stride
    for name, value in (("length", length), ("stride", stride)):
        if value < 1:
            raise UserError(f"{source}, {name} {value}: it must be at least 1.")
    return length, stride


def _require_few(sequences: Sequence[Rows], count: int, length: int, source: str) -> None:
    """Check that windows fit in memory.

    Raises:
      UserError: they do not.
    """
    channels = sum(array.shape[2] for array in sequences[0].inputs.values())
    if count * length * channels > MOST_NUMBERS:
        raise UserError(
            f"{source}: {count:,} windows of {length:,} samples of {channels} channels are more than "
            f"{MOST_NUMBERS:,} numbers: windows must be shorter, or their stride longer."
        )


def _gathered(
    arrays: Sequence[dict[str, np.ndarray]], places: Sequence[_Places], length: int
) -> dict[str, np.ndarray]:
    """Return the windows of all sequences by modality."""
    return {
        name: np.concatenate(
            [_window(own[name], found, length) for own, found in zip(arrays, places, strict=True)]
        )
        for name in arrays[0]
    }


def _optional(sequences: Sequence[Rows], places: Sequence[_Places], name: str) -> np.ndarray | None:
    """Return the value of each window; None if the sequences have none."""
    if getattr(sequences[0], name) is None:
        return None
    pairs = zip(sequences, places, strict=True)
    return np.concatenate([_of_rows(getattr(rows, name), found) for rows, found in pairs])


def _shape(rows: Rows) -> tuple[int, int]:
    """Return N and T."""
    count, samples = next(iter(rows.masks.values())).shape
    return count, samples


def _places(rows: Rows, length: int, stride: int, *, whole: bool) -> _Places:
    """Return where windows begin."""
    count, samples = _shape(rows)
    if whole:
        return _Places(np.arange(count), np.zeros(count, int))
    present = np.any(list(rows.masks.values()), axis=0)
    end = np.where(present.any(axis=1), samples - np.argmax(present[:, ::-1], axis=1), 0)
    windows = 1 + np.maximum(end - length, 0) // stride
    row = np.repeat(np.arange(count), windows)
    first = np.cumsum(windows) - windows
    return _Places(row, (np.arange(len(row)) - first[row]) * stride)


def _window(array: np.ndarray, places: _Places, length: int) -> np.ndarray:
    """Return [M, L, …] of [N, T, …], zeros behind the last sample."""
    time = places.start[:, None] + np.arange(length)
    inside = time < array.shape[1]
    found = array[places.row[:, None], np.where(inside, time, 0)]
    found[~inside] = 0
    return found


def _of_rows(values: np.ndarray | None, places: _Places) -> np.ndarray:
    assert values is not None
    return values[places.row]


def _labels(
    sequences: Sequence[Rows], places: Sequence[_Places], present: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the label of each window, and whether it has one.

    That of labels a frame is the label of most frames that are present, the first by name of equals; it is
    none if most have none.
    """
    names = np.unique(np.concatenate([rows.label.ravel() for rows in sequences]))
    none = names == "" if names.dtype.kind == "U" else names < 0
    numbers, first = [], 0
    for rows, found in zip(sequences, places, strict=True):
        index = np.searchsorted(names, rows.label)
        here = present[first : first + len(found.row)]
        first += len(found.row)
        numbers.append(
            index[found.row]
            if index.ndim == 1
            else _most(_window(index, found, length), here, none)
        )
    number = np.concatenate(numbers)
    return names[number], ~none[number]


def _most(index: np.ndarray, present: np.ndarray, none: np.ndarray) -> np.ndarray:
    """Return the number [M] that most present samples of [M, L] have; of equals one that is a label."""
    counts = np.stack(
        [((index == number) & present).sum(axis=1) for number in range(len(none))], axis=1
    )
    return np.argmax(2 * counts + ~none, axis=1)


def _belonging(
    sequences: Sequence[Rows], places: Sequence[_Places]
) -> tuple[np.ndarray, np.ndarray]:
    """Return recording and group of each window.

    Without recordings each row is one; without groups each recording is one.
    """
    pairs = list(zip(sequences, places, strict=True))
    if sequences[0].recording is None:
        recording = np.concatenate([found.row for _, found in pairs])
    else:
        recording = np.concatenate([_of_rows(rows.recording, found) for rows, found in pairs])
    if sequences[0].group is None:
        return recording, recording
    return recording, np.concatenate([_of_rows(rows.group, found) for rows, found in pairs])


def _order(group: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """Return the number of each window in its recording, int32."""
    _, number = np.unique(pair_numbers(group, recording), return_inverse=True)
    sorting = np.argsort(number, kind="stable")
    counts = np.bincount(number)
    found = np.empty(len(number), np.int32)
    found[sorting] = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    return found


def pair_numbers(
    group: Shaped[np.ndarray, " N"], recording: Shaped[np.ndarray, " N"]
) -> Int[np.ndarray, " N"]:
    """Number pairs of group and recording: equal pairs, and no others, have equal numbers, sorted by both."""
    _, first = np.unique(group, return_inverse=True)
    names, second = np.unique(recording, return_inverse=True)
    return first * len(names) + second


def halved(array: Float[np.ndarray, "T F"]) -> Float[np.ndarray, "H F"]:
    """Return the means of each two samples, H = T // 2, float32; an odd last one is dropped."""
    pairs = array[: len(array) // 2 * 2].astype(np.float32)
    return pairs.reshape(-1, 2, array.shape[1]).mean(axis=1)
