"""Diagnosis of a run: the ranked causes of its error, each with evidence and an experiment to refute it.

A cause ranks before those that it may produce or imitate. Numbers that are not finite make all later results
meaningless. Next are the limit of the information; gradients that vanish or explode from the first epoch on,
weight chasing and forgetting, whose evidence is unambiguous; a wrong learning rate; overfitting; truncated
gradients; and last the capacity of the network. A task places its own causes among them: errors in its rows
before all others, possible symptoms of other causes after all others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from freqjax.diagnosis import recorded, tried
from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.diagnosis.limit import information_limit
from freqjax.tasks.examination import Examination
from freqjax.training.monitors import finite_or_null

# Causes of any task, in order of rank.
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
    """Result of a diagnosis.

    Attributes:
      healthy: whether the run has reached its goal, so that no cause was looked for.
      examinations: one per cause; first those that explain the error, then the others, by rank.
    """

    healthy: bool
    examinations: list[Examination]

    @property
    def causes(self) -> list[Examination]:
        """Causes that were found, in order of rank."""
        return [e for e in self.examinations if e.found]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the content of diagnosis.json: the causes in order of rank; empty if there are none."""
        return [
            finite_or_null({"cause": e.cause, "rank": rank, **_rest(e)})
            for rank, e in enumerate(self.causes, 1)
        ]


def _rest(examination: Examination) -> dict[str, Any]:
    fields = examination._asdict()
    kept = ("words", "evidence", "threshold", "experiment", "refuted_if", "advice")
    return {name: fields[name] for name in kept}


def diagnose(run: RunUnderExamination) -> Diagnosis:
    """Look for every cause, the cheap ones first; the run is not changed.

    Before the first update only the rows and the limit are examined.
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
    """Return the index of a cause in `CAUSES`, or half a place before the one that it names."""
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
