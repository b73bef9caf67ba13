"""Rows that a network of a separating task was trained on."""

import jax
import numpy as np

from freqjax import LinesConfig
from freqjax.tasks.lines.task import Lines
from freqjax.tasks.separation import training_rows


def test_training_rows_are_those_of_the_file_where_there_is_one(tmp_path):
    rows = 70 * np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    fields = {"duration": 0.5, "recordings": 3}
    read = training_rows(Lines(LinesConfig(**fields, train_path=str(tmp_path / "rows.npy"))), 200)
    np.testing.assert_array_equal(read.inputs["signal"][0, :, 0], rows[:200, 0])
    np.testing.assert_array_equal(read.targets[0, :, 0], rows[:200, 1])
    drawn = training_rows(Lines(LinesConfig(**fields)), 200)
    assert drawn.targets.shape == (3, 200, 1)
    gone = {"noise_path": str(tmp_path / "gone"), "noise_colors": ("recordings",)}
    without = training_rows(Lines(LinesConfig(**fields, **gone)), 200)
    # White noise replaces recordings of noise, which are not needed.
    for ours, theirs in zip(jax.tree.leaves(without), jax.tree.leaves(drawn), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # Without a file they have the level of the law.
    assert 0.8 < np.sqrt(np.mean(np.asarray(drawn.inputs["signal"]) ** 2)) < 1.2
