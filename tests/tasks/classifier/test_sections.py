"""Intervals of the F1 of each class, of persons who differ."""

from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np

from freqjax.tasks.classifier import intervals, scores, sections
from freqjax.tasks.classifier.judged import Judge, Judged


def test_an_interval_of_an_f1_ends_where_an_f1_does():
    label, group = np.tile([0, 1], 10), np.repeat([0, 1], 10)
    told = np.where(group == 0, label, 0)  # right of one person, class 0 alone of the other
    test = SimpleNamespace(label=label, group=group)
    judge = Mock(spec=Judge, dataset=SimpleNamespace(test=test), classes=2)
    judged = Mock(spec=Judged, probabilities={"test": np.eye(2)[told]}, threshold=None)
    found = sections.class_intervals(judge, judged)
    for c, own in enumerate(found):

        def f1(rows, c=c):
            return float(scores.class_f1(label[rows], told[rows], 2)[c])

        plain = intervals.jackknife(f1, group)
        assert plain.low < 0 and plain.high > 1
        assert (own.value, own.low, own.high) == (plain.value, 0, 1)
