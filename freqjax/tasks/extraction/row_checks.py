"""Checks of the rows of a run: a decimated stream, wrong targets, a mixture that is not theirs.

Wrong rows make every other check meaningless, so that these causes rank before all others.
"""

from __future__ import annotations

import numpy as np

from freqjax.tasks.batch import Batch
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.extraction import target_checks
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.law import is_silent
from freqjax.tasks.extraction.mixture_checks import data_mismatch
from freqjax.tasks.extraction.target_checks import OFFSET, PHASE, SCALE
from freqjax.text import number, significant

# Ratio of the steps from sample to sample to those of the clean sine; 2 if every second sample is missing.
_STEP_RATIO = 1.5
# A frequency this close to a whole multiple of the right one fits a decimated stream.
_MULTIPLE_TOLERANCE = 0.03
# Targets that the sine of their frequency explains so well are not decimated, whatever their noise.
_EXPLAINED_SHARE = 0.5
# The largest mixture of the law is max|A|; that of a file may be a little larger.
_LOUD = 1.5
_REPEATED_SHARE = 0.01

CAUSES = ("decimated_stream", "bad_data", "data_mismatch")
_BEFORE_ALL = "non_finite"


def row_checks(config: ExtractionConfig, evidence: Evidence) -> list[Examination]:
    """Look for a decimated stream, for wrong targets, and for a mixture that does not hold them."""
    decimated = _decimated_stream(config, evidence)
    differ = target_checks.disagreement(config, evidence.train_rows, evidence.test_rows)
    return [
        decimated,
        _bad_data(config, evidence, differ, decimated=bool(decimated.found)),
        data_mismatch(config, evidence, differ, decimated=bool(decimated.found)),
    ]


def _decimated_stream(config: ExtractionConfig, evidence: Evidence) -> Examination:
    ratios = [
        _step_ratio(config, evidence.train_rows, group) for group in range(len(config.frequencies))
    ]
    kept = _rows_kept(config, evidence.train_rows, ratios)
    multiple = _common_multiple(config, evidence)
    words = f"The steps of the training targets are {significant(max(ratios))} times those of the clean sine"
    if kept:
        words += f", since {kept}"
    words += (
        f", and the network's outputs have {multiple} times the right frequency on the test rows."
        if multiple
        else "; no output has a whole multiple of its frequency."
    )
    return Examination(
        cause="decimated_stream",
        found=kept is not None or multiple is not None,
        words=words,
        evidence={"step_ratio_per_frequency": ratios, "runs_times_too_fast": multiple},
        threshold=(
            f"a median step of the targets, relative to their size, above {_STEP_RATIO:g} times that of the "
            "sine (k if only every k-th sample is kept), where they are no sines of one other frequency; or "
            f"at least two wrong components, all within {_MULTIPLE_TOLERANCE:.0%} of the same whole "
            "multiple of their frequencies"
        ),
        experiment=evidence.command("task.train_path=", "task.test_path=")
        if config.train_path or config.test_path
        else evidence.command("train.streams=sequential", "task.reset=block", _other_seed(config)),
        advice=(
            "Feed the network every sample, in order: with a carried state, a batch must hold different "
            "streams, not consecutive samples of one."
        ),
        before=_BEFORE_ALL,
    )


def _step_ratio(config: ExtractionConfig, blocks: Batch, group: int) -> float:
    """Return the median |step| of the targets in units of their spread, over that of the clean sine.

    Neither the size nor an offset of the targets changes it, nor a few that lie off or stand still.
    """
    targets = target_checks.targets_of(blocks, group)
    omega = 2 * np.pi * target_checks.cycles_of(config, group)
    time = omega * np.arange(targets.shape[1])
    known = config.start == "zero"
    phases = np.zeros(1) if known else np.linspace(0, 2 * np.pi, 64, endpoint=False)
    return _relative_step(targets) / _relative_step(np.sin(time + phases[:, None]))


def _relative_step(blocks: np.ndarray) -> float:
    """Return the median |step| of blocks [B, T] in units of their spread."""
    low, high = np.percentile(blocks, (10, 90))
    return float(np.median(np.abs(np.diff(blocks, axis=1))) / max(float(high - low), 1e-12))


def _rows_kept(config: ExtractionConfig, blocks: Batch, ratios: list[float]) -> str | None:
    """Tell how the order of the rows is wrong; None where it is not.

    Sines of another frequency are decimated only if all are too fast by the same factor: else selectors were
    exchanged, or the rate is wrong.
    """
    suspects = [g for g, ratio in enumerate(ratios) if ratio > _STEP_RATIO]
    factors = []
    for group in suspects:
        targets, cycles = (
            target_checks.targets_of(blocks, group),
            target_checks.cycles_of(config, group),
        )
        fit = target_checks.fit_sines(targets, cycles)
        if fit.left.sum() < _EXPLAINED_SHARE * fit.power.sum():
            continue
        actual = target_checks.actual_cycles(targets)
        if actual is None:
            return "the rows are out of order"
        factors.append(actual / cycles)
    if not factors or len(factors) < len(ratios):
        return None
    factor = round(float(np.median(factors)))
    same = factor >= 2 and max(abs(f / factor - 1) for f in factors) < _MULTIPLE_TOLERANCE
    return f"only one row of {factor} is there" if same else None


def _common_multiple(config: ExtractionConfig, evidence: Evidence) -> int | None:
    """Return the multiple ≥ 2 of its frequency at which every wrong component runs, if it is the same.

    At least two components are needed, since one alone may run at another component's frequency.
    """
    multiples = []
    tones = evidence.evaluation.metrics["test"]["tones"]
    for frequency, tone, error in zip(config.frequencies, tones, evidence.errors, strict=True):
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


def _bad_data(
    config: ExtractionConfig,
    evidence: Evidence,
    differ: target_checks.Disagreement,
    *,
    decimated: bool,
) -> Examination:
    groups = range(len(config.frequencies))
    splits = (("training", evidence.train_rows), ("test", evidence.test_rows))
    residual = max(target_checks.residual(config, rows, g) for _, rows in splits for g in groups)
    mixture = np.asarray(evidence.train_rows.inputs["signal"][..., 0], np.float64)
    loudest = float(np.abs(mixture).max() / max(abs(a) for a in config.amplitude_range))
    noisy = config.phase_scale > 0 or config.amplitude_range[0] < config.amplitude_range[1]
    repeated = float(np.mean(np.diff(mixture, axis=1) == 0)) if noisy else 0.0
    same = _same_rows(config, evidence)
    problems = _of_the_mixture(loudest, repeated, mixture, evidence)
    if not decimated:
        unsteady = [
            said
            for name, rows in splits
            for said in target_checks.unsteady(config, rows, name, evidence.goal / 2)
        ]
        problems = [*unsteady, *_of_the_targets(config, differ, unsteady=bool(unsteady)), *problems]
    if same:
        problems.append("the test rows are the training rows, so that nothing was tested")
    good = "the rows match the config: steady sines, noise at every sample"
    if decimated:
        good = "the rows are decimated: what else is wrong with the targets cannot be told"
    words = "; ".join(problems) or good
    return Examination(
        cause="bad_data",
        found=True if problems else None if decimated else False,
        words=f"{words[0].upper()}{words[1:]}.",
        evidence={
            "target_residual_mse": residual,
            "train_test_phase_rad": differ.phase,
            "train_test_scale": differ.scale,
            "target_offset": differ.offset,
            "loudest_over_law": loudest,
            "repeated_share": repeated,
            "same_rows": same,
        },
        threshold=(
            f"a target whose best sine has an MSE of {number(evidence.goal / 2)}, half the goal; training "
            f"and test targets that differ by {PHASE:g} rad or {SCALE:.0%}; an offset of {OFFSET:.0%} of the "
            f"amplitude; a mixture of {_LOUD:g} times its largest amplitude; {_REPEATED_SHARE:.0%} of its "
            "samples repeated; test rows that are the training rows"
        ),
        experiment=_other_rows(config, evidence),
        advice="Correct the file: --mode generate writes one of the same shape for comparison.",
        before=_BEFORE_ALL,
        even_if_healthy=same,
    )


def _other_rows(config: ExtractionConfig, evidence: Evidence) -> str:
    """Return the command that trains and tests on rows that are drawn, and not on these."""
    if config.train_path or config.test_path:
        return evidence.command("task.train_path=", "task.test_path=")
    return evidence.command(_other_seed(config))


def _other_seed(config: ExtractionConfig) -> str:
    """Return the change that draws training rows of a seed that is neither's."""
    return f"task.train_seed={1 + max(config.train_seed, config.test_seed)}"


def _of_the_mixture(
    loudest: float, repeated: float, mixture: np.ndarray, evidence: Evidence
) -> list[str]:
    reasons = {
        f"the mixture is {loudest:.2g} times as large as its law allows": loudest > _LOUD,
        f"{repeated:.0%} of the mixture's samples equal the previous one": (
            repeated > _REPEATED_SHARE
        ),
        "the mixture is constant": bool((np.ptp(mixture, axis=1) == 0).any()),
        f"{', '.join(evidence.changed_files)} changed since": bool(evidence.changed_files),
    }
    return [reason for reason, true in reasons.items() if true]


def _of_the_targets(
    config: ExtractionConfig, differ: target_checks.Disagreement, *, unsteady: bool
) -> list[str]:
    """Name by what training and test targets differ, and offsets; sines alone have a phase and a size."""
    problems = []
    if differ.phase > PHASE and not unsteady:
        groups = range(len(config.frequencies))
        named = target_checks.name_phases(config, differ.phases, groups)
        problems.append(
            f"the training targets {named} against the test's"
            if named
            else f"training and test targets of one selector differ by {differ.phase:.2g} rad"
        )
    if differ.scale > SCALE and not unsteady:
        worst = float(differ.scales[np.argmax(np.abs(differ.scales - 1))])
        problems.append(f"the training targets are {worst:.3g} times as large as the test's")
    if abs(differ.offset) > OFFSET and not unsteady:
        problems.append(f"targets are offset by {differ.offset:.2g} of their amplitude")
    return problems


def _same_rows(config: ExtractionConfig, evidence: Evidence) -> bool:
    """Tell whether the test rows are those of training; without noise, or with fresh rows, they may be."""
    if is_silent(config) or config.noise == "fresh":
        return False
    ours, theirs = (
        np.asarray(rows.inputs["signal"]) for rows in (evidence.train_rows, evidence.test_rows)
    )
    return ours.shape == theirs.shape and bool(np.array_equal(ours, theirs))
