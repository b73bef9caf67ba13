"""Recordings with targets: the same rows as those of a synthesis, and what is refused."""

import numpy as np
import pytest
from scipy.io import wavfile

from freqjax import TaskConfig, UserError
from freqjax.tasks import make_task

SMALL = {"frequencies": (1.0, 3.0), "sampling_rate": 20.0, "duration": 1.0}


@pytest.mark.parametrize("fields", [{}, {"start": "random", "starts": 3}])
def test_a_mixture_and_its_components_are_the_rows_they_were(tmp_path, fields):
    synthesised = make_task(TaskConfig(**{**SMALL, **fields})).rows("train")
    # [starts, F, T]: every start has its mixture F times.
    starts = len(synthesised.groups) // 2
    mixture = synthesised.inputs[::2, :, 0]
    targets = synthesised.targets[..., 0].reshape(starts, 2, 20)
    stems = np.concatenate([mixture[:, None], targets], axis=1).transpose(0, 2, 1).reshape(-1, 3)
    wavfile.write(tmp_path / "stems.wav", 20, stems)
    np.save(tmp_path / "stems.npy", stems)
    for path in tmp_path.iterdir():
        blocks = make_task(TaskConfig(train_path=str(path), **{**SMALL, **fields})).rows("train")
        for ours, theirs in zip(blocks, synthesised, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("stems", "rate", "sentence"),
    [
        (np.zeros(20), 20, "has 1 channels: it must have 3, the mixture and then the target"),
        (np.zeros((20, 6)), 20, "has 6 channels: it must have 3, .* or 4, S, C1 to C2 and the"),
        (np.zeros((20, 3)), 40, "has 40 samples a second: it must have 20"),
        (np.zeros((21, 3)), 20, "has 21 samples: it must have a multiple of 20, task.duration"),
        (np.zeros((40, 3)), 20, "has 80 rows: it must have 40 rows"),
        (np.full((20, 3), np.nan), 20, "row 1, channel 1 is nan: it must be a finite number"),
    ],
)
def test_other_recordings_cannot_be_trained_on(tmp_path, stems, rate, sentence):
    path = tmp_path / "stems.wav"
    wavfile.write(path, rate, stems.astype(np.float32))
    with pytest.raises(UserError, match=sentence):
        make_task(TaskConfig(train_path=str(path), **SMALL)).rows("train")
