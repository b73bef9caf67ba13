"""Checks of a failed run that are specific to extraction: its rows, and the tones of its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from freqjax.networks import TurningPairs
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.extraction import row_checks
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.near_clock import needs_clock
from freqjax.text import number

# |Δf|·T at which the slope of the error of a sine changes sign: the first zero of the derivative of
# sin(2πx) / (2πx), at tan(2πx) = 2πx.
BASIN = 0.715
# An amplitude of this size contributes 0.02 to the MSE, twice the goal.
_AMPLITUDE = 0.8
# Share of the error that scaling the output alone must remove.
_RESCALED_SHARE = 0.5
# An output of less than this share of its target's amplitude, or a component of more than this share of the
# zero predictor's error, has shrunk to nothing.
_SHRUNK, _NOTHING_SHARE = 0.4, 0.7


# Wrong rows invalidate every other check: these causes rank before the general ones.
ROW_CAUSES = row_checks.CAUSES
# These may be consequences of any other cause: they rank last.
OUTPUT_CAUSES = ("amplitude_collapse", "frequency_basin")


def checks(config: ExtractionConfig, evidence: Evidence) -> list[Examination]:
    """Check the rows, then look for a collapsed amplitude and a frequency out of its basin.

    Before the first update only the rows are checked.
    """
    found = row_checks.row_checks(config, evidence)
    if evidence.updated:
        found += [_amplitude_collapse(config, evidence), _frequency_basin(config, evidence)]
    return found


def _frequency_basin(config: ExtractionConfig, evidence: Evidence) -> Examination:
    turns, sources = [], []
    turning_hz = _turning_hz(config, evidence)
    for group, frequency in enumerate(config.frequencies):
        off, source = _off_by(_tones(evidence)[group], turning_hz[group], frequency)
        turns.append(None if off is None else abs(off) * evidence.credit)
        sources.append(source)
    wrong = [
        (turn, group)
        for group, turn in enumerate(turns)
        if turn is not None and evidence.errors[group] >= evidence.goal
    ]
    worst, group = max(wrong, default=(0.0, 0))
    trapped = [config.frequencies[g] for g in _trapped(config, evidence, turns)]
    words = "No wrong component has a measurable frequency."
    if worst > BASIN or (wrong and not trapped):
        words = (
            f"The {sources[group]} for {config.frequencies[group]:g} Hz is off by Δf·T = {worst:.3g} over "
            f"the {evidence.credit:.3g} s of the gradient."
        )
    elif trapped:
        words = (
            f"At {', '.join(f'{f:g}' for f in trapped)} Hz the output has shrunk towards zero, and nothing "
            f"in the network turns near it: over the {evidence.credit:.3g} s of the gradient a smaller "
            "output is all that lowers the error."
        )
    return Examination(
        cause="frequency_basin",
        found=worst > BASIN or bool(trapped),
        words=words,
        evidence={"turns_off_per_frequency": turns, "credit_s": evidence.credit},
        threshold=(
            f"|Δf|·T above {BASIN:g} in a wrong component: beyond it the error, 1 − sin(2πΔfT)/(2πΔfT), "
            "falls with a smaller output, not with a better frequency; or, where a clock is needed, an "
            f"output below {_SHRUNK:g} of its amplitude with {_NOTHING_SHARE:.0%} of the error of zero"
        ),
        experiment=evidence.through_time,
        advice="Begin with a horizon that is short enough for every component's basin, then lengthen it.",
    )


def _trapped(
    config: ExtractionConfig, evidence: Evidence, turns: Sequence[float | None]
) -> list[int]:
    """Return the components that only a clock could learn and that have shrunk to nothing."""
    zero = evidence.evaluation.constant_loss
    if config.duration * min(config.frequencies) < 1 or not needs_clock(config):
        return []
    found = []
    for group, (turn, tone) in enumerate(zip(turns, _tones(evidence), strict=True)):
        size = tone["amplitude_ratio"]
        small = size is not None and size < _SHRUNK
        if small and turn is None and evidence.errors[group] > _NOTHING_SHARE * zero:
            found.append(group)
    return found


def _tones(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the metrics of each component's output on the test rows."""
    return evidence.evaluation.metrics["test"]["tones"]


def _turning_hz(config: ExtractionConfig, evidence: Evidence) -> list[np.ndarray]:
    """Return the frequencies of each selector's pairs, Hz: none if the network has no rotors.

    Two units that are not a rotor have no natural frequency.
    """
    network = evidence.network
    if not isinstance(network, TurningPairs):
        return [np.zeros(0)] * len(config.frequencies)
    hertz = config.sampling_rate * network.pair_cycles(evidence.params)
    owners = network.pair_owners()
    return [hertz[owners == group] for group in range(len(config.frequencies))]


def _off_by(
    tone: Mapping[str, Any], turning: np.ndarray, frequency: float
) -> tuple[float | None, str]:
    """Return Δf of the output's tone, Hz, or without a tone that of the nearest rotating pair."""
    off = tone["frequency_error_mhz"]
    if off is not None:
        return off / 1e3, "output"
    turning = turning[np.isfinite(turning) & (turning > 0)]
    if not turning.size:
        return None, "output"
    return float(np.abs(turning - frequency).min()), "nearest oscillation inside the network"


def _amplitude_collapse(config: ExtractionConfig, evidence: Evidence) -> Examination:
    found, words = [], "No wrong component follows its target with too small an amplitude."
    for frequency, tone, error in zip(
        config.frequencies, _tones(evidence), evidence.errors, strict=True
    ):
        size, match = tone["amplitude_ratio"], tone["correlation"]
        if error < evidence.goal or size is None or match is None or match <= 0:
            continue
        # Error after the best scaling of the output: the power that does not correlate with the target.
        left = (1 - match**2) / 2
        if size < _AMPLITUDE and left < _RESCALED_SHARE * error:
            found.append((error - left, frequency, size, match, left))
    if found:
        _, frequency, size, match, left = max(found)
        words = (
            f"At {frequency:g} Hz the output has {size:.2g} of the target's amplitude and a correlation of "
            f"{match:.3g}: with the best scaling its error is {number(left)}."
        )
    return Examination(
        cause="amplitude_collapse",
        found=bool(found),
        words=words,
        evidence={
            "amplitude_ratio_per_frequency": [t["amplitude_ratio"] for t in _tones(evidence)],
            "correlation_per_frequency": [t["correlation"] for t in _tones(evidence)],
        },
        threshold=(
            f"an amplitude below {_AMPLITUDE:g}, and scaling the output alone removes at least "
            f"{_RESCALED_SHARE:.0%} of a component's error"
        ),
        experiment=evidence.command("optimizer.weight_decay=0")
        if evidence.decays
        else evidence.through_time,
        advice=(
            "Remove what shrinks the output (weight decay, a leaking state) and continue training; compare "
            "the MSE with SI-SDR."
        ),
        before="weight_decay",
    )
