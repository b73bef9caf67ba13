"""Checks of a failed run that are specific to extraction: its rows, tones and amplitudes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from freqjax.networks import TurningPairs
from freqjax.tasks.batch import Batch
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.text import number

# Ratio of the steps from sample to sample to those of the clean sine; 2 if every second sample is missing.
_STEP_RATIO = 1.5
# An output this close to a whole multiple of the frequency fits a decimated stream.
_MULTIPLE_TOLERANCE = 0.03
# |Δf|·T at which the slope of the error of a sine changes sign: the first zero of the derivative of
# sin(2πx) / (2πx), at tan(2πx) = 2πx.
BASIN = 0.715
# An amplitude of this size contributes 0.02 to the MSE, twice the goal.
_AMPLITUDE = 0.8
# Share of the error that scaling the output alone must remove.
_RESCALED_SHARE = 0.5
# Allowed differences between a selector's training and test targets in phase, rad, and amplitude: either
# contributes about half the goal to the MSE.
_PHASE, _SCALE = 0.1, 0.1
# The largest mixture of the law is max|A|; that of a file may be a little larger.
_LOUD = 1.5
_REPEATED_SHARE = 0.01


# Wrong rows invalidate every other check: these causes rank before the general ones.
ROW_CAUSES = ("decimated_stream", "bad_data")
# These may be consequences of any other cause: they rank last.
OUTPUT_CAUSES = ("amplitude_collapse", "frequency_basin")
_BEFORE_ALL = "non_finite"


def checks(config: ExtractionConfig, evidence: Evidence) -> list[Examination]:
    """Check for a decimated stream and bad data, then for a collapsed amplitude and a frequency out of basin.

    Before the first update only the rows are checked.
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
    words = f"The steps of the training targets are {worst:#.3g} times as large as those of the clean sine"
    words += (
        f", and the network's outputs have {multiple} times the right frequency on the test rows."
        if multiple
        else "; no output has a whole multiple of its frequency."
    )
    return Examination(
        cause="decimated_stream",
        found=worst > _STEP_RATIO or multiple is not None,
        words=words,
        evidence={"step_ratio_per_frequency": ratios, "runs_times_too_fast": multiple},
        threshold=(
            f"a median step of the targets above {_STEP_RATIO:g} times that of the sine (k if only every "
            f"k-th sample is kept); or at least two wrong components, all within {_MULTIPLE_TOLERANCE:.0%} "
            "of the same whole multiple of their frequencies"
        ),
        experiment=evidence.command("task.train_path=")
        if config.train_path
        else evidence.command("train.streams=sequential"),
        advice=(
            "Feed the network every sample, in order: with a carried state, a batch must hold different "
            "streams, not consecutive samples of one."
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
    """Return the multiple ≥ 2 of its frequency at which every wrong component runs, if it is the same.

    At least two components are needed, since one alone may run at another component's frequency.
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
        f"the {where} targets are not steady sines: the best fit has an MSE of {number(residual)}": (
            residual > evidence.goal / 2 and not decimated
        ),
        f"training and test targets of one selector differ by {phase:.2g} rad": phase > _PHASE,
        f"training and test targets of one selector differ by {scale:.0%} in size": scale > _SCALE,
        f"the mixture is {loudest:.2g} times as large as its law allows": loudest > _LOUD,
        f"{repeated:.0%} of the mixture's samples equal the previous one": (
            repeated > _REPEATED_SHARE
        ),
        f"{', '.join(evidence.changed_files)} changed since": bool(evidence.changed_files),
    }
    problems = [reason for reason, true in reasons.items() if true and not decimated]
    words = "; ".join(problems) or "the rows match the config: steady sines, noise at every sample"
    return Examination(
        cause="bad_data",
        found=bool(problems),
        words=f"{words[0].upper()}{words[1:]}.",
        evidence={
            "target_residual_mse": residual,
            "train_test_phase_rad": phase,
            "train_test_scale": scale,
            "loudest_over_law": loudest,
            "repeated_share": repeated,
        },
        threshold=(
            f"a target whose best sine has an MSE of {number(evidence.goal / 2)}, half the goal; training "
            f"and test targets that differ by {_PHASE:g} rad or {_SCALE:.0%}; a mixture of {_LOUD:g} times "
            f"its largest amplitude; {_REPEATED_SHARE:.0%} of its samples repeated"
        ),
        experiment=evidence.command("task.train_path=", "task.test_path="),
        advice="Correct the file: --mode generate writes one of the same shape for comparison.",
        before=_BEFORE_ALL,
    )


def _phasors(config: ExtractionConfig, blocks: Batch, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit least-squares sines to a selector's targets: phasors [N] and residual MSE [N]."""
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
    """Return the largest difference of a selector's training and test targets: phase, rad, and amplitude."""
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
            else "No wrong component has a measurable frequency."
        ),
        evidence={"turns_off_per_frequency": turns, "credit_s": evidence.credit},
        threshold=(
            f"|Δf|·T above {BASIN:g} in a wrong component: beyond it the error, 1 − sin(2πΔfT)/(2πΔfT), "
            "falls with a smaller output, not with a better frequency"
        ),
        experiment=evidence.through_time,
        advice="Begin with a horizon that is short enough for every component's basin, then lengthen it.",
    )


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
        experiment=evidence.command("optimizer.weight_decay=0", "optimizer.name=adam"),
        advice=(
            "Remove what shrinks the output (weight decay, a leaking state) and continue training; compare "
            "the MSE with SI-SDR."
        ),
    )
