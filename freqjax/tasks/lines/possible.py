"""The limit of the law of a config, where it is linear and Gaussian; else the reason that there is none."""

from __future__ import annotations

import numpy as np

from freqjax.tasks.lines.config import LinesConfig
from freqjax.tasks.lines.limits import GaussianLine, line_limit
from freqjax.tasks.lines.synthesis import mean_power


def least_possible(config: LinesConfig) -> tuple[float | None, str]:
    """Return the least mean squared error of a causal estimate over judged samples, and how it is known.

    Without a limit the reason takes its place; both are clauses without a full stop.
    """
    paths = [name for name in ("train_path", "test_path") if getattr(config, name)]
    if paths:
        named = " and ".join(f"task.{name}" for name in paths)
        return None, f"the law of rows of a file ({named}) is not stated"
    reason = _not_gaussian(config)
    if reason:
        return (
            None,
            f"the law is not linear and Gaussian ({reason}), and the baselines are no limits",
        )
    found = [
        line_limit(_law(config, hz), config.samples, config.burn_in_samples).mean
        for hz in config.frequencies
    ]
    return (
        float(np.mean(found)),
        "the law is linear and Gaussian, and this is the Kalman filter's error, exact",
    )


def _law(config: LinesConfig, hz: float) -> GaussianLine:
    """Return the law of recordings in which the line of `hz` is selected."""
    others = (other for other in config.frequencies if config.together and other != hz)
    return GaussianLine(
        hz=hz,
        sampling_rate_hz=config.sampling_rate,
        variances={1: mean_power(config)},
        noise_variance=mean_power(config) / 10 ** (config.snr_range[0] / 10),
        noise_coefficient=0.0 if config.noise_colors == ("white",) else config.noise_coefficient,
        offset_variance=config.offset**2,
        others_hz=tuple(others),
    )


def _not_gaussian(config: LinesConfig) -> str:
    """Return the first field that makes the law another one; empty if none does."""
    low, high = config.snr_range
    spread = config.gain_range[0] != config.gain_range[1] or config.gain_range[0] != 1
    reasons = {
        "task.amplitude_law is log_uniform": config.amplitude_law != "gaussian",
        "task.detuning": config.detuning > 0,
        "task.frequency_drift": config.frequency_drift > 0,
        "task.amplitude_drift": config.amplitude_drift > 0,
        "task.harmonics": bool(config.harmonics),
        "task.snr_range": low != high,
        "task.noise_colors": config.noise_colors not in (("white",), ("ar1",)),
        "task.trend": config.trend > 0,
        "task.gain_range": spread,
        "task.burst_rate": config.burst_rate > 0,
        "task.dropout_rate": config.dropout_rate > 0,
        "task.iq": config.iq,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
