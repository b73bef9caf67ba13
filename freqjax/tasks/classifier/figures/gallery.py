"""All figures of a classifier that its test rows allow."""

from __future__ import annotations

from pathlib import Path

from freqjax.tasks.classifier.figures.bars import by_class, by_group
from freqjax.tasks.classifier.figures.confusion import confusion
from freqjax.tasks.classifier.figures.hiding import modalities, stretches
from freqjax.tasks.classifier.figures.ranking import ranking
from freqjax.tasks.classifier.figures.reliability import reliability
from freqjax.tasks.classifier.hiding import Hidden
from freqjax.tasks.classifier.judged import Judge, Judged


def draw_all(judge: Judge, judged: Judged, hidden: Hidden, folder: Path) -> list[Path]:
    """Draw them and return the PNGs in reading order; a ranking of two classes, modalities of several."""
    paths = [confusion(judge, judged, folder)]
    if judge.is_binary:
        paths.append(ranking(judge, judged, folder))
    paths.append(reliability(judge, judged, folder))
    paths.append(by_class(judge, judged, folder))
    paths.append(by_group(judge, judged, folder))
    if hidden.without:
        paths.append(modalities(judge, judged, hidden, folder))
    paths.append(stretches(judge, judged, hidden, folder))
    return paths
