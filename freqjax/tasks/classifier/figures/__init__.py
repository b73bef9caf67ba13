"""Figures of a classifier: confusion, ranking, reliability, scores by class and group, and hidden parts."""

from freqjax.tasks.classifier.figures.bars import by_class, by_group
from freqjax.tasks.classifier.figures.confusion import confusion
from freqjax.tasks.classifier.figures.gallery import drawings
from freqjax.tasks.classifier.figures.hiding import modalities, stretches
from freqjax.tasks.classifier.figures.ranking import ranking
from freqjax.tasks.classifier.figures.reliability import reliability

__all__ = [
    "by_class",
    "by_group",
    "confusion",
    "drawings",
    "modalities",
    "ranking",
    "reliability",
    "stretches",
]
