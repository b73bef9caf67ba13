"""Blocks of the rows of a file, and the checks that blocks must pass."""

import re

import jax
import numpy as np
import pytest

from freqjax import TaskConfig, UserError
from freqjax.tasks import make_task
from freqjax.tasks.extraction.blocks import blocks_of_rows, check_blocks
from freqjax.tasks.extraction.limits.law import noise_variance
from freqjax.tasks.extraction.rows import Rows
from tests.twins import split_of

THREES = TaskConfig(frequencies=(1.0, 2.0), sampling_rate=10.0, duration=0.3)


def task(**fields):
    return make_task(TaskConfig(**{"sampling_rate": 100.0, "duration": 4.0, **fields}))


def rows_of(selected):
    """Return rows 0, 1, 2 … that select the components given."""
    count = np.arange(len(selected), dtype=np.float32)
    return Rows(count, np.eye(2, dtype=np.float32)[selected], -count)


def test_rows_are_cut_into_blocks_of_one_selector():
    blocks = blocks_of_rows(rows_of([1, 1, 1, 0, 0, 0]), THREES, "a.npz")
    np.testing.assert_array_equal(blocks.inputs["signal"][..., 0], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(blocks.targets[..., 0], [[0, -1, -2], [-3, -4, -5]])
    np.testing.assert_array_equal(blocks.inputs["selector"][1], [[1, 0]] * 3)
    np.testing.assert_array_equal(blocks.group, [1, 0])


def test_a_selector_holds_for_its_block_and_is_one_hot():
    with pytest.raises(UserError, match=r"^a.npz: row 5, columns C1 to C2 change inside block 2; "):
        blocks_of_rows(rows_of([1, 1, 1, 0, 1, 1]), THREES, "a.npz")
    rows = rows_of([1, 1, 1, 0, 0, 0])
    rows.selectors[3] = 0.5
    with pytest.raises(UserError, match=r"row 4, columns C1 to C2 are not one-hot \(0.5, 0.5\)"):
        blocks_of_rows(rows, THREES, "a.npz")


def test_a_wrong_rate_is_seen():
    blocks = split_of(task(), "train")
    wrong = TaskConfig(sampling_rate=200.0, duration=2.0)
    with pytest.raises(UserError, match=r"block 1 peaks at 2 Hz where the selector says 1 Hz"):
        check_blocks(blocks, wrong, "the file")


def test_a_frequency_without_a_block_is_named():
    """Its scores would be means of nothing, after a whole training."""
    whole = split_of(task(), "train")
    blocks = jax.tree.map(lambda array: array[np.asarray(whole.group) != 2], whole)
    with pytest.raises(
        UserError, match=r"^the file: it has no block of 5 Hz, whose selector is C3"
    ):
        check_blocks(blocks, task().config, "the file")


def test_a_smooth_mixture_is_seen():
    quiet = split_of(task(amplitude_range=(1.0, 1.0), phase_scale=0.0), "train")
    with pytest.raises(UserError, match="mean squared second difference"):
        check_blocks(quiet, TaskConfig(sampling_rate=100.0, duration=4.0), "the file")


@pytest.mark.parametrize(
    "law",
    [
        {"phase_scale": 0.2},
        {"phase_scale": 0.05, "amplitude_range": (0.99, 1.01)},
        {"phase_scale": 0.0, "amplitude_range": (0.97, 1.03)},
        {"phase_scale": 0.0, "amplitude_range": (1.0, 1.0)},
    ],
)
def test_the_law_that_would_fit_quiet_rows_fits_them(law):
    slow = {"frequencies": (0.5, 1.0), "sampling_rate": 500.0, "duration": 4.0}
    blocks = split_of(make_task(TaskConfig(**slow, **law)), "train")
    with pytest.raises(UserError, match=r"is quieter than task\.phase_scale=1 and") as caught:
        check_blocks(blocks, TaskConfig(**slow), "the file")
    named = re.findall(
        r"task\.(\w+)=([\d.,e+-]+) (?=and task|would)", str(caught.value).split("): ")[1]
    )
    found = {name: text for name, text in named}
    assert "phase_scale" in found
    scale = float(found["phase_scale"])
    ends = tuple(map(float, found.get("amplitude_range", "0.8,1.2").split(",")))
    fitting = TaskConfig(**slow, phase_scale=scale, amplitude_range=ends)
    check_blocks(blocks, fitting, "the file")
    wanted = noise_variance(TaskConfig(**slow, **law))
    assert noise_variance(fitting) == pytest.approx(wanted, rel=0.15, abs=1e-5)


def test_values_that_are_not_finite_are_seen():
    blocks = split_of(task(), "train")
    signal = blocks.inputs["signal"].copy()
    signal[2, 5, 0] = np.nan
    inputs = {**blocks.inputs, "signal": signal}
    with pytest.raises(UserError, match="block 3 holds values that are not finite"):
        check_blocks(blocks._replace(inputs=inputs), task().config, "the file")
