"""The last repeat of sinusoids, whose cycles are known, and of what does not repeat."""

import numpy as np
import pytest

from freqjax.training.filter.repeats import last_repeat


def tone(cycles, rows, phase=0.0):
    """Return `rows` samples of a sinusoid with so many cycles a sample, in single precision."""
    return np.sin(2 * np.pi * (cycles * np.arange(rows) + phase)).astype(np.float32)


@pytest.mark.parametrize("frequency", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("phase", [0.0, 0.1, 0.4, 0.6, 0.9])
def test_whole_cycles_end_with_the_block(frequency, phase):
    assert last_repeat(tone(frequency / 1000, 10_000, phase)) == 10_000


@pytest.mark.parametrize("frequency", [1, 2, 3, 5, 7, 9.3])
@pytest.mark.parametrize("phase", [0.0, 0.1, 0.4, 0.6, 0.9])
@pytest.mark.parametrize("rows", [9_870, 9_999, 4_321])
def test_the_last_whole_cycle_to_the_nearest_sample(frequency, phase, rows):
    expected = int(np.floor(frequency * rows / 1000)) * 1000 / frequency
    assert abs(last_repeat(tone(frequency / 1000, rows, phase)) - expected) <= 0.51


@pytest.mark.parametrize(
    "targets",
    [
        tone(0.001, 900),
        np.zeros(50),
        np.arange(50.0),
        np.cos(0.1 * np.arange(200)),
        np.full(9, np.nan),
        np.ones(1),
        np.ones(2),
    ],
    ids=[
        "part of a cycle",
        "constant",
        "line",
        "turning point",
        "no number",
        "one row",
        "two rows",
    ],
)
def test_without_a_repeat_it_is_the_end(targets):
    assert last_repeat(targets) == len(targets)
