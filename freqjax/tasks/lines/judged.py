"""Test recordings of lines with the outputs of a network and of baselines, and their errors.

Axes: B sequences, T samples, C channels, G lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.errors import UserError
from freqjax.networks.arrays import EitherArray
from freqjax.tasks.batch import Batch
from freqjax.tasks.evaluation import Frozen, Section, Table
from freqjax.tasks.lines.baselines import BASELINES, Line
from freqjax.tasks.lines.config import LinesConfig
from freqjax.tasks.scoring import constant_outputs

if TYPE_CHECKING:
    from freqjax.tasks.lines.task import Lines

# Parts of the axis of the ratio of line to noise, in the table.
_PARTS = 4


class Judged(NamedTuple):
    """Test recordings and estimates of their lines; the first channel of each.

    Attributes:
      names: [G] of the lines.
      frequencies: [G] Hz.
      sampling_rate: Hz.
      signals, targets: [B, T].
      group: [B], the line that is selected.
      ratios: [B] power of the selected line / power of everything else, dB.
      estimates: name → [B, T], the network's first.
      errors: name → [B] relative error power after the burn-in, over all channels.
      losses: name → [B] mean squared error after the burn-in, summed over channels.
      first: judged samples begin here.
    """

    names: Sequence[str]
    frequencies: Sequence[float]
    sampling_rate: float
    signals: Float[np.ndarray, "B T"]
    targets: Float[np.ndarray, "B T"]
    group: Int[np.ndarray, " B"]
    ratios: Float[np.ndarray, " B"]
    estimates: Mapping[str, Float[np.ndarray, "B T"]]
    errors: Mapping[str, Float[np.ndarray, " B"]]
    losses: Mapping[str, Float[np.ndarray, " B"]]
    first: int


def relative_errors(
    outputs: Float[EitherArray, "B T C"], targets: Float[EitherArray, "B T C"], first: int = 0
) -> Float[np.ndarray, " B"]:
    """Return [B], Σ (y − x)² / Σ x² over the samples of each sequence from `first` on."""
    outputs, targets = (np.asarray(a, np.float64)[:, first:] for a in (outputs, targets))
    wrong = np.square(outputs - targets).sum(axis=(1, 2))
    return wrong / np.maximum(np.square(targets).sum(axis=(1, 2)), np.finfo(np.float64).tiny)


def losses(
    outputs: Float[EitherArray, "B T C"], targets: Float[EitherArray, "B T C"], first: int = 0
) -> Float[np.ndarray, " B"]:
    """Return [B], the mean over samples from `first` on of the squared error, summed over channels."""
    outputs, targets = (np.asarray(a, np.float64)[:, first:] for a in (outputs, targets))
    return np.square(outputs - targets).sum(axis=2).mean(axis=1)


def by_line(
    values: Float[np.ndarray, " B"], groups: Int[np.ndarray, " B"], lines: int
) -> list[float]:
    """Return [G], the mean of the values of each line; NaN for one that no sequence selects."""
    own = (values[groups == line] for line in range(lines))
    return [float(found.mean()) if found.size else float("nan") for found in own]


def require_lines(blocks: Batch, first: int, source: str) -> None:
    """Require every target to have a line after the burn-in, since errors are relative to its power.

    Raises:
      UserError: a target is 0 throughout.
    """
    silent = ~np.any(np.asarray(blocks.targets)[:, first:], axis=(1, 2))
    if silent.any():
        raise UserError(
            f"{source}: the target of block {int(np.flatnonzero(silent)[0]) + 1} is 0 in all judged rows: it "
            "must be a line, since errors are relative to its power."
        )


def judge(task: Lines, frozen: Frozen) -> Judged:
    """Run network and baselines on the test recordings.

    With iq there are no baselines but the constant: those here read real signals.
    """
    batch = frozen.batch("test")
    assert batch is not None  # `Lines.split` gives it
    signals, targets = np.asarray(batch.inputs["signal"]), np.asarray(batch.targets)
    groups, first = np.asarray(batch.group), task.burn_in
    outputs = {"network": frozen.outputs("test"), "constant": constant_outputs(task, frozen)}
    if not task.config.iq:
        found = baseline_outputs(task.config, signals[..., 0], groups)
        outputs |= {name: values[..., None] for name, values in found.items()}
    line, rest = (
        np.mean(np.square(a, dtype=np.float64), axis=(1, 2)) for a in (targets, signals - targets)
    )
    return Judged(
        names=task.group_names,
        frequencies=task.config.frequencies,
        sampling_rate=task.config.sampling_rate,
        signals=signals[..., 0],
        targets=targets[..., 0],
        group=groups,
        ratios=10 * np.log10(line / np.maximum(rest, 1e-30)),
        estimates={name: np.asarray(values)[..., 0] for name, values in outputs.items()},
        errors={n: relative_errors(v, targets, first) for n, v in outputs.items()},
        losses={n: losses(v, targets, first) for n, v in outputs.items()},
        first=first,
    )


def by_ratio(judged: Judged) -> Section:
    """Compare the errors of the network and the baselines at several ratios of line to noise."""
    parts = np.array_split(np.argsort(judged.ratios), min(_PARTS, len(judged.ratios)))
    heads = [
        f"{judged.ratios[part].min():.0f} to {judged.ratios[part].max():.0f} dB" for part in parts
    ]
    rows = [
        (name.replace("_", " "), *(float(np.median(values[part])) for part in parts))
        for name, values in judged.errors.items()
    ]
    return Section(
        title="Line and noise",
        words=(
            "The median relative error power of test recordings, by the power of the line over that of "
            "everything else. The baselines know the law's harmonics, and those that can use it its detuning "
            "and drift; regression and Kalman filters fit the other lines of a recording too.",
        ),
        table=Table(("", *heads), rows),
    )


def known_lines(config: LinesConfig) -> list[Line]:
    """Return what the baselines know of each line before they read a recording."""
    return [
        Line(
            hz=hz,
            sampling_rate_hz=config.sampling_rate,
            harmonics=config.orders,
            detuning=config.detuning,
            frequency_drift=config.frequency_drift or None,
            amplitude_drift=config.amplitude_drift or None,
            others_hz=tuple(
                other for other in config.frequencies if config.together and other != hz
            ),
        )
        for hz in config.frequencies
    ]


def baseline_outputs(
    config: LinesConfig, signals: Float[np.ndarray, "B T"], groups: Int[np.ndarray, " B"]
) -> dict[str, Float[np.ndarray, "B T"]]:
    """Run every baseline on recordings [B, T] of which each selects a line: name → [B, T] float32."""
    found = {name: np.empty(signals.shape, np.float32) for name in BASELINES}
    for group, line in enumerate(known_lines(config)):
        own = np.flatnonzero(groups == group)
        for name, estimate in BASELINES.items():
            found[name][own] = estimate(signals[own].astype(np.float64), line)
    return found
