"""Probes, run with outputs that are a clock's or a locker's by construction."""

import numpy as np
import pytest

from freqjax import TaskConfig
from freqjax.tasks import make_task
from freqjax.tasks.extraction.probes import late_start
from tests.twins import split_of


@pytest.mark.parametrize(
    ("frequencies", "rate", "start"),
    [
        ((1.0, 3.0, 5.0, 7.0), 1000.0, 250),
        # 0.25 s is one period of 4 Hz and two of 8 Hz; 1/12 s is a third of one and two thirds of the other.
        ((4.0, 8.0), 96.0, 8),
        ((4.0,), 96.0, 12),
        # A rate at which 0.25 s is no sample.
        ((0.5,), 2.0, 2),
    ],
)
def test_a_late_start_costs_a_clock_something_in_every_component(frequencies, rate, start):
    config = TaskConfig(frequencies=frequencies, sampling_rate=rate, duration=4.0)
    assert late_start(config) == start
    shift = start / rate
    assert min(1 - np.cos(2 * np.pi * f * shift) for f in frequencies) >= 0.5


@pytest.mark.parametrize("frequencies", [(4.0, 8.0), (2.0, 4.0, 6.0)])
def test_an_exact_clock_is_called_one(frequencies):
    config = TaskConfig(frequencies=frequencies, sampling_rate=100.0, duration=2.0)

    def clock(blocks, reset):
        selected = np.array(frequencies)[np.asarray(blocks.group)][:, None]
        samples = blocks.targets.shape[1]
        first = np.zeros(len(selected)) if reset == "block" else samples * np.arange(len(selected))
        time = (first[:, None] + np.arange(samples)) / 100.0
        return np.sin(2 * np.pi * selected * time)[..., None]

    def locker(blocks, reset):
        heard = np.abs(np.asarray(blocks.inputs["signal"])).max(axis=(1, 2)) > 0
        return blocks.targets * heard[:, None, None]

    task = make_task(config)
    test = split_of(task, "test")
    np.testing.assert_allclose(clock(test, "block"), test.targets, atol=1e-5)
    assert task.probe(clock)["verdict"] == "clock"
    assert task.probe(locker)["verdict"] == "locker"
