"""Blocks of T rows that have one selector: made of the rows of a file, and checked against the config."""

from __future__ import annotations

import numpy as np

from freqjax.errors import UserError
from freqjax.tasks.batch import Batch
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.law import fitting_law, noise_variance
from freqjax.tasks.extraction.rows import Components, Rows


def blocks_of_rows(rows: Rows, config: Components, source: str) -> Batch:
    """Cut the rows of a file into blocks of T = `config.samples` rows of one selector.

    Raises:
      UserError: a selector is not one-hot, or changes inside a block; the message names the first row.
    """
    samples, frequencies = config.samples, len(config.frequencies)
    count = len(rows.mixture) // samples
    one_hot = (np.isin(rows.selectors, (0.0, 1.0))).all(axis=1) & (
        rows.selectors.sum(axis=1) == 1.0
    )
    if not one_hot.all():
        bad = int(np.flatnonzero(~one_hot)[0])
        raise UserError(
            f"{source}: row {bad + 1}, columns C1 to C{frequencies} are not one-hot "
            f"({', '.join(f'{v:g}' for v in rows.selectors[bad])})."
        )
    groups = rows.selectors.argmax(axis=1).reshape(count, samples)
    changes = np.argwhere(groups != groups[:, :1])
    if changes.size:
        block, sample = changes[0]
        raise UserError(
            f"{source}: row {block * samples + sample + 1}, columns C1 to C{frequencies} change "
            f"inside block {block + 1}; the selector must hold for {samples} rows."
        )
    return Batch(
        inputs={
            "signal": rows.mixture.reshape(count, samples, 1),
            "selector": rows.selectors.reshape(count, samples, frequencies),
        },
        targets=rows.targets.reshape(count, samples, 1),
        group=groups[:, 0].astype(np.int32),
    )


def check_blocks(blocks: Batch, config: ExtractionConfig, source: str) -> None:
    """Check that data match the config: finite, of every frequency, each as said, and noisy at every sample.

    The peak of each target's spectrum must lie within one bin (1 / duration Hz) of the selected
    frequency, which also detects a wrong sampling rate. Blocks shorter than two periods of their
    component have no clear peak and are not checked. The mixture must have at least half of the
    sample-to-sample noise of the config (`noise_variance`), which a smooth curve does not have.

    Raises:
      UserError: a block fails, and the message names the first one and the reason; or a frequency has none.
    """
    counts = np.bincount(np.asarray(blocks.group), minlength=len(config.frequencies))
    if not counts.all():
        missing = int(counts.argmin())
        raise UserError(
            f"{source}: it has no block of {config.frequencies[missing]:g} Hz, whose selector is "
            f"C{missing + 1}; it must have at least one of every frequency of task.frequencies."
        )
    for b, group in enumerate(np.asarray(blocks.group)):
        frequency, target = (
            config.frequencies[group],
            np.asarray(blocks.targets[b, :, 0], np.float64),
        )
        if not (np.isfinite(target).all() and np.isfinite(blocks.inputs["signal"][b]).all()):
            raise UserError(f"{source}: block {b + 1} holds values that are not finite.")
        if frequency * config.duration >= 2:
            power = np.abs(np.fft.rfft(target - target.mean()))
            peak = float(power.argmax()) / config.duration
            if abs(peak - frequency) > 1.001 / config.duration:
                raise UserError(
                    f"{source}: the target of block {b + 1} peaks at {peak:g} Hz where the selector "
                    f"says {frequency:g} Hz; the order of the columns or task.sampling_rate is wrong."
                )
    _check_randomness(np.asarray(blocks.inputs["signal"][..., 0], np.float64), config, source)


def _check_randomness(mixture: np.ndarray, config: ExtractionConfig, source: str) -> None:
    # White noise of variance σ² has a mean squared second difference of 6σ²; a smooth curve, nearly 0.
    expected = 6 * noise_variance(config)
    if mixture.shape[1] < 64 or config.duration * min(config.frequencies) < 1:
        return  # too few samples for a variance, or less than the periods that it is averaged over
    for b in range(0, len(mixture), len(config.frequencies)):
        found = float(np.mean(np.diff(mixture[b], n=2) ** 2))
        if found < expected / 2:
            fields = fitting_law(config, found / 6)
            wanted = " and ".join(f"{field}={text}" for field, text in fields.items())
            low, high = config.amplitude_range
            raise UserError(
                f"{source}: the mixture of block {b + 1} is quieter than "
                f"task.phase_scale={config.phase_scale:g} and task.amplitude_range={low:g},{high:g} say (its "
                f"mean squared second difference is {found:.3g}, theirs {expected:.3g}): {wanted} would "
                "fit it."
            )
