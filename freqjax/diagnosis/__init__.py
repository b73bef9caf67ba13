"""The causes that explain a run's error, ranked, each with its evidence and how to refute it.

The order of rank is the order of explanation: what is wrong with the rows makes everything after it
meaningless; then what cannot be known; then a gradient that is nothing or far too much from the first
epoch on, and what was learned and lost, which nothing else looks like; then steps of the wrong size; then
what was learned of the training rows alone; then credit that could not be assigned; then what the network
could not hold; and last what may be a symptom of any of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from freqjax.diagnosis import recorded, tried
from freqjax.diagnosis.patient import Patient
from freqjax.tasks.examination import Examination
from freqjax.training.monitors import finite_or_null

CAUSES = (
    "decimated_stream",
    "bad_data",
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
    "amplitude_collapse",
    "frequency_basin",
)


class Diagnosis(NamedTuple):
    """Everything that was looked for.

    Attributes:
      healthy: every component is below the goal: nothing else was looked for.
      examinations: one a cause, those that explain the error first, each part in order of rank.
    """

    healthy: bool
    examinations: list[Examination]

    @property
    def causes(self) -> list[Examination]:
        """Those that were found, in order of rank."""
        return [e for e in self.examinations if e.found]

    def to_json(self) -> list[dict[str, Any]]:
        """What diagnosis.json holds: the causes in order of rank; empty where nothing is wrong."""
        return [
            finite_or_null({"cause": e.cause, "rank": rank, **_rest(e)})
            for rank, e in enumerate(self.causes, 1)
        ]


def _rest(examination: Examination) -> dict[str, Any]:
    fields = examination._asdict()
    kept = ("words", "evidence", "threshold", "experiment", "refuted_if", "advice")
    return {name: fields[name] for name in kept}


def diagnose(patient: Patient) -> Diagnosis:
    """Look for every cause, the cheap ones first; nothing of the run is changed."""
    if patient.healthy:
        return Diagnosis(True, [])
    if not patient.updated:
        return Diagnosis(False, _before_the_first_update(patient))
    found = [
        *patient.examine_task(),
        recorded.non_finite(patient),
        recorded.information_limit(patient),
        recorded.exploding_gradient(patient),
        recorded.vanishing_gradient(patient),
        recorded.forgetting(patient),
        recorded.overfitting(patient),
        recorded.weight_chasing(patient),
        tried.gradient_truncation(patient),
        tried.capacity(patient),
        *tried.learning_rate(patient),
    ]
    found.sort(key=lambda e: (not e.found, CAUSES.index(e.cause)))
    return Diagnosis(False, found)


def _before_the_first_update(patient: Patient) -> list[Examination]:
    """What can be said of the rows and of what is possible, while there is no run to explain."""
    of_rows = {"decimated_stream", "bad_data"}
    return [
        *(e for e in patient.examine_task() if e.cause in of_rows),
        recorded.information_limit(patient),
    ]


__all__ = ["CAUSES", "Diagnosis", "Examination", "Patient", "diagnose"]
