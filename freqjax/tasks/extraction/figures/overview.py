"""Overview figure for the README: the last second, and the errors beside reported ones."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas
from freqjax.figures.history import Rows
from freqjax.figures.words import number, times
from freqjax.tasks.extraction.figures.clock import draw_cut
from freqjax.tasks.extraction.figures.record import (
    GOAL_MSE,
    EvaluationRecord,
    duration_s,
    final_second,
    present_indices,
)

BEYOND = 100.0  # a larger MSE is drawn at the edge of the axis, so that the others stay apart


def headline(
    record: EvaluationRecord,
    rows: Rows,
    zero_mse: float,
    original_mse: Mapping[str, float],
    directory: str | Path,
) -> Path:
    """Draw, left, every output over its target in the last second; right, frozen test MSE beside others'.

    Args:
      record: the evaluation on test data.
      rows: parsed metrics.jsonl, for the number of updates; may be empty.
      zero_mse: of predicting zero on the same data.
      original_mse: label -> the best MSE that an original reported.
      directory: the folder of headline.png.
    """
    present, cut = present_indices(record), final_second(record)
    height = 1.1 + max(0.95 * len(present), 0.34 * (len(present) + len(original_mse) + 1))
    figure = canvas.blank(12, height)
    cells = figure.add_gridspec(len(present), 2, width_ratios=(1.35, 1))
    axes = [figure.add_subplot(cells[i, 0]) for i in range(len(present))]
    for axis, index in zip(axes, present, strict=True):
        canvas.dress(axis)
        draw_cut(axis, record, index, cut)
        axis.set_yticks([-1, 0, 1])
        axis.tick_params(labelbottom=axis is axes[-1])
        colour = canvas.text_colour(canvas.colour(index))
        axis.set_ylabel(f"{record.frequencies_hz[index]:g} Hz", color=colour,
                        rotation=0, ha="right", va="center", fontsize=11, fontweight="bold")  # fmt: skip
    start, end = cut.start / record.sampling_rate_hz, cut.stop / record.sampling_rate_hz
    axes[0].set_title(
        f"output (colour) over target (grey), {start:g} to {end:g} s", loc="left", fontsize=10
    )
    axes[-1].set_xlabel("time since the start of the stream (s)")
    right = figure.add_subplot(cells[:, 1])
    _draw_comparison(right, record, zero_mse, original_mse)
    updates = rows[-1].get("step") if rows else None
    right.set_title(
        "this run" + (f" after update {updates:,}" if updates else ""), loc="left", fontsize=10
    )
    canvas.set_headline(figure, _finding(record, original_mse))
    return canvas.save(figure, directory, "headline.png")


def _draw_comparison(
    axis: Axes, record: EvaluationRecord, zero_mse: float, original_mse: Mapping[str, float]
) -> None:
    """Draw each MSE as a dot on a log axis, with a bar from that of predicting zero."""
    ours = [
        (f"{record.frequencies_hz[i]:g} Hz", record.tones[i].mse, canvas.colour(i))
        for i in present_indices(record)
    ]
    others = [(label, mse, canvas.GREY) for label, mse in original_mse.items()]
    entries = [*ours, *others, ("predicting zero", zero_mse, canvas.INK)]
    known = [mse for _, mse, _ in entries if mse is not None and math.isfinite(mse) and mse > 0]
    low = min(*known, GOAL_MSE) / 2
    high = 6 * min(max(*known, GOAL_MSE), BEYOND)
    for place, (_, mse, colour) in enumerate(entries):
        finite = mse is not None and math.isfinite(mse)
        at = min(max(mse, low), high / 3) if mse is not None and finite else high / 3
        if finite:
            axis.plot([zero_mse, at], [place, place], color=colour, lw=2.5, alpha=0.35)
        axis.plot([at], [place], "o" if finite else "x", color=colour, ms=8, mew=2)
        axis.annotate(
            number(mse), (max(at, zero_mse) if finite else at, place), (9, 0), fontsize=10,
            textcoords="offset points", color=canvas.text_colour(colour), va="center",
            ha="left",
        )  # fmt: skip
    axis.axvline(GOAL_MSE, color=canvas.INK, lw=1.2, ls=":", zorder=1)
    axis.axhline(len(ours) - 0.5, color=canvas.PALE, lw=0.8)
    axis.annotate(
        f"goal {GOAL_MSE:g}", (GOAL_MSE, 1), (3, -3), xycoords=("data", "axes fraction"),
        textcoords="offset points", fontsize=9, va="top",
    )  # fmt: skip
    axis.set_yticks(range(len(entries)), [label for label, _, _ in entries])
    for tick, (_, _, colour) in zip(axis.get_yticklabels(), entries, strict=True):
        tick.set_color(canvas.text_colour(colour))
    axis.set(xscale="log", xlim=(low, high), ylim=(len(entries) - 0.4, -0.9))
    axis.set_xlabel("MSE on test data, frozen (no unit)")
    canvas.dress(axis)
    axis.grid(False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0, labelsize=10)


def _finding(record: EvaluationRecord, original_mse: Mapping[str, float]) -> str:
    tones = [record.tones[index] for index in present_indices(record)]
    errors = [math.inf if tone.mse is None else tone.mse for tone in tones]
    solved, mean = sum(error < GOAL_MSE for error in errors), float(np.mean(errors))
    finding = f"{solved} of {len(errors)} frequencies below MSE {GOAL_MSE:g}"
    finding += f", frozen over {duration_s(record):g} s; mean {number(mean)}"
    known = [mse for mse in original_mse.values() if math.isfinite(mse)]
    if known and math.isfinite(mean):
        best = min(known)
        better = mean < best
        ratio = best / mean if better else mean / best
        finding += (
            f", {times(ratio)} {'below' if better else 'above'} the best reported ({number(best)})"
        )
    return finding
