"""Figure of the score of every group, beside those of other methods on the same rows."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from freqjax.figures import canvas
from freqjax.figures.words import number

# Scores that differ by more than this factor are drawn on a log axis.
_DECADES = 20.0


def group_scores(
    name: str,
    groups: Mapping[str, float],
    score: float,
    others: Mapping[str, float],
    goal: float | None,
    higher_is_better: bool,
    directory: str | Path,
) -> Path:
    """Draw a dot on a line for every group, for all of them together, and for other methods.

    Args:
      name: name of the score, which labels the axis.
      groups: name -> score of each; one that is not finite is marked by a cross.
      score: score of all groups together.
      others: name -> score of constant, baselines and limit.
      goal: the score that every group must reach; None if none is set.
      higher_is_better: whether a higher score is better.
      directory: the folder of group_scores.png.
    """
    several = len(groups) > 1
    entries = [(n, v, canvas.colour(i)) for i, (n, v) in enumerate(groups.items()) if several]
    entries.append(("network" if not several else "network, all", score, canvas.INK))
    entries += [(other, value, canvas.GREY) for other, value in others.items()]
    figure, axes = canvas.subplots(9, 1.6 + 0.36 * len(entries))
    axis = axes[0, 0]
    known = np.array(
        [v for _, v, _ in entries if math.isfinite(v)] + ([] if goal is None else [goal])
    )
    shown = known[known > 0]
    if shown.size and known.min() >= 0 and shown.max() > _DECADES * shown.min():
        edge = 8 if shown.size < known.size else 2  # room for what is 0, at the left edge
        axis.set(xscale="log", xlim=(shown.min() / edge, shown.max() * 4))
    elif known.size:
        room = 0.12 * max(np.ptp(known), 0.1 * abs(known).max(), 1e-12)
        axis.set_xlim(known.min() - room, known.max() + 2 * room)
    for place, (_, value, colour) in enumerate(entries):
        finite = math.isfinite(value)
        at = value if finite else axis.get_xlim()[1]
        left = finite and value <= 0 and axis.get_xscale() == "log"
        at, marker = (axis.get_xlim()[0], "<") if left else (at, "o" if finite else "x")
        axis.plot([at], [place], marker, color=colour, ms=8, mew=2, clip_on=finite and not left)
        if finite:
            axis.annotate(
                "0, left of every log axis" if left else number(value), (at, place), (9, 0),
                fontsize=9, textcoords="offset points", color=canvas.text_colour(colour), va="center",
            )  # fmt: skip
    if goal is not None:
        axis.axvline(goal, color=canvas.INK, lw=1.2, ls=":", zorder=1)
    axis.axhline(len(entries) - len(others) - 0.5, color=canvas.PALE, lw=0.8)
    axis.set_yticks(range(len(entries)), [label for label, _, _ in entries])
    axis.set_ylim(len(entries) - 0.4, -0.6)
    better = "higher" if higher_is_better else "lower"
    dotted = "" if goal is None else f"; dotted: goal {goal:g}"
    axis.set_xlabel(f"{name} on test data, frozen; {better} is better{dotted}")
    axis.set_ylabel("group or method")
    canvas.set_headline(figure, _finding(name, score, others, higher_is_better))
    return canvas.save(figure, directory, "group_scores.png")


def _finding(name: str, score: float, others: Mapping[str, float], higher_is_better: bool) -> str:
    if not math.isfinite(score):
        return "The output is not finite: it has no score"
    known = {other: value for other, value in others.items() if math.isfinite(value)}
    said = f"{name} {number(score)}"
    if not known:
        return said
    pick = max if higher_is_better else min
    best = pick(known, key=known.__getitem__)
    return f"{said}; best of the others: {best}, {number(known[best])}"
