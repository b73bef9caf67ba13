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
# Share of the error that scaling the output alone must remove.
_RESCALED_SHARE = 0.5
# An output of less than this share of its target's amplitude, or a component of more than this share of the
# zero predictor's error, has shrunk to nothing.
_SHRUNK, _NOTHING_SHARE = 0.4, 0.7
# A component with more than this share of the zero predictor's error in more than half of the epochs that
# were evaluated was trapped, though it escaped at last.
_PLATEAU_SHARE = 0.9


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
    trapped = _trapped(config, evidence, turns)
    late = _late(config, evidence)
    credit = f"over the {evidence.credit:.3g} s of the gradient"
    words = "No wrong component has a measurable frequency."
    if worst <= BASIN and trapped:
        words = (
            f"At {_hertz(config, trapped)} Hz the output has shrunk towards zero, and nothing in the network "
            f"turns near it: {credit} a smaller output is all that lowers the error."
        )
    elif worst <= BASIN and late:
        words = (
            f"At {_hertz(config, late)} Hz the output was no better than zero in most epochs, and nothing in "
            "the network turned near it."
        )
    elif wrong:
        words = (
            f"The {sources[group]} for {config.frequencies[group]:g} Hz is off by Δf·T = {worst:.3g} "
            f"{credit}."
        )
    return Examination(
        cause="frequency_basin",
        # What escaped late may have been slow: another start must prove that it was trapped.
        found=worst > BASIN or bool(trapped) or (None if late and evidence.near_start else False),
        words=words,
        evidence={"turns_off_per_frequency": turns, "credit_s": evidence.credit},
        threshold=(
            f"|Δf|·T above {BASIN:g} in a wrong component: beyond it the error, 1 − sin(2πΔfT)/(2πΔfT), "
            "falls with a smaller output, not with a better frequency; or, where a clock is needed, an "
            f"output below {_SHRUNK:g} of its amplitude with {_NOTHING_SHARE:.0%} of the error of zero; or "
            f"{_PLATEAU_SHARE:.0%} of it in most epochs where nothing turns near"
        ),
        experiment=evidence.through_time,
        advice="Begin with a horizon that is short enough for every component's basin, then lengthen it.",
        mend=evidence.near_start,
    )


def _hertz(config: ExtractionConfig, groups: Sequence[int]) -> str:
    return ", ".join(f"{config.frequencies[group]:g}" for group in groups)


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


def _late(config: ExtractionConfig, evidence: Evidence) -> list[int]:
    """Return the wrong components that only a clock could learn and that were at zero in most epochs."""
    turns = any(hertz.size for hertz in _turning_hz(config, evidence))
    if turns or not evidence.frozen or not needs_clock(config):
        return []
    zero = evidence.evaluation.constant_loss
    found = []
    for group, error in enumerate(evidence.errors):
        losses = [each[group] for each in evidence.frozen]
        stuck = sum(loss is not None and loss > _PLATEAU_SHARE * zero for loss in losses)
        if error >= evidence.goal and 2 * stuck > len(losses):
            found.append(group)
    return found


def _tones(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the metrics of each component's output on the test rows."""
    return evidence.evaluation.metrics["test"]["tones"]


def _turning_hz(config: ExtractionConfig, evidence: Evidence) -> list[np.ndarray]:
    """Return the rotation speeds of each selector's units, or pairs of units, Hz: none if there are none.

    Two units of an LSTM that was not initialised as rotors have no natural frequency.
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
        # Of an output of relative size r and correlation ρ the best scaling, ρ/r, removes (ρ − r)²/2.
        removed = (match - size) ** 2 / 2 if size < match else 0.0
        if removed > _RESCALED_SHARE * error and left < _RESCALED_SHARE * error:
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
            f"making the output larger removes at least {_RESCALED_SHARE:.0%} of a component's error alone"
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
