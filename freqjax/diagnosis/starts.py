"""Other first weights as the mend of a run that found late, or never, what its first weights were far from.

A run that more epochs would mend may have spent its own at chance. Where the same recipe in as many updates
reaches the goal from weights near a solution, its start is the cause, and its length the consequence.
"""

from __future__ import annotations

from collections.abc import Sequence

from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.diagnosis.mending import finite_or_none, said
from freqjax.diagnosis.trial import retrain
from freqjax.tasks.examination import Examination

# A cause that is proven comes before this one.
_CONSEQUENCE = "needs_epochs"
_WORK = 1e10


def explained_by_the_start(
    run: RunUnderExamination, found: Sequence[Examination], *, wrong_rows: bool
) -> list[Examination]:
    """Place causes whose own mend reaches the goal in as many updates before a run that needs more of them.

    Where another rate mends the run as well, the start proves nothing. With `wrong_rows` the test rows are
    no judge.
    """
    causes = {e.cause for e in found if e.found}
    if _CONSEQUENCE not in causes or causes & {"learning_rate_high", "learning_rate_low"}:
        return list(found)
    return [
        _proven(run, e, wrong_rows=wrong_rows) if e.mend and e.found is not False else e
        for e in found
    ]


def _proven(run: RunUnderExamination, examination: Examination, *, wrong_rows: bool) -> Examination:
    changed = run.changed(examination.mend)
    schedule = "constant" if run.config.optimizer.schedule == "constant" else "cosine"
    trial = retrain(run, (1.0,), _WORK, config=changed, most=run.updates, schedule=schedule)
    if trial is None:
        return examination
    reached, tested = trial.errors[0], trial.test_errors[0]
    mended = reached < run.goal and (wrong_rows or tested < run.goal)
    return examination._replace(
        found=mended or examination.found,
        words=(
            f"{examination.words} With {', '.join(examination.mend)} alone, {trial.updates} updates reach a "
            f"frozen error of {said(reached)} on the training rows."
        ),
        evidence={
            **examination.evidence,
            f"near_start_{run.metric}": finite_or_none(reached),
            f"near_start_test_{run.metric}": finite_or_none(tested),
        },
        threshold=(
            f"{examination.threshold}. It comes before {_CONSEQUENCE} if other first weights alone reach the "
            "goal in as many updates"
        ),
        experiment=run.command(*examination.mend) if mended else examination.experiment,
        before=_CONSEQUENCE if mended else examination.before,
    )
