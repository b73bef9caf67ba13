"""Figures of the score without a modality, and without a stretch of each window."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.words import number
from freqjax.tasks.classifier import intervals
from freqjax.tasks.classifier.hiding import Hidden
from freqjax.tasks.classifier.intervals import Interval
from freqjax.tasks.classifier.judged import Judge, Judged, over_groups


def modalities(judge: Judge, judged: Judged, found: Hidden, folder: Path) -> Path:
    """Draw the score without each modality beside that with all, and the constant's, with intervals."""
    test = judge.dataset.test
    drawn = {"all there": judged.probabilities["test"]}
    drawn |= {f"without {name}": own for name, own in found.without.items()}
    each = [
        over_groups(intervals.of_score(judge.score, test.label, own), test.group)
        for own in drawn.values()
    ]
    figure, axes = canvas.subplots(8, 1.8 + 0.4 * len(drawn), 1, 1)
    axis, places = axes[0, 0], np.arange(len(drawn))
    values = np.array([interval.value for interval in each])
    reach = intervals.reach(each)
    axis.errorbar(values, places, xerr=reach, fmt="o", color=canvas.INK, lw=1.5, label="network")
    constant = judge.score(test.label, judge.baselines["constant"].probabilities["test"])
    axis.axvline(constant, color="grey", lw=1, ls="--", label="constant")
    axis.set_yticks(places, list(drawn), fontsize=9)
    axis.set_ylim(len(drawn) - 0.5, -0.5)
    # Of few groups the ends of an interval may lie beyond any score.
    axis.set_xlim(-0.02, 1.02)
    axis.set_xlabel(f"{_name(judge)} (no unit); lines: 95 % over groups")
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    worst = int(np.argmin(values[1:])) + 1
    canvas.set_headline(
        figure,
        f"{number(values[0])} with all modalities, {number(values[worst])} {list(drawn)[worst]}",
    )
    return canvas.save(figure, folder, "modalities.png")


def stretches(judge: Judge, judged: Judged, found: Hidden, folder: Path) -> Path:
    """Draw the score that is lost when a stretch of each window is hidden, in all and in each modality."""
    test, own = judge.dataset.test, judged.probabilities["test"]
    figure, axes = canvas.subplots(8, 4.2, 1, 1)
    axis = axes[0, 0]
    axis.axhline(0, color="grey", lw=1, ls="--")
    centres = (found.edges[:-1] + found.edges[1:] - 1) / 2
    lost: dict[str, list[Interval]] = {}
    for index, (name, hidden) in enumerate(found.stretches.items()):
        each = [
            over_groups(intervals.of_difference(judge.score, test.label, own, other), test.group)
            for other in hidden
        ]
        lost[name] = each
        values = [interval.value for interval in each]
        reach = intervals.reach(each)
        shade = canvas.INK if name == "all" else canvas.colour(index - 1)
        label = "all modalities" if name == "all" else name
        # Beside each other, so that no interval covers another.
        moved = centres + 0.5 * (index - (len(found.stretches) - 1) / 2)
        axis.errorbar(moved, values, yerr=reach, fmt="o-", ms=4, color=shade, lw=1.2, label=label)
    axis.set_xlabel("sample of the window (middle of the hidden stretch); lines: 95 % over groups")
    axis.set_ylabel(f"{_name(judge)} lost (no unit)")
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    canvas.set_headline(figure, _costliest(lost["all"], found.edges))
    return canvas.save(figure, folder, "stretches.png")


def _costliest(lost: list[Interval], edges: np.ndarray) -> str:
    """Name the stretch that costs most, or say that none costs more than its interval allows."""
    worst = int(np.argmax([interval.value for interval in lost]))
    first, last = edges[worst], edges[worst + 1] - 1
    said = f"Hiding samples {first} to {last} costs most, {number(lost[worst].value)}"
    return said if lost[worst].low > 0 else f"{said}, which may be nothing over the groups"


def _name(judge: Judge) -> str:
    return "average precision" if judge.is_binary else "macro F1"
