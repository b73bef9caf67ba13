"""The causes that explain a run's error, ranked, each with its evidence and how to refute it.

They are ranked in the order of explanation. A number that is not finite makes everything after it
meaningless. Then comes what cannot be known; then a gradient that is nothing or far too much from the first
epoch on, and what was learned and lost, which nothing else looks like; then steps of the wrong size; then
what was learned of the training rows alone; then credit that could not be assigned; and last what the
network could not hold. A task places its own causes among them: what is wrong with its rows before all,
what may be a symptom of any other cause after all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from freqjax.diagnosis import recorded, tried
from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.diagnosis.limit import information_limit
from freqjax.tasks.examination import Examination
from freqjax.training.monitors import finite_or_null

# Of any task, in order of rank.
CAUSES = (
    "non_finite",
    "information_limit",
    "vanishing_gradient",
    "exploding_gradient",
    "forgetting",
    "learning_rate_high",
    "learning_rate_low",
    "overfitting",
    "weight_chasing",
    "gradient_truncation",
    "capacity",
)


class Diagnosis(NamedTuple):
    """Everything that was looked for.

    Attributes:
      healthy: the run has reached its goal: nothing else was looked for.
      examinations: one a cause, those that explain the error first, each part in order of rank.
    """

    healthy: bool
    examinations: list[Examination]

    @property
    def causes(self) -> list[Examination]:
        """Those that were found, in order of rank."""
        return [e for e in self.examinations if e.found]

    def to_json(self) -> list[dict[str, Any]]:
        """Return what diagnosis.json holds: the causes in order of rank; empty where nothing is wrong."""
        return [
            finite_or_null({"cause": e.cause, "rank": rank, **_rest(e)})
            for rank, e in enumerate(self.causes, 1)
        ]


def _rest(examination: Examination) -> dict[str, Any]:
    fields = examination._asdict()
    kept = ("words", "evidence", "threshold", "experiment", "refuted_if", "advice")
    return {name: fields[name] for name in kept}


def diagnose(run: RunUnderExamination) -> Diagnosis:
    """Look for every cause, the cheap ones first; nothing of the run is changed.

    Before the first update there is no run to explain: only rows and what is possible are examined.
    """
    if run.healthy:
        return Diagnosis(True, [])
    found = [*run.task.checks(run.evidence), information_limit(run)]
    if run.updated:
        found += [
            recorded.non_finite(run),
            recorded.exploding_gradient(run),
            recorded.vanishing_gradient(run),
            recorded.forgetting(run),
            recorded.overfitting(run),
            recorded.weight_chasing(run),
            tried.gradient_truncation(run),
            tried.capacity(run),
            *tried.learning_rate(run),
        ]
    found.sort(key=lambda e: (not e.found, _rank(e)))
    return Diagnosis(False, found)


def _rank(examination: Examination) -> float:
    """Return where a cause stands among `CAUSES`; half a place before the one that it names."""
    if examination.cause in CAUSES:
        return CAUSES.index(examination.cause)
    if not examination.before:
        return len(CAUSES)
    if examination.before not in CAUSES:
        raise ValueError(
            f"The cause {examination.cause} is placed before {examination.before!r}: it must be before one "
            f"of {', '.join(CAUSES)}."
        )
    return CAUSES.index(examination.before) - 0.5


__all__ = ["CAUSES", "Diagnosis", "Examination", "RunUnderExamination", "diagnose"]
