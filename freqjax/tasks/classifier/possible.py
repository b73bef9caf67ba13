"""Best possible scores where the law of the windows is known, and the gap of a classifier to them.

The posterior of the law has the highest scores of all on infinitely many rows. On the test rows it has
others, by chance; a classifier is compared with it on the same rows, so that this chance cancels.
Axes: N windows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.special

from freqjax.tasks.classifier import intervals, scores
from freqjax.tasks.classifier.dataset import Dataset, Part
from freqjax.tasks.classifier.intervals import Interval
from freqjax.tasks.classifier.judged import Judged, over_groups
from freqjax.tasks.classifier.synthetic import Bayes, PatternTask, bayes
from freqjax.tasks.evaluation import Section, Table
from freqjax.text import number


class Possible(NamedTuple):
    """Best possible scores, and those of a classifier.

    Attributes:
      bayes: the highest possible scores.
      exact: those of the exact posterior on the test rows, by the names in `bayes`.
      network: those of the classifier on the same rows, at its own threshold.
      gaps: exact less network, with its interval over groups.
    """

    bayes: Bayes
    exact: dict[str, float]
    network: dict[str, float]
    gaps: dict[str, Interval]

    def to_json(self) -> dict[str, dict[str, object]]:
        """Return it ready for JSON."""
        return {
            "bayes": self.bayes._asdict(),
            "exact": dict(self.exact),
            "gap": {name: gap._asdict() for name, gap in self.gaps.items()},
        }


# Score → its name in texts.
_SHOWN = {"average_precision": "average precision", "f1": "F1"}


def limit_of(law: PatternTask) -> Bayes:
    """Return the highest possible scores under a law."""
    return bayes(law.prevalence, law.separation)


def limit_note(law: PatternTask) -> str:
    """Say what the limit is: a clause without a full stop."""
    best = limit_of(law)
    return (
        "the law of the rows is known, and this is the average precision of its exact posterior; its best F1 "
        f"is {number(best.f1)}, from a posterior of {number(best.threshold)} on"
    )


def possible(dataset: Dataset, judged: Judged) -> Possible | None:
    """Compare a classifier with the exact posterior on the test rows; None if the law is not known."""
    if dataset.law is None:
        return None
    best, test = limit_of(dataset.law), dataset.test
    own = judged.probabilities["test"][:, 1]
    exact = posterior(dataset.law, test)
    assert judged.threshold is not None  # there are two classes
    measured = {
        "average_precision": (scores.average_precision, exact, own),
        "f1": (_f1, exact >= best.threshold, own >= judged.threshold),
    }
    found = {
        name: over_groups(intervals.of_difference(score, test.label, first, second), test.group)
        for name, (score, first, second) in measured.items()
    }
    scored = {
        name: (score(test.label, first), score(test.label, second))
        for name, (score, first, second) in measured.items()
    }
    return Possible(
        bayes=best,
        exact={name: first for name, (first, _) in scored.items()},
        network={name: second for name, (_, second) in scored.items()},
        gaps=found,
    )


def posterior(law: PatternTask, part: Part) -> np.ndarray:
    """Return the exact probability of class 1 of each window: [N]."""
    ((name, signals),) = part.inputs.items()
    return scipy.special.expit(law.log_odds(signals, part.masks[name]))


def section_of(found: Possible | None) -> list[Section]:
    """Describe the gap to what is possible; nothing if that is not known."""
    if found is None:
        return []
    rows, words = [], []
    for name, shown in _SHOWN.items():
        gap, best = found.gaps[name], getattr(found.bayes, name)
        rows.append((shown, best, found.exact[name], found.network[name], gap.value))
        words.append(
            f"The {shown} of the exact posterior less the network's on the same rows is {number(gap.value)}, "
            f"from {number(gap.low)} to {number(gap.high)} at 95 % over {gap.groups} groups."
        )
    words.insert(
        0,
        f"Rows are drawn by a known law, so the best possible scores are known: average precision "
        f"{number(found.bayes.average_precision)}, and F1 {number(found.bayes.f1)} for calling rows positive "
        f"from a posterior of {number(found.bayes.threshold)} on (half of it). On the test rows the exact "
        "posterior itself has other scores, by chance.",
    )
    columns = ("", "limit", "exact posterior, test rows", "network, test rows", "gap")
    return [Section("The gap to the limit", words, Table(columns, rows))]


def _f1(labels: np.ndarray, called: np.ndarray) -> float:
    return float(scores.class_f1(labels, called.astype(np.int64), 2)[1])
