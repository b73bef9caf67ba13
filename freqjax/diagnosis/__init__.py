"""Diagnosis of a run: the ranked causes of its error, each with evidence and an experiment to refute it.

They are ranked in the order of explanation. A number that is not finite makes everything after it
meaningless. Then comes what cannot be known; then a gradient that is nothing or far too much from the first
epoch on, and what was learned and lost, which nothing else looks like; then a run that ended too soon, and
steps of the wrong size; then what was learned of the training rows alone; then credit that could not be
assigned; and last what the network could not hold, a schedule that never acted, and what the network could
not keep. A task places its own causes among them: what is wrong with its rows before all, what may be a
symptom of any other cause after all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from freqjax import progress
from freqjax.diagnosis import losses, rates, recorded, tried
from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.diagnosis.idle import schedule_idle
from freqjax.diagnosis.limit import information_limit
from freqjax.diagnosis.mending import MENDED_SHARE, Beside
from freqjax.diagnosis.starts import explained_by_the_start
from freqjax.diagnosis.stopped import stopped_early
from freqjax.tasks.examination import Examination
from freqjax.training.monitors import finite_or_null

T = TypeVar("T")

# Causes of any task, in order of rank.
CAUSES = (
    "non_finite",
    "information_limit",
    "vanishing_gradient",
    "exploding_gradient",
    "forgetting",
    "schedule_stopped",
    "needs_epochs",
    "learning_rate_high",
    "learning_rate_low",
    "overfitting",
    "weight_chasing",
    "gradient_truncation",
    "capacity",
    "schedule_idle",
    "weight_decay",
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

    Before the first update there is no run to explain: only rows and what is possible are examined. Of a run
    that has reached its goal only those causes are kept that stand nevertheless.
    """
    if run.healthy:
        found = [e for e in run.task.checks(run.evidence) if e.found and e.even_if_healthy]
        return Diagnosis(not found, found)
    # A filter has no gradient norms, no learning rate, no decay and no truncated gradient to be mended.
    has_recipe = run.updated and not run.config.is_filter
    count = 2 + len(_RECORDED) * run.updated + (len(_OF_GRADIENTS) + _OF_RECIPES) * has_recipe
    with progress.phase("causes", count, even=False) as phase:
        probes = _Probes(phase)
        found = [*probes.make("the rows", run.task.checks, run.evidence)]
        found.append(probes.make("the limit", information_limit, run))
        wrong_rows = any(e.found and e.before == CAUSES[0] for e in found)
        if run.updated:
            found += [probes.make(name, probe, run) for name, probe in _RECORDED.items()]
        if has_recipe:
            found += [probes.make(name, probe, run) for name, probe in _OF_GRADIENTS.items()]
            found += _recipe(run, probes, wrong_rows=wrong_rows)
            found = probes.make(
                "the start", explained_by_the_start, run, found, wrong_rows=wrong_rows
            )
    placed = {e.cause: e.before for e in found}
    found.sort(key=lambda e: (not e.found, _rank(e.cause, placed)))
    return Diagnosis(False, found)


class _Probes:
    """Probes of a diagnosis, counted as they are made."""

    def __init__(self, phase: progress.Phase) -> None:
        self._phase, self._made = phase, 0

    def make(self, name: str, probe: Callable[..., T], *given: Any, **options: Any) -> T:
        """Return the result of a probe, while its name is told."""
        self._phase.advance(self._made, name)
        result = probe(*given, **options)
        self._made += 1
        self._phase.advance(self._made)
        return result


# Probes by name: of what was recorded, of any trainer and of gradients.
_RECORDED = {
    "finite numbers": recorded.non_finite,
    "forgetting": losses.forgetting,
    "overfitting": losses.overfitting,
    "weight chasing": losses.weight_chasing,
}
_OF_GRADIENTS = {
    "exploding gradient": recorded.exploding_gradient,
    "vanishing gradient": recorded.vanishing_gradient,
    "schedule": schedule_idle,
}
# How many `_recipe` makes, and the start; two faults at once are looked for within these.
_OF_RECIPES = 6


def _recipe(run: RunUnderExamination, probes: _Probes, *, wrong_rows: bool) -> list[Examination]:
    """Look for what is wrong with rate, gradient, width and length of the run, alone and two at once.

    Where two are wrong, mending one of them mends nothing: what was not found alone is looked for once more
    in the recipe in which what was found is mended; and where nothing was, the rate beside either other.
    """
    base = run.config.optimizer.learning_rate
    rate = probes.make("learning rate", rates.learning_rate, run)
    scale = rates.better_scale(rate, base)
    beside = None if scale is None else rates.at(run, scale)
    truncation = probes.make("truncated gradient", tried.gradient_truncation, run, beside)
    capacity = probes.make("capacity", tried.capacity, run, beside)
    if scale is None:
        for other in _others(run, truncation, capacity):
            pair = rates.learning_rate(run, other)
            scale = rates.better_scale(pair, base)
            if scale is not None:
                rate, beside = pair, rates.at(run, scale)
                if not truncation.found:
                    truncation = tried.gradient_truncation(run, beside)
                if not capacity.found:
                    capacity = tried.capacity(run, beside)
                truncation, capacity = _not_hidden(run, rate, truncation, capacity)
                break
    better = [e.evidence[f"better_{run.metric}"] for e in rate if e.found]
    if truncation.found and better and truncation.before != "learning_rate_high":
        truncation = _beside_a_rate(run, rate, truncation)
    decay = probes.make("weight decay", tried.weight_decay, run)
    if decay.found and better and decay.evidence[f"undecayed_{run.metric}"] < better[0]:
        # The better rate only outruns the decay.
        decay = decay._replace(before="learning_rate_high")
    stopped = probes.make("more epochs", stopped_early, run, wrong_rows=wrong_rows)
    return [*_by_effect(stopped, rate, run.metric), *rate, truncation, capacity, decay]


def _not_hidden(
    run: RunUnderExamination, rates: Sequence[Examination], *others: Examination
) -> list[Examination]:
    """Place faults before a rate that is wrong beside them alone, if mending them mends most without it."""
    same = next(e.evidence[f"same_{run.metric}"] for e in rates if e.found)
    worst = min(run.kept_train_error, run.initial_train_error, run.constant_loss)
    if same is None or same >= MENDED_SHARE * worst:
        return list(others)
    return [e._replace(before="learning_rate_high") if e.found else e for e in others]


def _beside_a_rate(
    run: RunUnderExamination, rates: Sequence[Examination], truncation: Examination
) -> Examination:
    """Place the cut of a gradient before a wrong rate, where a better rate only does less harm.

    It does if it does not reach the goal, or on the training rows alone, while the whole gradient at the
    run's own rate reaches it on the test rows too: what the cut hides stays.
    """
    rate = next(e.evidence for e in rates if e.found)
    first = truncation._replace(before="learning_rate_high")
    if rate[f"better_{run.metric}"] >= run.goal:
        return first
    reached = f"uncut_test_{run.metric}"
    tested = rate[f"better_test_{run.metric}"]
    if reached not in truncation.evidence or (tested is not None and tested < run.goal):
        return truncation
    alone = tried.gradient_truncation(run)
    whole = alone.evidence.get(reached)
    if alone.found and whole is not None and whole < run.goal:
        return alone._replace(before="learning_rate_high")
    return truncation


def _others(
    run: RunUnderExamination, truncation: Examination, capacity: Examination
) -> list[Beside]:
    """Return the recipes in which a wrong rate may show: without what was found, or what may be wrong."""
    found = _mended(run, truncation, capacity)
    if found is not None:
        return [found]
    if not run.uses_rate or run.knows_its_rows:
        return []
    others = [tried.uncut(run)] if tried.may_be_cut(run) else []
    refuted = any(name.startswith("constructed_") for name in capacity.evidence)
    return others if refuted else [*others, tried.wider(run)]


def _mended(
    run: RunUnderExamination, truncation: Examination, capacity: Examination
) -> Beside | None:
    """Return the run's recipe without those of the two faults that were found; None where none was."""
    beside = None
    if truncation.found:
        beside = tried.uncut(run)
    if capacity.found:
        wide = tried.wider(run)
        if beside is None:
            return wide
        config = dataclasses.replace(beside.config, network=wide.config.network)
        words, changes = f"{beside.words} and {wide.words}", (*beside.changes, *wide.changes)
        beside = Beside(config, words, changes)
    return beside


def _by_effect(
    stopped: tuple[Examination, Examination],
    rates: tuple[Examination, Examination],
    metric: str,
) -> list[Examination]:
    """Place a run that ended too soon after the rate, where the better rate did more in less time."""
    better = [e.evidence[f"better_{metric}"] for e in rates if e.found]
    moved = []
    for examination in stopped:
        reached = examination.evidence.get(f"continued_{metric}")
        rate_first = better and reached is not None and better[0] < reached / 2
        moved.append(
            examination._replace(before="overfitting")
            if examination.found and rate_first
            else examination
        )
    return moved


def _rank(cause: str, placed: Mapping[str, str], step: float = 0.5) -> float:
    """Return where a cause stands among `CAUSES`: half a place before the one that it names in `placed`.

    If that one was placed before another itself, it takes along what was placed before it.
    """
    before = placed.get(cause, "")
    if not before:
        return CAUSES.index(cause) if cause in CAUSES else len(CAUSES)
    if before not in CAUSES:
        raise ValueError(
            f"The cause {cause} is placed before {before!r}: it must be before one of {', '.join(CAUSES)}."
        )
    return _rank(before, placed, step / 2) - step


__all__ = ["CAUSES", "Diagnosis", "Examination", "RunUnderExamination", "diagnose"]
