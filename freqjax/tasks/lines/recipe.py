"""Recipes: a config of lines carried over to other frequencies and another sampling rate.

A recipe is a config whose times are natural in periods of its lowest line: from 50 Hz to 16.7 Hz every time
grows by 50/16.7, every rate falls by it, and the random walks, per square root of a second, fall by its root.
What is counted in samples follows the samples of a period.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.tasks.lines.config import lines_of

# field → power of time in its unit.
_POWERS = {
    "task.duration": 1.0,
    "task.burn_in": 1.0,
    "task.noise_memory": 1.0,
    "task.burst_length": 1.0,
    "task.dropout_length": 1.0,
    "curriculum.first_horizon": 1.0,
    "curriculum.longest_horizon": 1.0,
    "task.burst_rate": -1.0,
    "task.dropout_rate": -1.0,
    "task.rotor_low": -1.0,
    "task.rotor_high": -1.0,
    "task.rotor_leak": -1.0,
    "task.rotor_decay": -1.0,
    "task.frequency_drift": -0.5,
    "task.amplitude_drift": -0.5,
}
# Fields in samples.
_COUNTS = ("train.truncation", "windows.length", "windows.stride", "windows.warm_up")


def rescaled(
    config: Config, frequencies: Sequence[float] | None, sampling_rate: float | None
) -> Config:
    """Return a copy of `config` for other lines, Hz, and another rate, Hz.

    Args:
      config: a config of the task lines.
      frequencies: of the lines; None for those of `config`.
      sampling_rate: None for as many samples a period as in `config`.

    Raises:
      UserError: the task is another one, or a value is not above 0.
    """
    scaled = copy.deepcopy(config)
    task = lines_of(scaled)
    asked = tuple(task.frequencies if frequencies is None else frequencies)
    for flag, values in (
        ("hz", asked),
        ("rate", () if sampling_rate is None else (sampling_rate,)),
    ):
        for value in values:
            if not 0 < value < float("inf"):
                raise UserError(f"--{flag} is {value:g}: it must be above 0, in Hz.")
    longer = min(task.frequencies) / min(asked)
    rate = sampling_rate or float(f"{task.sampling_rate / longer:.9g}")
    finer = rate * longer / task.sampling_rate
    for field, power in _POWERS.items():
        _change(scaled, field, lambda value, power=power: float(f"{value * longer**power:.6g}"))
    for field in _COUNTS:
        _change(scaled, field, lambda value: max(1, round(value * finer)))
    task.frequencies, task.sampling_rate = asked, rate
    # A whole number of samples, or of truncations.
    part = scaled.train.truncation if scaled.train.regime == "tbptt" else 1
    task.duration = part * max(2, round(task.duration * rate / part)) / rate
    return scaled


def _change(config: Config, field: str, change: Callable[[Any], Any]) -> None:
    """Change the value of a field, unless it is None."""
    section, _, name = field.partition(".")
    value = getattr(getattr(config, section), name)
    if value is not None:
        setattr(getattr(config, section), name, change(value))
