"""Test windows of another file (`task.test_path`), in place of those of the data.

Their modalities and channels must be those of the data, and their labels among the data's; labels may be
missing, in part or altogether. Axes: N windows, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from freqjax.errors import UserError
from freqjax.tasks.classifier.cutting import Windows, cut
from freqjax.tasks.classifier.dataset import Dataset, Part, recordings_of
from freqjax.tasks.classifier.sequences import Rows, read_sequences
from freqjax.tasks.row_values import named
from freqjax.text import printable

# Names that stand for a label of none.
_NONE = -1


def with_test(
    dataset: Dataset, path: Path, length: int | None = None, stride: int | None = None
) -> Dataset:
    """Return a dataset whose test windows are those of a file.

    A group of the file is another than one of the data, even of the same name, which is then followed by the
    name of the file.

    Args:
      dataset: the data that a network was trained on, with the names of its labels.
      path: a stacked .npz or a folder of .npz, as `read_sequences` reads them, without labels as well.
      length: T, to cut longer sequences to; None for whole ones.
      stride: from a window's first sample to the next's; None for T.

    Raises:
      UserError: the file cannot be read, or its modalities, channels, lengths or labels are not the data's.
    """
    source = f"task.test_path is {printable(str(path))}"
    sequences = read_sequences(path, "task.test_path", labelled=False)
    _require_channels(sequences, dataset.train, source)
    samples = next(iter(dataset.train.masks.values())).shape[1]
    found = cut(sequences, length, stride, source=source, labelled=False)
    shape = next(iter(found.masks.values())).shape
    if shape[1] > samples:
        raise UserError(
            f"{source}: its sequences have {shape[1]} samples: they must have at most {samples}, as those of "
            "task.data."
        )
    more = ((0, 0), (0, samples - shape[1]))
    group, names = named(found.group, "group", shape[0], source)
    known = set(dataset.group_names)
    names = tuple(f"{name} of {printable(path.stem)}" if name in known else name for name in names)
    recording, recording_names = recordings_of(found)
    test = Part(
        inputs={name: np.pad(x, (*more, (0, 0))) for name, x in found.inputs.items()},
        masks={name: np.pad(mask, more) for name, mask in found.masks.items()},
        label=_indices(found, "label", (dataset.labels, dataset.class_names), source),
        auxiliary=_indices(found, "auxiliary", (dataset.auxiliary_names,), source),
        group=group + np.int32(len(dataset.group_names)),
        recording=recording + np.int32(len(dataset.recording_names)),
        order=found.order,
    )
    return dataset._replace(
        test=test,
        group_names=dataset.group_names + names,
        recording_names=dataset.recording_names + recording_names,
        left_out=dataset.left_out + found.left_out,
        law=None,  # of the data alone
    )


def _require_channels(sequences: list[Rows], train: Part, source: str) -> None:
    """Check that modalities and their channels are those that were trained on.

    Raises:
      UserError: they are others.
    """
    has = {name: array.shape[2] for name, array in sequences[0].inputs.items()}
    wanted = {name: array.shape[2] for name, array in train.inputs.items()}
    if has != wanted:
        said = [
            ", ".join(f"{printable(name)} {count}" for name, count in sorted(found.items()))
            for found in (has, wanted)
        ]
        raise UserError(
            f"{source}: its modalities and channels are {said[0]}: they must be those of task.data, "
            f"{said[1]}; what was not measured may be NaN."
        )


def _indices(
    found: Windows, field: str, known: Sequence[tuple[str, ...]], source: str
) -> Int[np.ndarray, " N"]:
    """Return the index of each window's label among those of the data, −1 for none.

    Args:
      found: N windows.
      field: label or auxiliary.
      known: the labels of the data, and names that these have.
      source: how messages begin.

    Raises:
      UserError: a label is none of these.
    """
    values = getattr(found, field)
    index = np.full(len(found.order), _NONE, np.int32)
    if values is None:
        return index
    some = values != "" if values.dtype.kind == "U" else values >= 0
    places = {name: number for names in known for number, name in enumerate(names)}
    for row in np.flatnonzero(some):
        name = printable(str(values[row]))
        if name not in places:
            raise UserError(
                f"{source}: {field} has {name}: it must be one of task.data, {', '.join(known[-1])}, or none."
            )
        index[row] = places[name]
    return index
