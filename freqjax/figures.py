"""Figures of a run: what the network says, how it came to say it, and whether to believe it.

Every function writes one PNG into a directory and returns its path. Nothing here touches pyplot:
no display, no global state, safe in a thread. Axes: T time, B streams, F frequencies.

A frequency has the same colour in every figure. Wherever an MSE is drawn, so is 0.5, the error of
predicting zero: an MSE says nothing until it is compared with that.
"""

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from freqjax.metrics import FEWEST_CYCLES, ToneMetrics, mse_over_time

ZERO_MSE = 0.5  # of predicting zero for a unit sine
GOAL_MSE = 0.01
CHASING_RATIO = 1.5  # frozen / prequential above this: the weights follow the target
VANISHING_NORM, EXPLODING_NORM, USUAL_UPDATE_RATIO = 1e-7, 100.0, 1e-3
EXCERPT_PERIODS = 3
MANY_ROWS = 200  # more than these are smoothed

# Okabe & Ito (2008) without black and yellow, which are lost beside ink and on paper, and two of
# Tol's muted scheme. Distinct to the colour-blind.
FREQUENCY_COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933",
)  # fmt: skip
# Tol's muted scheme: layers must not be taken for frequencies.
LAYER_COLOURS = (
    "#332288", "#CC6677", "#44AA99", "#AA4499", "#117733", "#88CCEE", "#661100", "#DDCC77",
)  # fmt: skip
INK, GREY, PALE = "#222222", "#777777", "#C9C9C9"


class EvaluationRecord(NamedTuple):
    """What an evaluation with frozen weights hands over.

    Attributes:
        frequencies_hz: [F] the task's components, Hz.
        sampling_rate_hz: samples per second, Hz.
        mixture: [B, T] the noisy input S of each stream.
        targets: [B, T] the clean unit sine that each stream asks for.
        outputs: [B, T] what the network said; values that are not finite are allowed.
        selected: [B] int, which of frequencies_hz each stream asks for. Waveforms and spectra show
            the first stream of a frequency, error figures all of them.
        tones: [F] the numbers of each frequency, over its streams.
    """

    frequencies_hz: tuple[float, ...]
    sampling_rate_hz: float
    mixture: np.ndarray
    targets: np.ndarray
    outputs: np.ndarray
    selected: np.ndarray
    tones: tuple[ToneMetrics, ...]


Rows = Sequence[dict[str, Any]]


def draw_all(
    record: EvaluationRecord, rows: Rows, test_mse: float | None, directory: str | Path
) -> list[Path]:
    """Draw every figure that the data allow.

    Args:
        record: the evaluation on test data.
        rows: parsed metrics.jsonl; empty for an evaluation alone, which has no curves.
        test_mse: frozen MSE on the test data, all frequencies; None where unknown.
        directory: where the PNGs go; made if absent.

    Returns:
        The paths written, in reading order.
    """
    paths = [all_frequencies(record, directory)]
    paths += [one_frequency(record, index, directory) for index in _present(record)]
    if rows:
        paths.append(learning_curves(rows, record.frequencies_hz, directory))
        paths.append(chasing_gap(rows, record.frequencies_hz, test_mse, directory))
    paths.append(error_over_time(record, directory))
    paths.append(error_distribution(record, directory))
    paths.append(spectra(record, directory))
    if rows:
        paths.append(gradient_norms(rows, directory))
    return paths


# --- what the network says


def one_frequency(record: EvaluationRecord, index: int, directory: str | Path) -> Path:
    """Target, mixture and output of one frequency at both ends of the stream.

    Args:
        record: the evaluation.
        index: into record.frequencies_hz.
        directory: where one_frequency_<f>Hz.png goes.

    Raises:
        ValueError: if no stream asks for that frequency.
    """
    if index not in _present(record):
        raise ValueError(f"no stream selects index {index} of {record.frequencies_hz}")
    figure, axes = _subplots(10, 3.9, 1, len(_excerpts(record, index)), sharey=True)
    _draw_excerpts(record, index, axes[0], mixture=True)
    for axis in axes[0]:
        axis.set_xlabel("time (s)")
    axes[0, 0].set_ylabel("signal (target peak = 1)")
    legend = figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    _headline(figure, _finding(record, index))
    return _save(figure, directory, f"one_frequency_{record.frequencies_hz[index]:g}Hz.png")


def all_frequencies(record: EvaluationRecord, directory: str | Path) -> Path:
    """Output over target for every frequency, one a row, at both ends of the stream.

    Writes all_frequencies.png.
    """
    present = _present(record)
    columns = max(len(_excerpts(record, index)) for index in present)
    figure, axes = _subplots(10, 0.9 + 1.7 * len(present), len(present), columns, sharey="row")
    for row, index in zip(axes, present, strict=True):
        used = _draw_excerpts(record, index, row, mixture=False)
        for axis in row[used:]:
            axis.remove()
        row[0].set_title(_finding(record, index), loc="left", fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    figure.supylabel("signal (target peak = 1)", fontsize=10)
    tones = [record.tones[index] for index in present]
    solved = sum(tone.mse is not None and tone.mse < GOAL_MSE for tone in tones)
    _headline(
        figure,
        f"{solved} of {len(present)} frequencies below MSE {GOAL_MSE:g}: "
        "output (colour) over target (grey)",
    )
    return _save(figure, directory, "all_frequencies.png")


def spectra(record: EvaluationRecord, directory: str | Path) -> Path:
    """Amplitude spectra of mixture, target and output, dB relative to the target's peak of 1.

    Blackman–Harris window, mean removed, first stream of each frequency; the task's lines are
    marked. Writes spectra.png.
    """
    present = _present(record)
    rate, samples = record.sampling_rate_hz, record.targets.shape[1]
    # At least eight lines of resolution, or a short stream would show two points.
    band = min(rate / 2, max(2 * max(record.frequencies_hz), 20.0, 8 * rate / samples))
    figure, axes = _grid(len(present), 2.7, sharey=True, sharex=True)
    spoken, loudest = 0, 1.0
    for axis, index in zip(axes, present, strict=True):
        stream, colour = _first_stream(record, index), _colour(index)
        for line_hz in record.frequencies_hz:
            own = line_hz == record.frequencies_hz[index]
            axis.axvline(line_hz, color=colour if own else PALE, lw=1, ls="-" if own else ":")
        _draw_spectrum(axis, record.mixture[stream], rate, label="mixture", color=PALE, lw=1)
        _draw_spectrum(axis, record.targets[stream], rate, label="target", color=GREY, lw=4)
        if not _say_not_finite(axis, record.outputs[stream]):
            _draw_spectrum(axis, record.outputs[stream], rate, label="output", color=colour, lw=1.5)
            loudest = max(loudest, 2 * float(np.max(np.abs(record.outputs[stream]))))
        said, right = _line_of(record, index)
        spoken += right
        axis.set_title(f"{record.frequencies_hz[index]:g} Hz: {said}", loc="left", fontsize=10)
        axis.set_xlim(0, band)
    axes[0].set_ylim(-80, 5 + 20 * math.log10(loudest))
    _outer_labels(axes, "frequency (Hz)", "amplitude (dB re 1)")
    full = max((axis.get_legend_handles_labels() for axis in axes), key=lambda pair: len(pair[0]))
    figure.legend(*full, loc="outside lower center", ncols=3, frameon=False)
    _headline(figure, f"{spoken} of {len(present)} outputs have their strongest line where asked")
    return _save(figure, directory, "spectra.png")


# --- its errors


def error_over_time(record: EvaluationRecord, directory: str | Path) -> Path:
    """MSE of each frequency in windows of whole periods along the stream.

    Whole periods keep the zero predictor at 0.5 in every window. Writes error_over_time.png.
    """
    figure, axes = _subplots(9, 4.2)
    axis, labels, ends = axes[0, 0], [], {}
    samples, rate = record.targets.shape[1], record.sampling_rate_hz
    drawn: list[np.ndarray] = []
    for index in _present(record):
        name, period = f"{record.frequencies_hz[index]:g} Hz", rate / record.frequencies_hz[index]
        window = min(samples, round(period * max(1, round(samples / 40 / period))))
        streams = record.selected == index
        mse = mse_over_time(record.outputs[streams], record.targets[streams], window)
        time = (np.arange(mse.size) + 0.5) * window / rate
        ends[name] = float(mse[-1]) if np.isfinite(mse).all() else math.inf
        mse = np.where(np.isfinite(mse), np.maximum(mse, 1e-15), np.nan)
        marker = "o" if mse.size <= 12 else None
        axis.plot(time, mse, color=_colour(index), lw=1.8, marker=marker, ms=3.5)
        drawn.append(mse)
        labels.append((_last(mse), name, _colour(index)))
    axis.set_xlim(0, samples / rate)
    axis.set(xlabel="time since the start of the stream (s)", ylabel="MSE in the window (no unit)")
    _finish_mse_axis(axis, drawn, labels)
    lost = [name for name, end in ends.items() if math.isinf(end)]
    if lost:
        axis.set_title(f"not finite: {', '.join(lost)}", loc="left", fontsize=10)
    good = sum(end < GOAL_MSE for end in ends.values())
    worst = max(ends, key=ends.__getitem__)
    said = f"After {samples / rate:g} s, {good} of {len(ends)} frequencies are below {GOAL_MSE:g}; "
    _headline(figure, said + f"worst: {worst}, {_number(ends[worst])}")
    return _save(figure, directory, "error_over_time.png")


def error_distribution(record: EvaluationRecord, directory: str | Path) -> Path:
    """Density of output − target for each frequency; outlined, that of predicting zero.

    Predicting zero errs by a sine, whose density is 1 / (π √(1 − e²)). The density is logarithmic,
    or the narrow peak of a good network would flatten it to nothing. Writes error_distribution.png.
    """
    present = _present(record)
    errors = {}
    for index in present:
        streams = record.selected == index
        error = record.outputs[streams].astype(np.float64) - record.targets[streams]
        errors[index] = error[np.isfinite(error)]
    widest = max((float(np.max(np.abs(e))) for e in errors.values() if e.size), default=0.0)
    reach = float(np.clip(1.05 * widest, 1.2, 3.0))  # errors beyond 3 go into the outermost bins
    edges = np.linspace(-reach, reach, 102)
    outline = np.diff(np.arcsin(np.clip(edges, -1, 1))) / np.diff(edges) / np.pi
    figure, axes = _grid(len(present), 2.6, sharex=True, sharey=True)
    highest, within = 1.0, {}
    for axis, index in zip(axes, present, strict=True):
        name, said = f"{record.frequencies_hz[index]:g} Hz", "no finite output"
        if errors[index].size:
            density = np.histogram(np.clip(errors[index], -reach, reach), edges, density=True)[0]
            axis.stairs(density, edges, fill=True, color=_colour(index), alpha=0.8)
            within[name] = float(np.quantile(np.abs(errors[index]), 0.95))
            highest, said = max(highest, density.max()), f"95 % within ±{within[name]:.2g}"
        axis.set_title(f"{name}: {said}", loc="left", fontsize=10)
        axis.stairs(outline, edges, color=INK, lw=1.2)
        _say_not_finite(axis, record.outputs[record.selected == index])
    axes[0].set(yscale="log", ylim=(0.01, 3 * highest), xlim=(-reach, reach))
    note = "last bins: ±3 and beyond" if widest > 3 else "target peak = 1"
    _outer_labels(axes, f"output − target ({note})", "density (per unit)")
    _headline(figure, _distribution_finding(within))
    return _save(figure, directory, "error_distribution.png")


# --- how it came to say it


def learning_curves(rows: Rows, frequencies_hz: Sequence[float], directory: str | Path) -> Path:
    """Loss while the weights move beside the error of frozen weights, in all and per frequency.

    Args:
        rows: parsed metrics.jsonl, at least one row; null and absent values are left out.
        frequencies_hz: [F] Hz.
        directory: where learning_curves.png goes.

    Raises:
        ValueError: if there are no rows.
    """
    epochs = _column(_some(rows), "epoch")
    figure, axes = _subplots(13, 4.3, 1, 3, sharey=True)
    moving, frozen = _column(rows, "loss"), _column(rows, "frozen_mse")
    drawn: list[np.ndarray] = [moving, frozen]
    ends: list[list[tuple[float, str, str]]] = [[], [], []]
    for values, name, colour in ((moving, "training", GREY), (frozen, "frozen", INK)):
        ends[0].append((_draw_curve(axes[0, 0], epochs, values, colour), name, colour))
    for column, key in ((1, "loss_per_frequency"), (2, "frozen_mse_per_frequency")):
        for index, frequency_hz in enumerate(frequencies_hz):
            values = _column(rows, key, index)
            drawn.append(values)
            end = _draw_curve(axes[0, column], epochs, values, _colour(index), raw=0.15)
            ends[column].append((end, f"{frequency_hz:g} Hz", _colour(index)))
    staged = bool(np.isfinite(_column(rows, "horizon_s")).any())
    moving_title = "loss while training" + (", over the horizon named on top" if staged else "")
    titles = ("all frequencies", moving_title, "frozen weights, training data")
    for axis, title, labels in zip(axes[0], titles, ends, strict=True):
        axis.set_title(title, loc="left", fontsize=10)
        _epoch_axis(axis, epochs)
        _mark_horizons(axis, rows)
        _finish_mse_axis(axis, drawn, labels, axis is axes[0, 2], headroom=2.5 if staged else 1)
        if not any(math.isfinite(y) for y, _, _ in labels):
            axis.text(0.5, 0.4, "not measured", ha="center", color=GREY, transform=axis.transAxes)
    axes[0, 0].set_ylabel("MSE (no unit)")
    last_epoch = f"epoch {epochs[-1]:g}"
    said = f"After {last_epoch}: {_number(_last(moving))} while training"
    said += f", {_number(_last(frozen))} frozen" if np.isfinite(frozen).any() else ""
    _headline(figure, f"{said} (predicting zero: {ZERO_MSE:g})")
    return _save(figure, directory, "learning_curves.png")


def chasing_gap(
    rows: Rows, frequencies_hz: Sequence[float], test_mse: float | None, directory: str | Path
) -> Path:
    """The gap between the loss while the weights move and the error once they are frozen.

    With a gradient cut after one step the loss looks good because the weights follow the slowly
    moving target; frozen, the network does not know it. Where the horizon grew, only the rows at
    the longest one count: a loss over a second is no promise for ten.

    Args:
        rows: parsed metrics.jsonl, at least one row.
        frequencies_hz: [F] Hz.
        test_mse: frozen MSE on test data, None where unknown.
        directory: where chasing_gap.png goes.

    Raises:
        ValueError: if there are no rows.
    """
    rows = _longest_horizon(_some(rows))
    epochs, moving = _column(rows, "epoch"), _column(rows, "loss")
    frozen = _column(rows, "frozen_mse")
    per_frequency = [
        (_column(rows, "loss_per_frequency", i), _column(rows, "frozen_mse_per_frequency", i))
        for i in range(len(frequencies_hz))
    ]
    figure, axes = _subplots(12, 4.4, 1, 2, width_ratios=(1.5, 1))
    left, right = axes[0]
    ends = [
        (_draw_curve(left, epochs, moving, FREQUENCY_COLOURS[1]), "training", FREQUENCY_COLOURS[1]),
        (_draw_curve(left, epochs, frozen, FREQUENCY_COLOURS[0]), "frozen, train", _colour(0)),
    ]
    if test_mse is not None and math.isfinite(test_mse):
        left.axhline(test_mse, color=INK, lw=1.4, ls="-.")
        ends.append((test_mse, "frozen, test", INK))
    both = np.isfinite(moving) & np.isfinite(frozen)
    if both.any():
        x, low, high = epochs[both], moving[both], frozen[both]
        style = {"color": FREQUENCY_COLOURS[1], "alpha": 0.15, "lw": 0}
        left.fill_between(x, low, high, where=high > low, interpolate=True, **style)
    _epoch_axis(left, epochs)
    left.set_ylabel("MSE (no unit)")
    drawn = [moving, frozen, np.array([np.nan if test_mse is None else test_mse])]
    # Losses near the zero predictor differ by a factor that a log axis down to 0.01 would hide.
    known = np.concatenate(drawn)
    _finish_mse_axis(left, drawn, ends, linear=bool(np.all(known[np.isfinite(known)] > 0.1)))
    horizon = rows[-1].get("horizon_s")
    only = f", horizon {horizon:g} s" if horizon else ""
    left.set_title(f"all frequencies{only}", loc="left", fontsize=10)
    widest = _widest(moving, frozen)
    if widest is not None and frozen[widest] > max(GOAL_MSE, moving[widest]):
        _draw_gap(left, epochs[widest], moving[widest], frozen[widest])
    _draw_dumbbells(right, per_frequency, frequencies_hz, epochs, widest)
    _headline(figure, _gap_finding(epochs, moving, frozen, per_frequency, frequencies_hz, test_mse))
    return _save(figure, directory, "chasing_gap.png")


def gradient_norms(rows: Rows, directory: str | Path) -> Path:
    """Gradient norm before clipping and update-to-weight ratio of every layer.

    Solid: mean over the epoch; faint: its largest. Rows without layers show the norm of all
    parameters together. Writes gradient_norms.png.

    Raises:
        ValueError: if there are no rows.
    """
    epochs = _column(_some(rows), "epoch")
    figure, axes = _subplots(12, 4.3, 1, 2)
    means = _by_layer(rows, "grad_norm_per_layer") or {"all": _column(rows, "grad_norm")}
    largest = _by_layer(rows, "grad_norm_max_per_layer")
    ratios = _by_layer(rows, "update_ratio_per_layer")
    colours = {
        layer: LAYER_COLOURS[i % len(LAYER_COLOURS)] for i, layer in enumerate(means | ratios)
    }
    panels = (
        (axes[0, 0], means, "gradient norm (loss per unit of weight)"),
        (axes[0, 1], ratios, "norm of update / norm of weights (no unit)"),
    )
    for axis, layers, label in panels:
        ends = [
            (_draw_curve(axis, epochs, values, colours[layer]), layer, colours[layer])
            for layer, values in layers.items()
        ]
        everything = list(layers.values())
        if axis is axes[0, 0]:
            for layer, values in largest.items():
                # The running maximum: a spike is what this curve is for.
                faint = {"alpha": 0.4, "lw": 1.2, "raw": 0, "summary": np.max}
                _draw_curve(axis, epochs, values, colours.get(layer, GREY), **faint)
            everything += list(largest.values())
            guides = ((VANISHING_NORM, "vanishing"), (EXPLODING_NORM, "exploding"))
        else:
            guides = ((USUAL_UPDATE_RATIO, "usual"),)
        low, high = _log_limits(axis, everything)
        for value, name in guides:  # within two decades of the data, else it would squash them
            if low / 100 <= value <= high * 100:
                axis.axhline(value, color=GREY, lw=1, ls="--")
                ends.append((value, f"{name}, {value:g}", GREY))
                low, high = min(low, value / 2), max(high, value * 2)
        axis.set_ylim(low, high)
        axis.set_ylabel(label)
        _epoch_axis(axis, epochs)
        _label_ends(axis, ends)
    axes[0, 0].set_title("mean over the epoch (faint: largest)", loc="left", fontsize=10)
    axes[0, 1].set_title("how far an update moves a layer", loc="left", fontsize=10)
    _headline(figure, _gradient_finding(means, largest))
    return _save(figure, directory, "gradient_norms.png")


# --- findings in words


def _finding(record: EvaluationRecord, index: int) -> str:
    """'1 Hz: MSE 0.0006, in phase after 10 s'."""
    tone, frequency_hz = record.tones[index], record.frequencies_hz[index]
    duration = f"{record.targets.shape[1] / record.sampling_rate_hz:g} s"
    if tone.mse is None:
        return f"{frequency_hz:g} Hz: the output is not finite"
    if tone.correlation is None:
        said = "the output is constant"
    elif tone.mse < GOAL_MSE:
        said = f"in phase after {duration}"
    elif abs(tone.r2 or 1.0) < 0.05 and (tone.amplitude_ratio or 0.0) < 0.2:
        said = "no better than predicting zero"
    elif tone.frequency_error_mhz is None:
        said = "no clear tone"
    elif tone.phase_drift_rad is None:
        said = f"strongest tone at {frequency_hz + tone.frequency_error_mhz / 1e3:.3g} Hz instead"
    elif abs(tone.phase_drift_rad) > 0.25:
        verb = "gains" if tone.phase_drift_rad > 0 else "loses"
        said = f"{verb} {abs(tone.phase_drift_rad):.2g} rad of phase in {duration}"
    else:
        said = f"right frequency, correlation {tone.correlation:.2f}"
        if tone.amplitude_ratio is not None:
            said += f", amplitude {tone.amplitude_ratio:.2g}"
    streams = int(np.sum(record.selected == index))
    over = f" over {streams} streams" if streams > 1 else ""
    return f"{frequency_hz:g} Hz: MSE {_number(tone.mse)}{over}, {said}"


def _line_of(record: EvaluationRecord, index: int) -> tuple[str, bool]:
    """What the output's strongest line is, and whether it is the one asked for."""
    tone = record.tones[index]
    if tone.mse is None:
        return "not finite", False
    duration_s = record.targets.shape[1] / record.sampling_rate_hz
    if tone.frequency_error_mhz is None:
        short = duration_s * record.frequencies_hz[index] < FEWEST_CYCLES
        return "too short to tell" if short else "no line in the output", False
    error_hz = tone.frequency_error_mhz / 1000
    size = f"{1000 * error_hz:+.1f} mHz" if abs(error_hz) < 1 else f"{error_hz:+.2f} Hz"
    return f"strongest line off by {size}", abs(error_hz) < 1 / duration_s


def _distribution_finding(within: dict[str, float]) -> str:
    if not within:
        return "No finite output"
    best, worst = min(within, key=within.__getitem__), max(within, key=within.__getitem__)
    ends, most = f"±{within[best]:.2g}", f"±{within[worst]:.2g}"
    if ends != most:
        ends += f" ({best}) to {most} ({worst})"
    return f"95 % of the errors lie within {ends}; outline: predicting zero, ±1"


def _gap_finding(
    epochs: np.ndarray,
    moving: np.ndarray,
    frozen: np.ndarray,
    per_frequency: list[tuple[np.ndarray, np.ndarray]],
    frequencies_hz: Sequence[float],
    test_mse: float | None,
) -> str:
    """The widest gap overall, else that of one frequency, else that there is none."""
    widest = _widest(moving, frozen)
    if widest is None:
        said = f"Frozen error not measured in training; loss {_number(_last(moving))}"
        return said if test_mse is None else f"{said}, frozen on test data {_number(test_mse)}"
    gaps = [(frozen[widest] / moving[widest], "", widest, moving, frozen)]
    for frequency_hz, (loss, error) in zip(frequencies_hz, per_frequency, strict=True):
        at = _widest(loss, error)
        if at is not None and error[at] > GOAL_MSE:
            gaps.append((error[at] / loss[at], f", {frequency_hz:g} Hz", at, loss, error))
    last = f"{_number(_last(moving))} while training, {_number(_last(frozen))} frozen"
    if _last(frozen) < GOAL_MSE:
        if test_mse is not None and not test_mse < GOAL_MSE:
            return (
                f"Frozen weights fit the training data alone: {last}, {_number(test_mse)} in test"
            )
        return f"Frozen weights know the task after epoch {epochs[-1]:g}: {last}"
    # The whole comes first; a single frequency speaks only where the whole shows nothing.
    whole, worst = gaps[0], max(gaps, key=lambda gap: gap[0])
    ratio, name, at, loss, error = (
        whole if whole[0] >= CHASING_RATIO and frozen[widest] > GOAL_MSE else worst
    )
    numbers = f"{_number(loss[at])} while training, {_number(error[at])} frozen"
    where = f"epoch {epochs[at]:g}{name}"
    if ratio >= CHASING_RATIO and error[at] > GOAL_MSE:
        return f"The weights chase the target: {numbers} ({_times(ratio)} at {where})"
    if _last(frozen) > 0.8 * ZERO_MSE:
        return f"No gap, but nothing learned: {numbers} ({where})"
    return f"No chasing, frozen weights keep what the loss shows: {last} (epoch {epochs[-1]:g})"


def _gradient_finding(means: dict[str, np.ndarray], largest: dict[str, np.ndarray]) -> str:
    def extreme(layers: dict[str, np.ndarray], pick: Any) -> tuple[str, float]:
        values = {k: pick(v[np.isfinite(v)]) for k, v in layers.items() if np.isfinite(v).any()}
        name = pick(values, key=values.__getitem__) if values else "none"
        return name, values.get(name, math.nan)

    (low_name, low), (high_name, high) = extreme(means, min), extreme(largest or means, max)
    if high > EXPLODING_NORM:
        return f"Exploding gradient: {high_name} reaches {high:.2g} (limit {EXPLODING_NORM:g})"
    if low < VANISHING_NORM:
        return f"Vanishing gradient: {low_name} falls to {low:.2g} (limit {VANISHING_NORM:g})"
    if math.isnan(low):
        return "No gradient norm was recorded"
    return (
        f"Gradients neither vanish nor explode: {low:.2g} ({low_name}) to {high:.2g} ({high_name})"
    )


def _times(ratio: float) -> str:
    """1.8× or 720×."""
    return f"{ratio:.1f}×" if ratio < 10 else f"{ratio:.0f}×"


def _number(value: float | None) -> str:
    """Three digits, two below a hundredth: 0.277, 0.0006, 4e-10."""
    if value is None or not math.isfinite(value):
        return "not finite"
    return f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.2g}"


# --- data


def _present(record: EvaluationRecord) -> list[int]:
    """The frequencies that some stream asks for."""
    return sorted({int(index) for index in record.selected})


def _first_stream(record: EvaluationRecord, index: int) -> int:
    return int(np.argmax(record.selected == index))


def _excerpts(record: EvaluationRecord, index: int) -> list[slice]:
    """The first and last few periods, or all of a stream that is hardly longer."""
    samples = record.targets.shape[1]
    length = round(EXCERPT_PERIODS * record.sampling_rate_hz / record.frequencies_hz[index])
    if samples <= 2 * length:
        return [slice(0, samples)]
    return [slice(0, length), slice(samples - length, samples)]


def _some(rows: Rows) -> Rows:
    if not rows:
        raise ValueError("there are no rows to draw")
    return rows


def _column(rows: Rows, key: str, index: int | None = None) -> np.ndarray:
    """[rows] one field, or one entry of a list; nan where null, absent or not finite."""
    values = [row.get(key) for row in rows]
    if index is not None:
        values = [v[index] if v is not None and index < len(v) else None for v in values]
    numbers = np.array([math.nan if v is None else float(v) for v in values])
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _by_layer(rows: Rows, key: str) -> dict[str, np.ndarray]:
    layers = dict.fromkeys(layer for row in rows for layer in row.get(key) or {})
    flat = [row.get(key) or {} for row in rows]
    return {layer: _column(flat, layer) for layer in layers}


def _longest_horizon(rows: Rows) -> Rows:
    horizons = [row.get("horizon_s") or 0.0 for row in rows]
    longest = max(horizons)
    return [row for row, horizon in zip(rows, horizons, strict=True) if horizon == longest]


def _positive(values: np.ndarray) -> np.ndarray:
    """What a log axis can show; the rest is nan."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _last(values: np.ndarray) -> float:
    """The last value that was measured, nan if none was."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else math.nan


def _widest(moving: np.ndarray, frozen: np.ndarray) -> int | None:
    """Row with the largest frozen / prequential, None where they never stand side by side."""
    ratio = frozen / _positive(moving)
    return int(np.nanargmax(ratio)) if np.isfinite(ratio).any() else None


# --- drawing


def _subplots(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, np.ndarray]:
    """A figure of width × height inches without pyplot, and its axes [rows, columns]."""
    figure = Figure(figsize=(width, height), dpi=140, layout="constrained", facecolor="white")
    axes = figure.subplots(
        rows, columns, squeeze=False, sharex=options.pop("sharex", False),
        sharey=options.pop("sharey", False), gridspec_kw=options or None,
    )  # fmt: skip
    for axis in axes.flat:
        axis.grid(True, color="#E6E6E6", lw=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=9)
    return figure, axes


def _grid(panels: int, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """One panel a frequency, at most four in a row."""
    columns = _columns(panels)
    rows = math.ceil(panels / columns)
    figure, axes = _subplots(max(7.0, 3.1 * columns), 0.9 + height * rows, rows, columns, **options)
    for column, spare in enumerate(axes.flat[panels:], start=panels):
        spare.remove()
        axes.flat[column - columns].tick_params(labelbottom=True)
    return figure, list(axes.flat[:panels])


def _columns(panels: int) -> int:
    """As few rows of at most four as hold the panels, filled evenly: 5 are 3 + 2."""
    return math.ceil(panels / math.ceil(panels / 4))


def _outer_labels(axes: Sequence[Axes], x: str, y: str) -> None:
    """Label the lowest panel of each column and the first of each row."""
    columns = _columns(len(axes))
    for panel, axis in enumerate(axes):
        axis.set_xlabel(x if panel + columns >= len(axes) else "")
        axis.set_ylabel("" if panel % columns else y)


def _headline(figure: Figure, text: str) -> None:
    wrapped = textwrap.fill(text, int(figure.get_figwidth() * 10.5))
    figure.suptitle(wrapped, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)


def _save(figure: Figure, directory: str | Path, name: str) -> Path:
    path = Path(directory) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # A palette of 256 colours makes a third of the size; Pillow is matplotlib's own PNG writer.
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def _colour(index: int) -> str:
    return FREQUENCY_COLOURS[index % len(FREQUENCY_COLOURS)]


def _draw_excerpts(
    record: EvaluationRecord, index: int, axes: Iterable[Axes], mixture: bool
) -> int:
    """Draw the excerpts of one frequency into the first axes, and say how many those were."""
    stream = _first_stream(record, index)
    outputs = np.where(np.isfinite(record.outputs[stream]), record.outputs[stream], np.nan)
    excerpts = _excerpts(record, index)
    for axis, cut in zip(axes, excerpts, strict=False):
        time = np.arange(cut.start, cut.stop) / record.sampling_rate_hz
        if mixture:  # thinned to a haze: thousands of noisy points would be a blot
            every = max(1, time.size // 400)
            dots = record.mixture[stream, cut][::every]
            name = "mixture" if every == 1 else f"mixture (every {every}th sample)"
            axis.plot(time[::every], dots, ".", color=GREY, ms=4, alpha=0.45, mew=0, label=name)
        axis.plot(time, record.targets[stream, cut], color=PALE, lw=5, label="target")
        axis.plot(time, outputs[cut], color=_colour(index), lw=1.6, label="output")
        axis.set_xlim(time[0], max(time[-1], time[0] + 1 / record.sampling_rate_hz))
        _say_not_finite(axis, record.outputs[stream, cut])
    return len(excerpts)


def _say_not_finite(axis: Axes, values: np.ndarray) -> bool:
    """Write onto the axis which share of the output is not finite, if any is."""
    share = float(np.mean(~np.isfinite(values)))
    if share:
        box = {"facecolor": "white", "edgecolor": INK, "boxstyle": "round", "alpha": 0.9}
        part = "all" if share == 1 else f"{100 * share:.3g} % of the"
        axis.text(
            0.5, 0.5, f"output not finite\nin {part} samples", fontsize=9, bbox=box,
            ha="center", va="center", transform=axis.transAxes,
        )  # fmt: skip
    return share > 0


def _draw_spectrum(axis: Axes, signal: np.ndarray, rate_hz: float, **style: Any) -> None:
    """Amplitude in dB re 1, zero-padded fourfold so that peaks look round.

    The Blackman–Harris window (Harris 1978) keeps side lobes below -92 dB, off the figure.
    """
    angle = 2 * np.pi * (np.arange(signal.size) + 0.5) / signal.size
    window = 0.35875 - 0.48829 * np.cos(angle) + 0.14128 * np.cos(2 * angle)
    window -= 0.01168 * np.cos(3 * angle)
    centred = signal - np.average(signal, weights=window)
    amplitude = 2 * np.abs(np.fft.rfft(window * centred, 4 * signal.size)) / window.sum()
    frequencies = np.fft.rfftfreq(4 * signal.size, 1 / rate_hz)
    axis.plot(frequencies, 20 * np.log10(np.maximum(amplitude, 1e-8)), **style)


def _draw_curve(
    axis: Axes,
    epochs: np.ndarray,
    values: np.ndarray,
    colour: str,
    raw: float = 0.3,
    summary: Callable[..., np.ndarray] = np.median,
    **style: Any,
) -> float:
    """A curve over epochs; returns where it ends.

    Few points are marked; many are drawn with opacity `raw` under their running summary.
    """
    style = {"color": colour, "lw": 1.8, **style}
    known = np.isfinite(_positive(values))
    x, y = epochs[known], values[known]
    if y.size <= MANY_ROWS:
        axis.plot(x, y, marker="o" if y.size <= MANY_ROWS / 5 else None, ms=4, **style)
        return _last(y)
    if raw:
        axis.plot(x, y, color=colour, lw=0.6, alpha=raw)
    width = y.size // 60 * 2 + 1
    padded = np.pad(y, width // 2, mode="edge")
    smooth = summary(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    axis.plot(x, smooth, **style)
    return float(smooth[-1])


def _epoch_axis(axis: Axes, epochs: np.ndarray) -> None:
    first, last = epochs[0], epochs[-1]
    margin = max(0.02 * (last - first), 0.3 if last > first else 0.5)
    axis.set_xlim(first - margin, last + margin)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axis.set_xlabel("epoch")


def _mark_horizons(axis: Axes, rows: Rows) -> None:
    """A tick at the top wherever the horizon changes, named where there is room."""
    horizons, epochs = _column(rows, "horizon_s"), _column(rows, "epoch")
    changes = [i for i in range(len(rows)) if i == 0 or horizons[i] != horizons[i - 1]]
    changes = [i for i in changes if math.isfinite(horizons[i])]
    free = -math.inf
    for i in changes:
        axis.axvline(epochs[i], color=PALE, lw=0.8, ls=":")
        if epochs[i] >= free:
            axis.text(
                epochs[i], 0.995, f"{horizons[i]:g} s", fontsize=7, color=GREY, va="top",
                transform=axis.get_xaxis_transform(),
            )  # fmt: skip
            free = epochs[i] + 0.11 * (epochs[-1] - epochs[0])


def _log_limits(axis: Axes, series: Iterable[np.ndarray], *include: float) -> tuple[float, float]:
    """Make y logarithmic, with room around the positive values and those to include."""
    known = np.concatenate([_positive(np.asarray(values)) for values in (*series, include)])
    known = np.maximum(known[np.isfinite(known)], 1e-15)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.1, 1.0)
    room = max(1.6, math.sqrt(30 * low / high))  # a decade and a half at least
    low, high = low / room, high * room
    axis.set_yscale("log")
    axis.set_ylim(low, high)
    return low, high


def _finish_mse_axis(
    axis: Axes,
    series: Iterable[np.ndarray],
    ends: Iterable[tuple[float, str, str]],
    name_guides: bool = True,
    linear: bool = False,
    headroom: float = 1.0,
) -> None:
    """Log axis of an MSE: zero predictor and goal as lines, every line named on the right."""
    low, high = _log_limits(axis, series, ZERO_MSE, GOAL_MSE)
    axis.set_ylim(low, high * headroom)
    if linear:
        axis.set(yscale="linear", ylim=(0, high / 1.3))
    axis.axhline(ZERO_MSE, color=INK, lw=1, ls="--", zorder=1)
    axis.axhline(GOAL_MSE, color=GREY, lw=1, ls=":", zorder=1)
    guides = [(ZERO_MSE, f"predicting zero, {ZERO_MSE:g}", INK), (GOAL_MSE, "goal, 0.01", GREY)]
    _label_ends(axis, [*ends, *(guides if name_guides else [])])


def _label_ends(axis: Axes, labels: Iterable[tuple[float, str, str]]) -> None:
    """Name lines to the right of the axis at their last height, pushed apart where they crowd."""
    scale, left = axis.transScale + axis.transLimits, axis.get_xlim()[0]
    wanted = [
        (float(np.clip(scale.transform((left, y))[1], 0.0, 1.0)), name, colour)
        for y, name, colour in labels
        if math.isfinite(y)
    ]
    if not wanted:
        return
    # From the bottom up; lines that all but coincide are named in their own order, top down.
    wanted = sorted(reversed(wanted), key=lambda label: round(label[0], 2))
    heights = np.array([height for height, _, _ in wanted])
    steps = min(0.062, 1 / len(wanted)) * np.arange(len(wanted))
    # Pushed up only, and pushed down only: half way between, a crowd stays where it belongs.
    pushed_up = np.maximum.accumulate(heights - steps) + steps
    pushed_down = np.minimum.accumulate((heights - steps)[::-1])[::-1] + steps
    places = (pushed_up + pushed_down) / 2
    places = np.minimum(places, 1 - steps[::-1])
    for at, (height, name, colour) in zip(np.maximum(places, steps), wanted, strict=True):
        line = {"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 0}
        axis.annotate(
            name, (1.0, height), (1.035, at), xycoords="axes fraction", textcoords="axes fraction",
            color=colour, fontsize=9, va="center", annotation_clip=False,
            arrowprops=line | {"relpos": (0, 0.5)},
        )  # fmt: skip


def _draw_gap(axis: Axes, epoch: float, moving: float, frozen: float) -> None:
    """An arrow across the widest gap, with the ratio beside it."""
    axis.annotate(
        "", (epoch, frozen), (epoch, moving),
        arrowprops={"arrowstyle": "<->", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    low, high = axis.get_xlim()
    side = 1 if epoch < (low + high) / 2 else -1
    # A linear axis has room below; on a log axis the loss may lie on the edge.
    below = axis.get_yscale() == "linear"
    axis.annotate(
        f"frozen = {_times(frozen / moving)} training",
        (epoch, moving if below else math.sqrt(moving * frozen)),
        (-4 * side if below else 8 * side, -10 if below else 0),
        textcoords="offset points", fontsize=10, color=INK,
        ha="left" if side > 0 else "right", va="top" if below else "center",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )  # fmt: skip


def _draw_dumbbells(
    axis: Axes,
    per_frequency: list[tuple[np.ndarray, np.ndarray]],
    frequencies_hz: Sequence[float],
    epochs: np.ndarray,
    at: int | None,
) -> None:
    """For every frequency, from the loss while training (open) to the frozen error (filled)."""
    axis.set_yticks(range(len(frequencies_hz)), [f"{f:g} Hz" for f in frequencies_hz])
    axis.set_ylim(len(frequencies_hz) - 0.5, -0.5)
    row = len(epochs) - 1 if at is None else at
    shown = [ZERO_MSE, GOAL_MSE]
    for i, (loss, error) in enumerate(per_frequency):
        moving, frozen = _positive(loss)[row], _positive(error)[row]
        axis.plot([moving, frozen], [i, i], color=_colour(i), lw=2, alpha=0.5)
        axis.plot([moving], [i], "o", color=_colour(i), mfc="white", mew=1.8, ms=8)
        axis.plot([frozen], [i], "o", color=_colour(i), ms=8)
        shown += [value for value in (moving, frozen) if math.isfinite(value)]
        if math.isfinite(moving) and math.isfinite(frozen):
            axis.annotate(
                _times(frozen / moving), (1.02, i), xycoords=("axes fraction", "data"),
                color=_colour(i), fontsize=9, va="center", annotation_clip=False,
            )  # fmt: skip
    axis.set(xscale="log", xlim=(min(shown) / 2, max(shown) * 2))
    axis.set_xlabel(f"MSE (no unit); dotted: goal {GOAL_MSE:g}, dashed: predicting zero")
    axis.axvline(ZERO_MSE, color=INK, lw=1, ls="--", zorder=1)
    axis.axvline(GOAL_MSE, color=GREY, lw=1, ls=":", zorder=1)
    title = f"epoch {epochs[row]:g}: training (open) → frozen (filled)"
    axis.set_title(title, loc="left", fontsize=10)
