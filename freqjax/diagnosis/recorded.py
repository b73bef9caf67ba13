"""Causes that show in the gradients of a run, as it recorded them: not finite, too large, or nothing."""

from __future__ import annotations

import math
from typing import Any

from freqjax.diagnosis import gradients
from freqjax.diagnosis.examined import RunUnderExamination
from freqjax.tasks.examination import Examination
from freqjax.training.monitors import EXPLODING_NORM, VANISHING_NORM

# Gradients are too large where they are so in this share of the epochs.
_EXPLODED_SHARE = 0.25
# Thresholds of gradients are for losses of size one: if the constant predictor's loss is larger, gradients
# may be larger, and if it is below a quarter, they may be smaller.
_SMALL_LOSS = 4.0


def non_finite(run: RunUnderExamination) -> Examination:
    """Check whether a number of the run, or its output, is not finite."""
    bad = _first_bad(run)
    finite = run.evaluation.is_finite and math.isfinite(run.test_loss)
    words = "Every loss and gradient is finite, and so is the output."
    if bad is not None:
        said = next(iter(_named(bad)), f"the loss of epoch {bad['epoch']} is not finite")
        words = f"{said[0].upper()}{said[1:]}."
    elif not finite:
        words = "The output of the kept weights is not finite."
    return Examination(
        cause="non_finite",
        found=bad is not None or not finite,
        words=words,
        evidence={
            "epoch": None if bad is None else bad["epoch"],
            "step": None if bad is None else bad["step"],
            "largest_gradient_norm": _largest(run),
        },
        threshold="any loss, gradient or output that is not finite: nothing after it means anything",
        experiment=run.command(_smaller_steps(run)),
        refuted_if="a number is still not finite",
        advice="Make the steps smaller, and clip the gradient if there is one; if it stays, look at the "
        "first bad rows.",
    )


def _first_bad(run: RunUnderExamination) -> dict[str, Any] | None:
    """Return the first row with a number that is not finite."""
    return next((row for row in run.rows if row["loss"] is None or _named(row)), None)


def _smaller_steps(run: RunUnderExamination) -> str:
    """Return the change of the field that sets the size of the steps: for a filter, that of its prior."""
    if run.config.is_filter:
        return f"optimizer.relative_prior={run.config.optimizer.relative_prior / 3:g}"
    return f"optimizer.learning_rate={min(1e-3, _lower(run)):g}"


def _lower(run: RunUnderExamination) -> float:
    return run.config.optimizer.learning_rate / 10


def _named(row: dict[str, Any]) -> list[str]:
    return [alert for alert in row["alerts"] if alert.startswith("non-finite")]


def exploding_gradient(run: RunUnderExamination) -> Examination:
    """Tell whether the gradient was too large before it was clipped, from the first epoch on, and often.

    Where the first epoch has no finite one, or later numbers are not finite, it is taken again at the first
    weights: what is too large there is what blew up the numbers.
    """
    largest, layer, epoch = _extreme_layer(run, largest=True)
    most = EXPLODING_NORM * max(1.0, run.constant_loss)
    first = _norm_at_first(run)
    norms = [row["grad_norm"] for row in run.rows if row.get("grad_norm") is not None]
    share = sum(norm > most for norm in norms) / len(norms) if norms else 0.0
    if first is not None:
        found = not first <= most
        size = f"{first:.3g}" if math.isfinite(first) else "not finite"
        words = f"At the first weights, before any update, the gradient is {size}."
    elif norms:
        found = share >= _EXPLODED_SHARE and norms[0] > most
        if found and _first_bad(run) is not None:
            first = _at_first(run)
        words = (
            f"The mean gradient before clipping was above {most:g} in {share:.0%} of the epochs; the largest "
            f"was {_number(largest)}, in {layer} in epoch {epoch}."
        )
    else:
        found, words = None, "No gradient was recorded."
    starts = "rotor, orthogonal" if run.has_rotors else "orthogonal"
    start = "unit_forget" if run.config.network.initializer == "orthogonal" else "orthogonal"
    return Examination(
        cause="exploding_gradient",
        found=found,
        words=words,
        evidence={
            "share_of_epochs": share,
            "largest_norm": largest,
            "layer": layer,
            "epoch": epoch,
            "first_norm": first,
        },
        threshold=(
            f"a norm at the first weights above {most:g}; or an epoch's mean above it, in the first and in "
            f"at least {_EXPLODED_SHARE:.0%} of the epochs: first weights are right in nothing, and errors "
            "of size one give norms near one unless the recurrence multiplies them. Nearly right weights may "
            "have hundreds later on, and a single spike is clipped and passes"
        ),
        experiment=run.command(f"network.initializer={start}"),
        advice=f"Start from weights that keep an error's size ({starts}); clip; cut it sooner.",
        before="non_finite" if found and first is not None and not first <= most else "",
    )


def _norm_at_first(run: RunUnderExamination) -> float | None:
    """Return the norm of the gradient at the first weights; None where the first epoch has recorded one."""
    recorded = not run.rows or run.rows[0].get("grad_norm", 0.0) is not None
    return None if recorded else _at_first(run)


def _at_first(run: RunUnderExamination) -> float:
    rows = gradients.affordable(run.train_rows)
    return gradients.norm_at(run.network, run.task, run.initial_params, rows, run.window)


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}"


def vanishing_gradient(run: RunUnderExamination) -> Examination:
    """Check whether a layer's gradient was negligible from the first epoch on, and in most epochs."""
    least = VANISHING_NORM * min(1.0, _SMALL_LOSS * run.constant_loss)
    dead = _dead_layers(run, least)
    begun = run.config.network.initializer
    start = [f"network.initializer={'unit_forget' if begun == 'orthogonal' else 'orthogonal'}"]
    if run.has_rotors and begun != "rotor":
        start = ["network.initializer=rotor", "network.learned_carry=true", *run.to_one_lstm]
    return Examination(
        cause="vanishing_gradient",
        found=bool(dead) if _recorded(run) else None,
        words=(
            "No gradient was recorded."
            if not _recorded(run)
            else "No gradient at all reached "
            + ", ".join(f"{name} ({share:.0%} of the epochs)" for name, share in dead.items())
            + "."
            if dead
            else "Every layer had a gradient at first or in most epochs."
        ),
        evidence={
            "share_of_epochs_per_layer": dead,
            "smallest_norm": _extreme_layer(run, largest=False)[0],
        },
        threshold=(
            f"the largest norm in an epoch below {least:g}, in the first epoch and in at least half "
            "of them: beside losses of size one only rounding errors are left in float32, and a gradient "
            "that vanishes later has another cause"
        ),
        experiment=run.command(*start),
        advice="Start from gates that are half open (any initialiser here); scale inputs to size one.",
    )


def _largest(run: RunUnderExamination) -> float | None:
    norms = [row["grad_norm_max"] for row in run.rows if row.get("grad_norm_max") is not None]
    return max(norms, default=None)


def _extreme_layer(
    run: RunUnderExamination, *, largest: bool
) -> tuple[float | None, str | None, int | None]:
    """Return (norm, layer, epoch) of the largest or smallest of the epochs' maxima."""
    norms = [
        (norm, name, row["epoch"])
        for row in run.rows
        for name, norm in row.get("grad_norm_max_per_layer", {}).items()
        if norm is not None
    ]
    pick = max if largest else min
    return pick(norms, default=(None, None, None))


def _recorded(run: RunUnderExamination) -> bool:
    """Return whether any epoch has a finite gradient norm."""
    return any(
        norm is not None
        for row in run.rows
        for norm in row.get("grad_norm_max_per_layer", {}).values()
    )


def _dead_layers(run: RunUnderExamination, least: float) -> dict[str, float]:
    """Return the share of epochs without a gradient, for layers without one at first and in at least half."""
    counts: dict[str, int] = {}
    first = run.rows[0].get("grad_norm_max_per_layer", {}) if run.rows else {}
    dead = {name for name, norm in first.items() if norm is not None and norm < least}
    for row in run.rows:
        for name, norm in row.get("grad_norm_max_per_layer", {}).items():
            counts[name] = counts.get(name, 0) + (norm is not None and norm < least)
    shares = {name: count / len(run.rows) for name, count in counts.items()}
    return {name: share for name, share in shares.items() if name in dead and share >= 0.5}
