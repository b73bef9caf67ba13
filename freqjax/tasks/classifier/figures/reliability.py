"""Figure of probabilities beside the shares that came true, before and after calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.judged import Judge, Judged
from freqjax.tasks.classifier.scores import Reliability


def reliability(judge: Judge, judged: Judged, folder: Path) -> Path:
    """Draw the share that came true by confidence, and how many windows have each confidence."""
    figure, axes = canvas.subplots(7, 6, 2, 1, sharex=True, height_ratios=(3, 1))
    axis, below = axes[:, 0]
    axis.plot([0, 1], [0, 1], color="grey", lw=1, ls="--", label="what a probability says")
    drawn = {
        "before the temperature": (judged.raw["test"], canvas.colour(0)),
        "after it": (judged.probabilities["test"], canvas.INK),
    }
    errors = []
    for number_of, (name, (own, shade)) in enumerate(drawn.items()):
        found = measured(judge, own)
        there = found.count > 0
        axis.plot(found.confidence[there], found.share[there], "o-", ms=4, color=shade, label=name)
        places = (np.arange(len(found.count)) + 0.3 + 0.4 * number_of) / len(found.count)
        below.bar(places, found.count, width=0.4 / len(found.count), color=shade)
        errors.append(found.error)
    axis.set_ylabel("share that came true (no unit)")
    below.set_xlabel("probability (no unit)")
    below.set_ylabel("windows")
    below.set_yscale("log")
    axis.legend(fontsize=8, frameon=False)
    canvas.set_headline(
        figure,
        f"Expected calibration error {number(errors[0])} before, {number(errors[1])} after a temperature "
        "from validation rows",
    )
    return canvas.save(figure, folder, "reliability.png")


def measured(judge: Judge, probabilities: np.ndarray) -> Reliability:
    """Compare test probabilities with what came true: of class 1 of two, of the most probable of more."""
    labels = judge.dataset.test.label
    if judge.is_binary:
        return scores.reliability(probabilities[:, 1], labels == 1)
    return scores.reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
