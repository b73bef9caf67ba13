"""Windows with classes in three parts, of which none shares a group with another unless it is asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from freqjax.errors import UserError
from freqjax.tasks import splits
from freqjax.tasks.classifier.config import WATCH
from freqjax.tasks.classifier.cutting import Windows, cut, pair_numbers
from freqjax.tasks.classifier.sources import Drawing, source_of
from freqjax.tasks.classifier.synthetic import PatternTask
from freqjax.tasks.row_values import named
from freqjax.text import printable


class Part(NamedTuple):
    """N windows of training, validation or test.

    Attributes:
      inputs: modality → [N, T, F] float32; 0 where missing.
      masks: modality → [N, T] bool, whether a sample is present.
      label: [N] int32, index into the dataset's `class_names`.
      auxiliary: [N] int32, index into `auxiliary_names`; −1 for none.
      group: [N] int32, index into `group_names`.
      recording: [N] int32, index into `recording_names`.
      order: [N] int32, the number of the window in its recording; gaps where one was left out.
    """

    inputs: dict[str, Float[np.ndarray, "N T _"]]
    masks: dict[str, Bool[np.ndarray, "N T"]]
    label: Int[np.ndarray, " N"]
    auxiliary: Int[np.ndarray, " N"]
    group: Int[np.ndarray, " N"]
    recording: Int[np.ndarray, " N"]
    order: Int[np.ndarray, " N"]


class Dataset(NamedTuple):
    """Windows in three parts.

    Attributes:
      train: windows to train on, one at least.
      validation: windows to choose by; perhaps none.
      test: windows to report on, one at least.
      class_names: C of them, two at least, sorted.
      group_names: what a split does not divide: persons, ….
      auxiliary_names: A of them; empty without a second label.
      recording_names: those of a group with the group's name before them where two groups have the same.
      left_out: windows without a label or with nothing present, which are in no part.
      unread: arrays of the files that are none of the data.
      law: by which the windows were drawn; None if it is not known.
      labels: C labels as the files have them, which may have other names in `class_names`.
    """

    train: Part
    validation: Part
    test: Part
    class_names: tuple[str, ...]
    group_names: tuple[str, ...]
    recording_names: tuple[str, ...]
    auxiliary_names: tuple[str, ...] = ()
    left_out: int = 0
    unread: tuple[str, ...] = ()
    law: PatternTask | None = None
    labels: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, Part]:
        """The three parts by name."""
        return dict(zip(splits.NAMES, (self.train, self.validation, self.test), strict=True))


class Folds(NamedTuple):
    """Folds of groups, in place of shares of them.

    Attributes:
      count: k, 3 at least; group g is in fold g mod k.
      test: the fold that is test, from 0 to k − 1; the next one, or fold 0 behind the last, is validation.
    """

    count: int
    test: int


def load_dataset(
    data: str = WATCH,
    *,
    length: int | None = None,
    stride: int | None = None,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 1,
    folds: Folds | None = None,
    shared_groups: bool = False,
    drawing: Drawing | None = None,
) -> Dataset:
    """Load the windows that the field `task.data` names, and divide them.

    Args:
      data: a name, or a path of an .npz or a folder (`freqjax.tasks.classifier.sources`).
      length: T, to cut longer sequences to; None for whole ones.
      stride: from a window's first sample to the next's; None for T.
      shares: of training, validation and test among the groups, if the data have no split.
      seed: by which groups are drawn for these.
      folds: to divide by in place of shares, and of the split of the data.
      shared_groups: whether a split of the data may have a group in two parts.
      drawing: what rows are drawn by, where `data` names a known law.

    Raises:
      UserError: a file is missing or not as it must be, a part would be empty, there are fewer than two
        classes, or a split shares groups though it may not.
    """
    given = source_of(data, drawing)
    source = f"task.data is {printable(data)}"
    unread = tuple(sorted({name for rows in given.sequences for name in rows.unread}))
    found = cut(given.sequences, length, stride, source=source)
    count = len(found.label)
    group, group_names = named(found.group, "group", count, source)
    split = _division(found, group, group_names, shares, seed, folds, shared_groups, source)
    label, class_names = named(found.label, "label", count, source)
    if len(class_names) < 2:
        raise UserError(
            f"{source}: label is {', '.join(class_names)} throughout: there must be two classes at least."
        )
    auxiliary, auxiliary_names = _auxiliary(found, source)
    recording, recording_names = recordings_of(found)
    indices = {"label": label, "auxiliary": auxiliary, "group": group, "recording": recording}
    parts = []
    for number, name in enumerate(splits.NAMES):
        kept = np.flatnonzero(split == number)
        if not len(kept) and number != 1:
            raise UserError(f"{source}: the part {name} must have a window and has none.")
        parts.append(_part(found, indices, kept))
    return Dataset(
        *parts,
        class_names=given.class_names or class_names,
        group_names=group_names,
        recording_names=recording_names,
        auxiliary_names=auxiliary_names,
        left_out=found.left_out,
        unread=unread,
        law=given.law,
        labels=class_names,
    )


def _division(
    found: Windows,
    group: Int[np.ndarray, " N"],
    names: tuple[str, ...],
    shares: tuple[float, float, float],
    seed: int,
    folds: Folds | None,
    shared_groups: bool,
    source: str,
) -> Int[np.ndarray, " N"]:
    """Return the number of each window's part: by folds, by the data's own split, or by shares.

    Raises:
      UserError: the data's own split divides a group, though it may not.
    """
    if folds is not None:
        return splits.fold_groups(len(names), *folds)[group]
    if found.split is None:
        return splits.split_groups(len(names), shares, seed)[group]
    if not shared_groups:
        splits.require_whole_groups(group, found.split, names, source)
    return found.split


def _part(found: Windows, indices: dict[str, np.ndarray], kept: Int[np.ndarray, " M"]) -> Part:
    """Return some windows as a part."""
    return Part(
        inputs={modality: array[kept] for modality, array in found.inputs.items()},
        masks={modality: array[kept] for modality, array in found.masks.items()},
        **{field: array[kept] for field, array in indices.items()},
        order=found.order[kept],
    )


def _auxiliary(found: Windows, source: str) -> tuple[Int[np.ndarray, " N"], tuple[str, ...]]:
    """Return the index of each window's second label, −1 for none, and the names of those labels."""
    count = len(found.label)
    index = np.full(count, -1, np.int32)
    if found.auxiliary is None:
        return index, ()
    text = found.auxiliary.dtype.kind == "U"
    some = found.auxiliary != "" if text else found.auxiliary >= 0
    if not some.any():
        return index, ()
    index[some], names = named(found.auxiliary[some], "auxiliary", int(some.sum()), source)
    return index, names


def recordings_of(found: Windows) -> tuple[Int[np.ndarray, " N"], tuple[str, ...]]:
    """Return the index of each window's recording, and the names of recordings."""
    pairs = pair_numbers(found.group, found.recording)
    _, first, index = np.unique(pairs, return_index=True, return_inverse=True)
    names, same = np.unique(found.recording[first], return_counts=True)
    shared = set(names[same > 1].tolist())
    spelled = [
        printable(f"{group}, {name}" if name in shared else str(name))
        for group, name in zip(
            found.group[first].tolist(), found.recording[first].tolist(), strict=True
        )
    ]
    return index.astype(np.int32), tuple(spelled)
