"""Figures of scores by class and by group, beside those of the best baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.classifier import intervals, scores
from freqjax.tasks.classifier.judged import Judge, Judged
from freqjax.tasks.classifier.sections import class_intervals, predictions


def by_class(judge: Judge, judged: Judged, folder: Path) -> Path:
    """Draw the F1 of each class with its interval over groups, and those of the baselines."""
    test, names = judge.dataset.test, judge.dataset.class_names
    each = class_intervals(judge, judged)
    figure, axes = canvas.subplots(8, 1.6 + 0.36 * len(names), 1, 1)
    axis, places = axes[0, 0], np.arange(len(names))
    values = np.array([interval.value for interval in each])
    reach = intervals.reach(each)
    axis.errorbar(values, places, xerr=reach, fmt="o", color=canvas.INK, label="network", lw=1.5)
    others = {name: own for name, own in judge.baselines.items() if name != "constant"}
    for index, (name, own) in enumerate(others.items()):
        f1 = scores.class_f1(test.label, predictions(judge, own, "test"), judge.classes)
        axis.plot(
            f1, places + 0.18 * (index + 1), "|", ms=9, color=canvas.colour(index), label=name
        )
    axis.set_yticks(places, names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(min(0.0, float(np.nanmin(values)) - 0.05), 1.02)
    axis.set_xlabel("F1 (no unit); lines: 95 % over groups")
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    known = np.flatnonzero(~np.isnan(values))
    worst = known[np.argmin(values[known])]
    headline = f"F1 is lowest for {names[worst]}: {number(float(values[worst]))}"
    canvas.set_headline(figure, headline)
    return canvas.save(figure, folder, "by_class.png")


def by_group(judge: Judge, judged: Judged, folder: Path) -> Path:
    """Draw the score of each test group, and those of the baselines."""
    test = judge.dataset.test
    groups = np.unique(test.group)
    names = [judge.dataset.group_names[group] for group in groups]

    def of(probabilities: np.ndarray) -> np.ndarray:
        kept = [test.group == group for group in groups]
        return np.array([judge.score(test.label[k], probabilities[k]) for k in kept])

    values = of(judged.probabilities["test"])
    figure, axes = canvas.subplots(8, 1.6 + 0.34 * len(names), 1, 1)
    axis, places = axes[0, 0], np.arange(len(names))
    others = {name: own for name, own in judge.baselines.items() if name != "constant"}
    for index, (name, own) in enumerate(others.items()):
        shade = canvas.colour(index)
        axis.plot(of(own.probabilities["test"]), places, "|", ms=11, color=shade, label=name)
    axis.plot(values, places, "o", color=canvas.INK, label="network")
    axis.set_yticks(places, names, fontsize=8)
    axis.set_ylabel("group")
    axis.set_ylim(len(names) - 0.5, -0.5)
    word = "average precision" if judge.is_binary else "macro F1"
    axis.set_xlabel(f"{word} (no unit)")
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    known = values[~np.isnan(values)]
    headline = f"{word} by group: none is known"
    if len(known):
        headline = (
            f"{word[:1].upper()}{word[1:]} by group: from {number(float(known.min()))} to "
            f"{number(float(known.max()))}"
        )
    canvas.set_headline(figure, headline)
    return canvas.save(figure, folder, "by_group.png")
