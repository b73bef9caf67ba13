"""All figures of a classifier that its test rows allow."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from freqjax.tasks.classifier.figures.bars import by_class, by_group
from freqjax.tasks.classifier.figures.confusion import confusion
from freqjax.tasks.classifier.figures.hiding import modalities, stretches
from freqjax.tasks.classifier.figures.ranking import ranking
from freqjax.tasks.classifier.figures.reliability import reliability
from freqjax.tasks.classifier.hiding import Hidden
from freqjax.tasks.classifier.judged import Judge, Judged
from freqjax.tasks.drawing import Draw


def drawings(judge: Judge, judged: Judged, hidden: Hidden, folder: Path) -> list[Draw]:
    """Return the drawings in reading order; a ranking of two classes, modalities of several."""
    found: list[Draw] = [partial(confusion, judge, judged, folder)]
    if judge.is_binary:
        found.append(partial(ranking, judge, judged, folder))
    found += [partial(draw, judge, judged, folder) for draw in (reliability, by_class, by_group)]
    if hidden.without:
        found.append(partial(modalities, judge, judged, hidden, folder))
    return [*found, partial(stretches, judge, judged, hidden, folder)]
