"""Causes that a trial tells best: a gradient that is not cut, another width, no decay of the weights."""

from __future__ import annotations

import dataclasses
from typing import Any

from freqjax.diagnosis import gradients
from freqjax.diagnosis.examined import RunUnderExamination, mean_error
from freqjax.diagnosis.mending import (
    MENDED_SHARE,
    Beside,
    finite_or_none,
    mends,
    mends_beside,
    said,
)
from freqjax.diagnosis.trial import Trial, retrain
from freqjax.tasks import Sequences
from freqjax.tasks.constructible import Constructible, Solution
from freqjax.tasks.examination import Examination
from freqjax.text import number

# A cut gradient that sees less than this share of the whole slope is too short.
_SLOPE_SHARE = 1 / 3
_WIDER = 8
# For a whole gradient or a wider network: some seconds on one core.
_WORK = 1e10


def gradient_truncation(run: RunUnderExamination, beside: Beside | None = None) -> Examination:
    """Tell whether the gradient was cut before the error could reach what caused it.

    With `beside` another fault of the recipe is mended where the whole gradient is tried.
    """
    found, evidence, solution = False, {}, _solution(run)
    words = "The gradient is propagated through the whole block: it is not truncated"
    if run.config.train.regime == "windows":
        words = (
            f"The gradient is propagated through all {run.window} samples of a window; the effect of the "
            "window is included in the limit"
        )
    elif run.window < run.task.samples:
        rows = gradients.affordable(run.train_rows)
        words, evidence = _at_the_last_weights(run, rows)
        if solution is not None and solution.is_only:
            found, more, seen = _near_the_solution(run, rows, solution)
        else:
            words += ": weights that remember nothing have nothing to lose by the cut, so that tells nothing"
            found, more, seen = _with_the_whole_gradient(run, beside)
        words, evidence = f"{words}. {more}", evidence | seen
    longer = (
        "Propagate the gradient through the block (train.regime=full), over lengthening horizons."
    )
    if not run.has_horizons:
        longer = "Propagate the gradient through whole sequences (train.truncation)."
    return Examination(
        cause="gradient_truncation",
        found=found,
        words=f"{words}.",
        evidence=evidence,
        threshold=_truncation_threshold(solution),
        experiment=run.command(*run.uncut)
        if f"uncut_{run.metric}" in evidence
        else run.through_time,
        advice=longer,
        # Rows that are learned by heart because of the cut are its consequence.
        before="overfitting" if found and evidence.get("mends_the_test") else "",
    )


def may_be_cut(run: RunUnderExamination) -> bool:
    """Tell whether only a trial can say what the cut of the gradient costs."""
    shorter = run.window < run.task.samples and run.config.train.regime != "windows"
    solution = _solution(run)
    return shorter and (solution is None or not solution.is_only)


def uncut(run: RunUnderExamination) -> Beside:
    """Return the run's recipe with a gradient through whole blocks."""
    train = dataclasses.replace(
        run.config.train,
        regime="tbptt",
        truncation=run.task.samples,
        gradient="auto",
        state_correction=False,
    )
    config = dataclasses.replace(run.config, train=train)
    return Beside(config, "with the whole gradient", tuple(run.uncut))


def _at_the_last_weights(run: RunUnderExamination, rows: Sequences) -> tuple[str, dict[str, Any]]:
    """Compare cut and whole gradient at the run's last weights: words and numbers.

    They tell nothing alone: weights that remember nothing lose nothing by the cut, and at weights that are
    nearly right what is left of either gradient is noise.
    """
    own = gradients.compare(run.network, run.task, run.last_params, rows, run.window)
    evidence = {
        "truncation": run.window,
        "samples": own.samples,
        "cosine": own.cosine,
        "norm_ratio": own.norm_ratio,
    }
    if own.cosine is None or own.norm_ratio is None:
        return "At the run's last weights there is no gradient to compare", evidence
    words = (
        f"At the run's last weights the gradient truncated after {run.window} samples has a cosine of "
        f"{own.cosine:.3g} with the full one and {own.norm_ratio:.3g} of its norm"
    )
    return words, evidence


def _near_the_solution(
    run: RunUnderExamination, rows: Sequences, solution: Solution
) -> tuple[bool, str, dict[str, Any]]:
    """Compare the slopes at weights that are nearly right: what that tells, words and numbers."""
    near = solution.nearly(rows.inputs.shape[1])
    seen = gradients.slope_seen(near, run.task, rows, run.window)
    share = max(seen)
    words = f"At {near.words} it sees {share:.2g} of the slope that would mend it"
    if share < _SLOPE_SHARE:
        words += ": weights that remember nothing have nothing to lose by the cut"
        words += ", and never learn to remember"
    evidence = {f"{solution.name}_slope_share": seen, **near.evidence}
    return share < _SLOPE_SHARE, words, evidence


def _with_the_whole_gradient(
    run: RunUnderExamination, beside: Beside | None
) -> tuple[bool | None, str, dict[str, Any]]:
    """Train with the full gradient in a trial; return finding, words and numbers.

    A task that only a known solution solves needs no trial, which takes longer and tells less.
    """
    if run.knows_its_rows and run.test_error < run.goal:
        return False, "All rows are learned: the cut one did for them", {}
    base = run.config if beside is None else beside.config
    config = dataclasses.replace(base, train=uncut(run).config.train)
    whole, cut = _both(run, config, base)
    if whole is None or cut is None:
        return None, "The same recipe with a whole gradient is too dear to try", {}
    reached, same = whole.errors[0], cut.errors[0]
    words = (
        f"From the same start{'' if beside is None else f' {beside.words}'}, {whole.updates} updates with a "
        f"gradient through all {run.task.samples} samples reach a frozen error of {said(reached)}; "
        f"{cut.updates} with the cut one reach {said(same)}, and the run kept {said(run.kept_train_error)}"
    )
    found = _verdict(run, whole, reached, same, beside) or _mends_the_test(run, whole, cut)
    return (
        found,
        words,
        {
            "updates": whole.updates,
            **_errors(run, "uncut", reached, same),
            f"uncut_test_{run.metric}": finite_or_none(whole.test_errors[0]),
            "mends_the_test": _mends_the_test(run, whole, cut),
        },
    )


def _mends_the_test(run: RunUnderExamination, whole: Trial, cut: Trial) -> bool:
    """Tell whether the whole gradient learns what the cut one can only learn by heart, if at all."""
    reached, same = whole.test_errors[0], cut.test_errors[0]
    best = min(same, run.test_error, run.constant_loss)
    return same >= run.goal and reached < MENDED_SHARE * best


def _both(run: RunUnderExamination, changed: Any, base: Any) -> tuple[Trial | None, Trial | None]:
    """Train with a change of the recipe, and without it for as many updates."""
    with_change = retrain(run, (1.0,), _WORK, config=changed)
    if with_change is None:
        return None, None
    return with_change, retrain(run, (1.0,), _WORK, config=base, most=with_change.updates)


def _verdict(
    run: RunUnderExamination, trial: Trial, reached: float, same: float, beside: Beside | None
) -> bool | None:
    found = (mends if beside is None else mends_beside)(run, reached, same)
    return found or (False if trial.tells(run) else None)


def _errors(run: RunUnderExamination, name: str, reached: float, same: float) -> dict[str, Any]:
    return {
        f"{name}_{run.metric}": finite_or_none(reached),
        f"same_{run.metric}": finite_or_none(same),
        f"kept_{run.metric}": finite_or_none(run.kept_train_error),
    }


def _truncation_threshold(solution: Solution | None) -> str:
    if solution is not None and solution.is_only:
        return (
            f"at a nearly right {solution.name} the cut gradient sees less than {_SLOPE_SHARE:.2g} of the "
            f"slope along {solution.along}, about K / T"
        )
    return f"a whole gradient alone takes at least {MENDED_SHARE:.0%} of the error away"


def _solution(run: RunUnderExamination) -> Solution | None:
    """Return the known weights that solve the task of the run, or None."""
    return run.task.solution() if isinstance(run.task, Constructible) else None


def capacity(run: RunUnderExamination, beside: Beside | None = None) -> Examination:
    """Tell whether more units would have done what these could not; with `beside` in another recipe."""
    hidden = run.config.network.hidden_size
    refuted = _refuted_by_solution(run)
    if refuted is not None:
        return refuted
    if not run.uses_rate:
        return _capacity(run, None, "The curriculum's steps are too dear to repeat wider.", {})
    if run.knows_its_rows:
        return _capacity(run, False, "The training rows are learned: these units did for them.", {})
    base = run.config if beside is None else beside.config
    wide = hidden * _WIDER
    wider, narrow = _both(run, _of_width(base, wide), base)
    if narrow is None or wider is None:
        return _capacity(run, None, f"Too dear to try: the same recipe with {wide} units.", {})
    reached, same = wider.errors[0], narrow.errors[0]
    words = (
        f"From the same recipe{'' if beside is None else f' {beside.words}'}, {wider.updates} updates with "
        f"{wide} units reach a frozen error of {said(reached)}; with {hidden} they reach {said(same)}, and "
        f"the run kept {said(run.kept_train_error)}."
    )
    evidence = {"hidden_size": hidden, "wider": wide, "updates": wider.updates}
    evidence |= _errors(run, "wider", reached, same)
    return _capacity(run, _verdict(run, wider, reached, same, beside), words, evidence)


def wider(run: RunUnderExamination) -> Beside:
    """Return the run's recipe with as many units as `capacity` tries."""
    wide = _WIDER * run.config.network.hidden_size
    changes = (f"network.hidden_size={wide}",)
    return Beside(_of_width(run.config, wide), f"with {wide} units", changes)


def _of_width(config: Any, hidden: int) -> Any:
    network = dataclasses.replace(config.network, hidden_size=hidden)
    return dataclasses.replace(config, network=network)


def _refuted_by_solution(run: RunUnderExamination) -> Examination | None:
    """Construct a known solution in a network of this size, which shows what it can represent."""
    solution = _solution(run)
    params = None if solution is None else solution.params_of(run.network)
    if solution is None or params is None:
        return None
    hidden, test = run.config.network.hidden_size, run.prepared.batches["test"]
    outputs = run.prepared.frozen(params).outputs("test")
    error = mean_error(outputs, run.task.sequences(test), run.task)
    if error >= run.goal:
        return None
    words = (
        f"{hidden} units are enough: with the weights of a {solution.name} (constructed, not learned) the "
        f"error on the test rows is {number(error)}."
    )
    return _capacity(run, False, words, {"hidden_size": hidden, f"constructed_{run.metric}": error})


def _capacity(
    run: RunUnderExamination, found: bool | None, words: str, evidence: dict[str, Any]
) -> Examination:
    hidden = run.config.network.hidden_size
    return Examination(
        cause="capacity",
        found=found,
        words=words,
        evidence=evidence,
        threshold=(
            "weights of this size that solve the task refute it; where none can be written down, it is found "
            f"where {_WIDER} times as many units alone take at least {MENDED_SHARE:.0%} of the error away"
        ),
        experiment=run.command(f"network.hidden_size={hidden * _WIDER}"),
        advice=f"Raise network.hidden_size above {hidden}.",
    )


def weight_decay(run: RunUnderExamination) -> Examination:
    """Tell whether the weights were shrunk faster than they could be learned."""
    decay, found, evidence = run.config.optimizer.weight_decay, False, {}
    words = "The weights do not decay."
    if decay and not run.uses_rate:
        found, words = None, "The curriculum's steps have no decay."
    elif decay and run.knows_its_rows:
        words = "The training rows are learned: the decay let them be."
    elif decay:
        optimizer = dataclasses.replace(run.config.optimizer, weight_decay=0.0)
        free, same = _both(run, dataclasses.replace(run.config, optimizer=optimizer), run.config)
        found, words = None, "Too dear to try: the same recipe without decay."
        if free is not None and same is not None:
            found = _verdict(run, free, free.errors[0], same.errors[0], None)
            words = (
                f"From the same start, {free.updates} updates without decay reach a frozen error of "
                f"{said(free.errors[0])}; with a decay of {decay:g} they reach {said(same.errors[0])}, and "
                f"the run kept {said(run.kept_train_error)}."
            )
            evidence = _errors(run, "undecayed", free.errors[0], same.errors[0])
    return Examination(
        cause="weight_decay",
        found=found,
        words=words,
        evidence={"weight_decay": decay, **evidence},
        threshold=f"no decay alone takes at least {MENDED_SHARE:.0%} of the error away",
        experiment=run.command(f"optimizer.weight_decay={0 if decay else 1e-3:g}"),
        advice="Lower optimizer.weight_decay by a decade at a time, or set it to 0.",
    )
