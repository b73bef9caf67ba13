"""Figure of precision over recall, and of recall over false positives, of the second of two classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.classifier import scores
from freqjax.tasks.classifier.judged import Judge, Judged
from freqjax.tasks.classifier.possible import posterior


def ranking(judge: Judge, judged: Judged, folder: Path) -> Path:
    """Draw both curves beside those of the baselines, the constant and the chosen threshold."""
    test = judge.dataset.test
    labels = test.label
    figure, axes = canvas.subplots(11, 4.8, 1, 2)
    left, right = axes[0]
    drawn = {name: own for name, own in judge.baselines.items() if name != "constant"}
    for index, (name, own) in enumerate(drawn.items()):
        found = scores.curves(labels, own.probabilities["test"][:, 1])
        shade = canvas.colour(index)
        _draw_precision(left, found, color=shade, lw=1.2, label=name)
        right.plot(np.append(0, found.fallout), np.append(0, found.recall), color=shade, lw=1.2)
    if judge.dataset.law is not None:
        found = scores.curves(labels, posterior(judge.dataset.law, test))
        _draw_precision(left, found, color="C7", ls=":", label="exact posterior")
        right.plot(np.append(0, found.fallout), np.append(0, found.recall), "C7", ls=":")
    own = judged.probabilities["test"][:, 1]
    found = scores.curves(labels, own)
    _draw_precision(left, found, color=canvas.INK, lw=2, label="network")
    right.plot(np.append(0, found.fallout), np.append(0, found.recall), color=canvas.INK, lw=2)
    prevalence = float(labels.mean())
    left.axhline(prevalence, color="grey", lw=1, ls="--", label="constant")
    right.plot([0, 1], [0, 1], color="grey", lw=1, ls="--")
    called = own >= judged.threshold if judged.threshold is not None else own >= 0.5
    hits = int(np.sum(called & (labels == 1)))
    recall = hits / max(int(labels.sum()), 1)
    fallout = int(np.sum(called & (labels == 0))) / max(int(np.sum(labels == 0)), 1)
    left.plot(recall, hits / max(int(called.sum()), 1), "o", color=canvas.INK, label="threshold")
    right.plot(fallout, recall, "o", color=canvas.INK)
    left.set_xlabel("recall (no unit)")
    left.set_ylabel("precision (no unit)")
    right.set_xlabel("false positive rate (no unit)")
    right.set_ylabel("recall (no unit)")
    left.legend(fontsize=8, frameon=False)
    value = scores.average_precision(labels, own)
    canvas.set_headline(
        figure,
        f"Average precision {number(value)} of {judge.dataset.class_names[1]}; a constant has its share, "
        f"{number(prevalence)}",
    )
    return canvas.save(figure, folder, "ranking.png")


def _draw_precision(axis: Axes, found: scores.Curves, **style: Any) -> None:
    """Draw each precision over the recall gained there: the area is the average precision."""
    recall = np.append(0, found.recall)
    precision = np.append(found.precision[:1], found.precision)
    axis.step(recall, precision, where="pre", **style)
