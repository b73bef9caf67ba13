"""Figures of a classifier: intervals that leave out their value, and the area under precision over recall."""

from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from matplotlib.cbook import STEP_LOOKUP_MAP

from freqjax.tasks.classifier import figures, intervals, scores
from freqjax.tasks.classifier.figures import bars, hiding
from freqjax.tasks.classifier.hiding import Hidden
from freqjax.tasks.classifier.intervals import Interval
from freqjax.tasks.classifier.judged import Judge, Judged
from tests.figures.reading import keep_figures

LABEL, GROUP = np.tile([0, 1], 10), np.repeat(np.arange(4), 5)
# Quantiles of the draws may lie on one side of the value of all rows.
BESIDE = [Interval(0.5, 0.6, 0.9, 0.1, 30, 1000), Interval(0.5, 0.2, 0.4, 0.1, 30, 1000)]


@pytest.fixture
def drawn(monkeypatch):
    return keep_figures(monkeypatch)


def judged(positive):
    own = np.stack([1 - positive, positive], axis=1)
    return Mock(spec=Judged, probabilities={"test": own}, threshold=0.5)


def judge(**baselines):
    test = SimpleNamespace(label=LABEL, group=GROUP)
    dataset = SimpleNamespace(test=test, class_names=("no", "yes"), law=None)
    own = {"constant": judged(np.full(20, 0.5)), **baselines}

    def score(labels, found):
        return scores.average_precision(labels, found[:, 1])

    return Mock(spec=Judge, dataset=dataset, classes=2, is_binary=True, baselines=own, score=score)


def bar_lengths(figure):
    """Return the lengths of the error bars of each curve that has some."""
    found = [curve.lines[2][0].get_segments() for curve in figure.axes[0].containers]
    return [np.ptp(np.array(segments), axis=1).max(axis=1) for segments in found]


def test_an_interval_beside_its_value_costs_no_figure(tmp_path, drawn, monkeypatch):
    given, own = judge(), judged(np.linspace(0, 1, 20))
    monkeypatch.setattr(bars, "class_intervals", lambda judge, judged: BESIDE)
    figures.by_class(given, own, tmp_path)
    found = iter(BESIDE * 10)
    monkeypatch.setattr(hiding, "over_groups", lambda statistic, groups: next(found))
    all_rows = own.probabilities["test"]
    hidden = Hidden({"gaze": all_rows}, np.array([0, 4, 8]), {"all": np.stack([all_rows] * 2)})
    figures.modalities(given, own, hidden, tmp_path)
    figures.stretches(given, own, hidden, tmp_path)
    for name in ("by_class.png", "modalities.png", "stretches.png"):
        (lengths,) = bar_lengths(drawn[name])
        np.testing.assert_allclose(lengths, [0.4, 0.3])


def test_error_bars_reach_to_the_ends_and_not_beyond_the_value():
    found = [Interval(0.5, 0.3, 0.6, 0.1, 30, 1000), *BESIDE]
    found.append(Interval(0.5, np.nan, np.nan, np.nan, 1, 0))
    expected = [[0.2, 0, 0.3, np.nan], [0.1, 0.4, 0, np.nan]]
    np.testing.assert_allclose(intervals.reach(found), expected)


def test_the_area_under_precision_is_the_average_precision(tmp_path, drawn):
    random = np.random.default_rng(0)
    own = {
        "network": judged(random.random(20)),
        "logistic": judged(np.round(random.random(20), 1)),
        "minirocket": judged(np.full(20, 0.3)),
    }
    others = {name: own[name] for name in ("logistic", "minirocket")}
    figures.ranking(judge(**others), own["network"], tmp_path)
    lines = {line.get_label(): line for line in drawn["ranking.png"].axes[0].lines}
    for name, found in own.items():
        line = lines[name]
        corners = STEP_LOOKUP_MAP[line.get_drawstyle()](line.get_xdata(), line.get_ydata())
        expected = scores.average_precision(LABEL, found.probabilities["test"][:, 1])
        assert np.trapezoid(corners[1], corners[0]) == pytest.approx(expected)
