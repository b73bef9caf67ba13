"""Findings of extraction as sentences for titles of figures."""

import numpy as np

from freqjax.figures.words import number
from freqjax.tasks.extraction.figures.record import GOAL_MSE, EvaluationRecord
from freqjax.tasks.extraction.tones import FEWEST_CYCLES


def tone_finding(record: EvaluationRecord, index: int) -> str:
    """Describe one frequency's output, as in '1 Hz: MSE 0.0006, in phase after 10 s'."""
    tone, frequency_hz = record.tones[index], record.frequencies_hz[index]
    duration = f"{record.targets.shape[1] / record.sampling_rate_hz:g} s"
    if tone.mse is None:
        return f"{frequency_hz:g} Hz: the output is not finite"
    if tone.correlation is None:
        finding = "the output is constant"
    elif tone.mse < GOAL_MSE:
        finding = f"in phase after {duration}"
    elif abs(tone.r2 or 1.0) < 0.05 and (tone.amplitude_ratio or 0.0) < 0.2:
        finding = "no better than predicting zero"
    elif tone.frequency_error_mhz is None:
        finding = "no clear tone"
    elif tone.phase_drift_rad is None:
        finding = (
            f"strongest tone at {frequency_hz + tone.frequency_error_mhz / 1e3:.3g} Hz instead"
        )
    elif abs(tone.phase_drift_rad) > 0.25:
        verb = "gains" if tone.phase_drift_rad > 0 else "loses"
        finding = f"{verb} {abs(tone.phase_drift_rad):.2g} rad of phase in {duration}"
    else:
        finding = f"right frequency, correlation {tone.correlation:.2f}"
        if tone.amplitude_ratio is not None:
            finding += f", amplitude {tone.amplitude_ratio:.2g}"
    streams = int(np.sum(record.selected == index))
    over = f" over {streams} streams" if streams > 1 else ""
    return f"{frequency_hz:g} Hz: MSE {number(tone.mse)}{over}, {finding}"


def strongest_line(record: EvaluationRecord, index: int) -> tuple[str, bool]:
    """Describe the output's strongest line, and return whether it is the selected one."""
    tone = record.tones[index]
    if tone.mse is None:
        return "not finite", False
    duration_s = record.targets.shape[1] / record.sampling_rate_hz
    if tone.frequency_error_mhz is None:
        short = duration_s * record.frequencies_hz[index] < FEWEST_CYCLES
        return "too short to measure" if short else "no line in the output", False
    error_hz = tone.frequency_error_mhz / 1000
    size = f"{1000 * error_hz:+.1f} mHz" if abs(error_hz) < 1 else f"{error_hz:+.2f} Hz"
    return f"strongest line off by {size}", abs(error_hz) < 1 / duration_s


def distribution_finding(within: dict[str, float], at_goal: float) -> str:
    """Describe the interval of 95 % of the errors for the best and the worst frequency.

    Args:
      within: name of a frequency -> bound of 95 % of its errors.
      at_goal: the same bound of a network that just reaches the goal.
    """
    if not within:
        return "No finite output"
    best, worst = min(within, key=within.__getitem__), max(within, key=within.__getitem__)
    ends, most = f"±{within[best]:.2g}", f"±{within[worst]:.2g}"
    if ends != most:
        ends += f" ({best}) to {most} ({worst})"
    return f"95 % of the errors lie within {ends}; at the goal ±{at_goal:.2g}, predicting zero ±1"
