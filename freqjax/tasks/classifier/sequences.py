"""Sequences of several modalities in an .npz, or in a folder of .npz with one recording each.

| array | stacked file | a recording's file | content |
|---|---|---|---|
| any name | [N, T, F] | [T, F] | floating: a modality; NaN is missing; F = 0 is an absent modality |
| label | [N] or [N, T] | [] or [T] | a whole number or text; negative or empty: none |
| auxiliary | [N] | [] | a second label, which training may learn beside the first; likewise |
| group | [N] | [] | a whole number or text: sequences that belong together, such as a person's |
| recording | [N] | [] | a whole number or text; rows of a recording are in order of time |
| split | [N] | [] | 0, 1, 2, or train, validation, test |
| mask | [N, T] | [T] | 1 where a sample is present in every modality |
| lengths | [N] | [] | in place of mask: how many samples are present, from the start on |
| NAME_mask | [N, T] | [T] | 1 where a sample of the modality NAME is present |

Other arrays are not read, but named. A sample of a modality is missing if any channel of it is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from freqjax.errors import UserError
from freqjax.recordings import require_file
from freqjax.tasks.archives import ArrayHead, read_arrays, read_heads
from freqjax.tasks.row_values import (
    flags,
    flags_of_lengths,
    part_numbers,
    require_names,
    spelled,
)
from freqjax.text import printable, shortened

_NAMES = ("label", "auxiliary", "group", "recording", "split")
# Those that are names, of which a file may have none.
_OPTIONAL = ("auxiliary", "group", "recording")
_MASKS = ("mask", "lengths")
_MASK = "_mask"
# What a data set may hold: 8 GB as float32.
MOST_NUMBERS = 2**31


class Rows(NamedTuple):
    """N sequences of T samples out of a file.

    Attributes:
      inputs: modality → [N, T, F] float32; 0 where missing.
      masks: modality → [N, T] bool, whether a sample is present.
      label: [N], or [N, T] for a label a frame: whole numbers or text.
      auxiliary: [N], whole numbers or text; None if the file has none.
      group: [N], likewise.
      recording: [N], likewise.
      split: [N] int32, the numbers of parts; None if the file has none.
      unread: the arrays that were not read.
    """

    inputs: dict[str, Float[np.ndarray, "N T _"]]
    masks: dict[str, Bool[np.ndarray, "N T"]]
    label: Shaped[np.ndarray, "N ..."]
    auxiliary: Shaped[np.ndarray, " N"] | None
    group: Shaped[np.ndarray, " N"] | None
    recording: Shaped[np.ndarray, " N"] | None
    split: Int[np.ndarray, " N"] | None
    unread: tuple[str, ...]


def read_sequences(path: Path, field: str = "task.data", *, labelled: bool = True) -> list[Rows]:
    """Read sequences: one `Rows` for a stacked file, one of N = 1 for each recording of a folder.

    Those of a folder are in the order of their names, have the same modalities (one that a file lacks is
    missing in it), and are recordings by the names of their files unless these say otherwise.

    Args:
      path: an .npz with the arrays of the table above, or a folder of such.
      field: the field that named it, for messages.
      labelled: whether there must be a label; else one that is missing is −1, for none.

    Raises:
      UserError: there is no such file, one is damaged, an array of it is not as the table says, or the files
        of a folder contradict each other.
    """
    if not path.is_dir():
        return [_read(path, field, stacked=True, labelled=labelled)]
    source = f"{field} is {printable(str(path))}"
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".npz")
    if not files:
        raise UserError(f"{source}: the folder must hold an .npz for each recording, and has none.")
    found = [_read(file, field, stacked=False, labelled=labelled) for file in files]
    names = [printable(file.name) for file in files]
    for name in _NAMES:
        _require_alike(name, [getattr(rows, name) for rows in found], names, source)
    if found[0].recording is None:
        found = [
            rows._replace(recording=np.array([printable(file.stem)]))
            for rows, file in zip(found, files, strict=True)
        ]
    return _of_the_same_modalities(found, names, source)


def _read(path: Path, field: str, *, stacked: bool, labelled: bool) -> Rows:
    """Read a file; what is a recording's gets the axis N = 1.

    Raises:
      UserError: as `read_sequences`.
    """
    require_file(path, field)
    source = f"{field} is {printable(str(path))}"
    heads = read_heads(path, source)
    names, shape = _modalities(heads, 3 if stacked else 2, source)
    masks = [name + _MASK for name in names if name + _MASK in heads]
    present = [name for name in names if heads[name].shape[-1]]
    wanted = (*masks, *(name for name in (*_NAMES, *_MASKS) if name in heads))
    arrays = read_arrays(path, source, ("label",) if labelled else (), wanted)
    arrays |= read_arrays(path, source, present)
    common = _mask(arrays, shape, source)
    inputs, flagged = {}, {}
    for name in present:
        mask = common
        if name + _MASK in arrays:
            mask = mask & flags(arrays[name + _MASK], name + _MASK, shape, source)
        inputs[name], flagged[name] = _values(arrays[name], mask, name, source)
    rows = shape[:-1]
    label = arrays.get("label", np.full(rows, -1))
    require_names(label, "label", shape if label.ndim == len(shape) else rows, source)
    values = {name: arrays.get(name) for name in _OPTIONAL}
    for name, given in values.items():
        if given is not None:
            require_names(given, name, rows, source)
    split = arrays.get("split")
    lift = (lambda array: array) if stacked else (lambda array: array[None])
    return Rows(
        inputs={name: lift(array) for name, array in inputs.items()},
        masks={name: lift(array) for name, array in flagged.items()},
        label=_comparable(lift(label)),
        **{name: None if v is None else _comparable(lift(v)) for name, v in values.items()},
        split=None if split is None else _parts(split, rows, source),
        unread=tuple(printable(name) for name in heads if name not in (*wanted, *names, "label")),
    )


def _comparable(values: np.ndarray) -> np.ndarray:
    """Return bytes as text, and whole numbers without a sign as int64, or as text where they exceed it."""
    if values.dtype.kind != "u":
        return spelled(values)
    most = np.iinfo(np.int64).max
    return values.astype(str if values.max() > most else np.int64)


def _modalities(
    heads: dict[str, ArrayHead], axes: int, source: str
) -> tuple[list[str], tuple[int, ...]]:
    """Return the names of the modalities, in order, and their shape without the channels.

    Raises:
      UserError: there is none, or they differ in N or T.
    """
    form = "[N, T, F]" if axes == 3 else "[T, F]"
    kept = (*_NAMES, *_MASKS)
    names = [name for name in heads if len(heads[name].shape) == axes and name not in kept]
    names = sorted(
        n for n in names if n.removesuffix(_MASK) == n or n.removesuffix(_MASK) not in heads
    )
    for name in names:
        if heads[name].dtype.kind != "f":
            raise UserError(
                f"{source}: {printable(name)} is {_shown(heads[name])}: an array {form} is a modality, and "
                "must be of floating numbers."
            )
    if not any(heads[name].shape[-1] for name in names):
        held = ", ".join(f"{name} {_shown(head)}" for name, head in heads.items()) or "no arrays"
        raise UserError(
            f"{source}: it must hold a modality, an array of floating numbers {form} with a channel at "
            f"least, and has {printable(shortened(held, 300))}."
        )
    first = names[0]
    for name in names:
        if heads[name].shape[:-1] != heads[first].shape[:-1]:
            raise UserError(
                f"{source}: {printable(name)} is {heads[name].shape} and {printable(first)} is "
                f"{heads[first].shape}: modalities must be of the same {form[:-4]}]."
            )
    count = sum(math.prod(heads[name].shape) for name in names)
    if count > MOST_NUMBERS:
        raise UserError(
            f"{source}: its modalities have {count:,} numbers: there must be at most {MOST_NUMBERS:,}."
        )
    if 0 in heads[first].shape[:-1]:
        raise UserError(
            f"{source}: {printable(first)} is {_shown(heads[first])}: it must have a sample at least."
        )
    for name in heads:
        base = name.removesuffix(_MASK)
        if base != name and base not in names:
            raise UserError(
                f"{source}: {printable(name)} is the mask of a modality {printable(base)}: there must be "
                f"one, and the modalities are {printable(', '.join(names))}."
            )
    return names, heads[first].shape[:-1]


def _shown(head: ArrayHead) -> str:
    return f"{head.dtype} {head.shape}"


def _mask(arrays: dict[str, np.ndarray], shape: tuple[int, ...], source: str) -> np.ndarray:
    """Return where samples are present in every modality, as far as the file says."""
    if "mask" in arrays and "lengths" in arrays:
        raise UserError(f"{source}: it has mask and lengths, and must have one of them at most.")
    if "lengths" in arrays:
        return flags_of_lengths(arrays["lengths"], shape, source)
    return flags(arrays.get("mask", np.ones(shape, bool)), "mask", shape, source)


def _values(
    given: np.ndarray, mask: np.ndarray, name: str, source: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return float32, 0 where missing, and where samples are present.

    Raises:
      UserError: a number that is present is not finite as float32.
    """
    with np.errstate(over="ignore"):
        values = given.astype(np.float32)
    mask = mask & ~np.isnan(given).any(axis=-1)
    values = np.where(mask[..., None], values, np.float32(0))
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise UserError(
            f"{source}: {printable(name)}[{', '.join(map(str, place))}] is {given[place]}: it must be a "
            "finite number of float32, or be missing (NaN, mask, lengths)."
        )
    return values, mask


def _parts(split: np.ndarray, rows: tuple[int, ...], source: str) -> np.ndarray:
    """Return the numbers of parts [N]; N = 1 for the only one of a recording's file."""
    if not rows and split.shape == ():
        split, rows = split[None], (1,)
    return part_numbers(split, rows[0] if rows else 1, source)


def _require_alike(
    name: str, values: Sequence[np.ndarray | None], files: Sequence[str], source: str
) -> None:
    """Check that all files of a folder have an array, or none, and of one kind of values.

    Raises:
      UserError: they do not.
    """

    def kind(array: np.ndarray | None) -> str:
        if array is None:
            return "missing"
        return "text" if array.dtype.kind == "U" else "a whole number"

    kinds = [kind(array) for array in values]
    for file, other in zip(files, kinds, strict=True):
        if other != kinds[0]:
            raise UserError(
                f"{source}: {name} is {kinds[0]} in {files[0]} and {other} in {file}: it must be the same in "
                "all files."
            )


def _of_the_same_modalities(found: Sequence[Rows], files: Sequence[str], source: str) -> list[Rows]:
    """Add to each recording the modalities of others, as missing.

    Raises:
      UserError: a modality has another number of channels in another recording.
    """
    channels: dict[str, tuple[int, str]] = {}
    for rows, file in zip(found, files, strict=True):
        for name, array in rows.inputs.items():
            count, first = channels.setdefault(name, (array.shape[-1], file))
            if count != array.shape[-1]:
                raise UserError(
                    f"{source}: {printable(name)} has {count} channels in {first} and {array.shape[-1]} in "
                    f"{file}: it must have the same number in all files, or 0."
                )
    same = []
    for rows in found:
        inputs, masks = {}, {}
        shape = next(iter(rows.masks.values())).shape
        for name in sorted(channels):
            missing = np.zeros((*shape, channels[name][0]), np.float32)
            inputs[name] = rows.inputs.get(name, missing)
            masks[name] = rows.masks.get(name, np.zeros(shape, bool))
        same.append(rows._replace(inputs=inputs, masks=masks))
    return same
