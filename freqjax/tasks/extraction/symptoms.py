"""What only the extraction task can see of a run that failed: its rows, its tones, its amplitudes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from freqjax.networks import TurningPairs
from freqjax.tasks.batch import Batch
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.text import number

# Steps from sample to sample this many times too large: every second sample is missing, or more.
_STEP_RATIO = 1.5
# An output this close to a whole multiple of the frequency keeps the time of a decimated stream.
_MULTIPLE_TOLERANCE = 0.03
# |Δf|·T at which the error of a sine stops falling towards Δf = 0: the first zero of the derivative of
# sin(2πx) / (2πx), at tan(2πx) = 2πx.
BASIN = 0.715
# An amplitude of this size costs 0.02 of MSE by itself, twice what counts as learned.
_AMPLITUDE = 0.8
# What must be won by scaling the output alone.
_RESCALED_SHARE = 0.5
# Targets of one selector in the training and the test rows may differ by so much in phase, rad, and
# amplitude: either costs about half of what counts as learned.
_PHASE, _SCALE = 0.1, 0.1
# The law's largest mixture is max|A|; a file of a user's own may be a little louder.
_LOUD = 1.5
_REPEATED_SHARE = 0.01


# What makes the rows wrong makes everything else meaningless: it ranks before every general cause.
ROW_CAUSES = ("decimated_stream", "bad_data")
# What may be a symptom of any other cause: it ranks after them all.
OUTPUT_CAUSES = ("amplitude_collapse", "frequency_basin")
_BEFORE_ALL = "non_finite"


def checks(config: ExtractionConfig, evidence: Evidence) -> list[Examination]:
    """Look for a decimated stream and bad data, then for a collapsed amplitude and a frequency out of basin.

    Before the first update there is no output to look at: the rows alone are checked.
    """
    decimated = _decimated_stream(config, evidence)
    found = [decimated, _bad_data(config, evidence, decimated=bool(decimated.found))]
    if evidence.updated:
        found += [_amplitude_collapse(config, evidence), _frequency_basin(config, evidence)]
    return found


def _decimated_stream(config: ExtractionConfig, evidence: Evidence) -> Examination:
    ratios = [
        _step_ratio(config, evidence.train_rows, group) for group in range(len(config.frequencies))
    ]
    multiple = _common_multiple(config, evidence)
    worst = max(ratios)
    words = f"From sample to sample the training targets move {worst:#.3g} times as far as the clean sine"
    words += (
        f", and the network runs {multiple} times too fast on the test rows."
        if multiple
        else "; no component runs at a whole multiple of its frequency."
    )
    return Examination(
        cause="decimated_stream",
        found=worst > _STEP_RATIO or multiple is not None,
        words=words,
        evidence={"step_ratio_per_frequency": ratios, "runs_times_too_fast": multiple},
        threshold=(
            f"a median step of the targets above {_STEP_RATIO:g} times that of the sine, as every k-th "
            f"sample gives k; or two wrong components or more, all within {_MULTIPLE_TOLERANCE:.0%} of one "
            "whole multiple of their frequencies"
        ),
        experiment=evidence.command("task.train_path=")
        if config.train_path
        else evidence.command("train.streams=sequential"),
        advice=(
            "Feed the network every sample, in order: a batch over a carried state must hold streams "
            "side by side, not neighbours in time."
        ),
        before=_BEFORE_ALL,
    )


def _step_ratio(config: ExtractionConfig, blocks: Batch, group: int) -> float:
    """Return the median |step| of the targets of a selector / that of the clean sine."""
    targets = np.asarray(blocks.targets[..., 0], np.float64)[np.asarray(blocks.group) == group]
    omega = 2 * np.pi * config.frequencies[group] / config.sampling_rate
    time = omega * np.arange(targets.shape[1])
    known = config.start == "zero"
    phases = np.zeros(1) if known else np.linspace(0, 2 * np.pi, 64, endpoint=False)
    clean = np.median(np.abs(np.diff(np.sin(time + phases[:, None]), axis=1)))
    return float(np.median(np.abs(np.diff(targets, axis=1))) / clean)


def _common_multiple(config: ExtractionConfig, evidence: Evidence) -> int | None:
    """Return the whole number ≥ 2 by which every wrong component runs too fast, if there is one.

    A single wrong component may be mistaken for another that runs at a multiple of it: it takes two.
    """
    multiples = []
    for frequency, tone, error in zip(
        config.frequencies, _tones(evidence), evidence.errors, strict=True
    ):
        off = tone["frequency_error_mhz"]
        if error < evidence.goal:
            continue
        if off is None:
            return None
        ratio = 1 + off / 1e3 / frequency
        if round(ratio) < 2 or abs(ratio / round(ratio) - 1) > _MULTIPLE_TOLERANCE:
            return None
        multiples.append(round(ratio))
    return multiples[0] if len(multiples) > 1 and len(set(multiples)) == 1 else None


def _bad_data(config: ExtractionConfig, evidence: Evidence, *, decimated: bool) -> Examination:
    residual, where = max(
        (_residual(config, blocks, g), name)
        for name, blocks in (("training", evidence.train_rows), ("test", evidence.test_rows))
        for g in range(len(config.frequencies))
    )
    phase, scale = _disagreement(config, evidence)
    mixture = np.asarray(evidence.train_rows.inputs["signal"][..., 0], np.float64)
    loudest = float(np.abs(mixture).max() / max(abs(a) for a in config.amplitude_range))
    noisy = config.phase_scale > 0 or config.amplitude_range[0] < config.amplitude_range[1]
    repeated = float(np.mean(np.diff(mixture, axis=1) == 0)) if noisy else 0.0
    reasons = {
        f"the {where} targets are not steady sines: {number(residual)} of MSE is left over": (
            residual > evidence.goal / 2 and not decimated
        ),
        f"training and test targets of one selector differ by {phase:.2g} rad": phase > _PHASE,
        f"training and test targets of one selector differ by {scale:.0%} in size": scale > _SCALE,
        f"the mixture is {loudest:.2g} times as loud as its law allows": loudest > _LOUD,
        f"{repeated:.0%} of the mixture's samples repeat the one before": (
            repeated > _REPEATED_SHARE
        ),
        f"{', '.join(evidence.changed_files)} changed since": bool(evidence.changed_files),
    }
    said = [reason for reason, true in reasons.items() if true and not decimated]
    words = (
        "; ".join(said) or "the rows are what the config says: steady sines, noise at every sample"
    )
    return Examination(
        cause="bad_data",
        found=bool(said),
        words=f"{words[0].upper()}{words[1:]}.",
        evidence={
            "target_residual_mse": residual,
            "train_test_phase_rad": phase,
            "train_test_scale": scale,
            "loudest_over_law": loudest,
            "repeated_share": repeated,
        },
        threshold=(
            f"a target whose best sine leaves {number(evidence.goal / 2)} of MSE, half the goal; training "
            f"and test apart by {_PHASE:g} rad or {_SCALE:.0%}; a mixture {_LOUD:g} times its largest "
            f"amplitude; {_REPEATED_SHARE:.0%} of its samples repeated"
        ),
        experiment=evidence.command("task.train_path=", "task.test_path="),
        advice="Mend the file: --mode generate writes one of the same shape to compare with.",
        before=_BEFORE_ALL,
    )


def _phasors(config: ExtractionConfig, blocks: Batch, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit least-squares sines to a selector's targets: their phasors [N] and the MSE left over [N]."""
    targets = np.asarray(blocks.targets[..., 0], np.float64)[np.asarray(blocks.group) == group]
    angle = 2 * np.pi * config.frequencies[group] / config.sampling_rate
    time = angle * np.arange(targets.shape[1])
    basis = np.stack([np.sin(time), np.cos(time)], axis=1)
    weights = np.linalg.lstsq(basis, targets.T, rcond=None)[0]
    left = np.mean(np.square(targets.T - basis @ weights), axis=0)
    return weights[0] + 1j * weights[1], left


def _residual(config: ExtractionConfig, blocks: Batch, group: int) -> float:
    return float(_phasors(config, blocks, group)[1].max())


def _disagreement(config: ExtractionConfig, evidence: Evidence) -> tuple[float, float]:
    """Return how far a selector's targets differ in training and test at most: phase, rad, and amplitude."""
    phase, scale = 0.0, 0.0
    for group in range(len(config.frequencies)):
        train, test = (
            _phasors(config, b, group)[0] for b in (evidence.train_rows, evidence.test_rows)
        )
        scale = max(scale, abs(float(np.abs(train).mean() / np.abs(test).mean()) - 1))
        if config.start == "zero":
            phase = max(phase, abs(float(np.angle(train[0] / test[0]))))
    return phase, scale


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
    return Examination(
        cause="frequency_basin",
        found=worst > BASIN,
        words=(
            f"The {sources[group]} for {config.frequencies[group]:g} Hz is off by Δf·T = {worst:.3g} over "
            f"the {evidence.credit:.3g} s of the gradient."
            if wrong
            else "No wrong component shows a frequency to compare."
        ),
        evidence={"turns_off_per_frequency": turns, "credit_s": evidence.credit},
        threshold=(
            f"|Δf|·T above {BASIN:g} in a wrong component: beyond it the error, 1 − sin(2πΔfT)/(2πΔfT), "
            "falls by shrinking the output and not by mending the frequency"
        ),
        experiment=evidence.through_time,
        advice="Begin with a horizon so short that every component is inside its basin, then lengthen it.",
    )


def _tones(evidence: Evidence) -> list[dict[str, Any]]:
    """Return what was measured of each component's output on the test rows."""
    return evidence.evaluation.metrics["test"]["tones"]


def _turning_hz(config: ExtractionConfig, evidence: Evidence) -> list[np.ndarray]:
    """Return for each selector how fast its pairs turn, Hz: none where the network has no rotors.

    What two other units do together is no reading of a frequency.
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
    """Return Δf of the output's tone, Hz; where it has none, of the nearest pair that turns."""
    off = tone["frequency_error_mhz"]
    if off is not None:
        return off / 1e3, "output"
    turning = turning[np.isfinite(turning) & (turning > 0)]
    if not turning.size:
        return None, "output"
    return float(np.abs(turning - frequency).min()), "nearest oscillation inside the network"


def _amplitude_collapse(config: ExtractionConfig, evidence: Evidence) -> Examination:
    found, words = [], "No wrong component follows its target at too small a size."
    for frequency, tone, error in zip(
        config.frequencies, _tones(evidence), evidence.errors, strict=True
    ):
        size, match = tone["amplitude_ratio"], tone["correlation"]
        if error < evidence.goal or size is None or match is None or match <= 0:
            continue
        # What is left when the output is scaled as well as can be: the power that does not correlate.
        left = (1 - match**2) / 2
        if size < _AMPLITUDE and left < _RESCALED_SHARE * error:
            found.append((error - left, frequency, size, match, left))
    if found:
        _, frequency, size, match, left = max(found)
        words = (
            f"At {frequency:g} Hz the output has {size:.2g} of the target's amplitude and a correlation of "
            f"{match:.3g}: scaled alone, it would be at {number(left)}."
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
            f"an amplitude below {_AMPLITUDE:g}, and scaling the output alone would take at least "
            f"{_RESCALED_SHARE:.0%} of a component's error away"
        ),
        experiment=evidence.command("optimizer.weight_decay=0", "optimizer.name=adam"),
        advice=(
            "Take away what shrinks the weights (decay, a leaking state), and train on; watch the MSE beside "
            "SI-SDR."
        ),
    )
