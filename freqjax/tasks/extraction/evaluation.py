"""Evaluation of frozen weights on extraction: errors, tones, probes and limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from freqjax import progress
from freqjax.tasks.evaluation import Evaluation, Frozen, Section, Table
from freqjax.tasks.examination import GOAL_SHARE
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.scores import score_outputs
from freqjax.tasks.scoring import constant_outputs
from freqjax.text import number

if TYPE_CHECKING:
    from freqjax.tasks.extraction.task import Extraction

# Columns of the table of tones: heading → key of a tone in summary.json.
_TONES = {
    "amplitude": "amplitude_ratio",
    "correlation": "correlation",
    "R²": "r2",
    "SI-SDR, dB": "si_sdr_db",
    "frequency error, mHz": "frequency_error_mhz",
    "phase drift, rad": "phase_drift_rad",
}
_LATE = "mse_after_1s_per_frequency"


def evaluate(task: Extraction, frozen: Frozen) -> Evaluation:
    """Evaluate frozen weights on the training rows, the test rows and the probes; find the limits.

    If streams start at random, no estimator knows the phase at first: the burn-in is not judged, or the first
    second if there is none.
    """
    train_rows, test_rows = frozen.batch("train"), frozen.batch("test")
    assert train_rows is not None and test_rows is not None  # as `Extraction.split` gives them
    train = task.measure(frozen.outputs("train"), train_rows)
    test = task.measure(frozen.outputs("test"), test_rows)
    with progress.phase("baselines and limit"):
        limit = task.limits(test_rows)
    probes = task.probe(frozen.run)
    zero, late = test["zero_predictor_mse"], test.get(_LATE)
    errors = late or test["mse_per_frequency"]
    constant = score_outputs(
        task.config,
        constant_outputs(task, frozen)[..., 0],
        np.asarray(test_rows.targets[..., 0]),
        np.asarray(test_rows.group),
    )
    scores = {"constant": constant, **limit["baselines"]}
    least = limit["bayes_after_1s_per_frequency"] if late else limit["bayes_mse_per_frequency"]
    return Evaluation(
        score=float(np.mean(errors)) if late else test["mse"],
        score_name=task.objective.label,
        higher_is_better=False,
        goal=GOAL_SHARE * zero,
        per_group=errors,
        baselines={
            **{name: _judged(score, bool(late)) for name, score in scores.items()},
            "zero": zero,
        },
        limit=None if least is None else float(np.mean(least)),
        limit_note=limit["note"],
        limit_per_group=least,
        loss=float(np.mean(errors)) if late else test["mse"],
        loss_name=task.objective.label,
        losses=errors,
        constant_loss=zero,
        constant_name=task.constant_name,
        when=_when(task.config),
        metrics={
            "train": {key: train[key] for key in ("mse", "mse_per_frequency")},
            "test": test,
            "zero_predictor_mse": zero,
            "limit": limit,
            "probes": probes,
        },
        sections=(tones(task, test), possible(task, test, limit), clock_or_locker(task, probes)),
    )


def _judged(score: dict[str, Any], late: bool) -> float:
    return float(np.mean(score[_LATE])) if late else score["mse"]


def tones(task: Extraction, test: dict[str, Any]) -> Section:
    """Compare each output with its sine, from `Extraction.measure` on the test rows."""
    rows = [
        (name, *(None if tone[key] is None else f"{tone[key]:.3g}" for key in _TONES.values()))
        for name, tone in zip(task.group_names, test["tones"], strict=True)
    ]
    return Section(
        title="Tones",
        words=(
            "On the test rows, frozen. SI-SDR does not see the amplitude: read it beside the first column.",
        ),
        table=Table(("", *_TONES), rows),
    )


def possible(task: Extraction, test: dict[str, Any], limit: dict[str, Any]) -> Section:
    """Compare the network's error with the least possible one and with the baselines."""
    late = limit["bayes_after_1s_per_frequency"] or test.get(_LATE)
    key = _LATE if late else "mse_per_frequency"
    columns = {
        "network": test.get(key),
        "limit": limit["bayes_after_1s_per_frequency" if late else "bayes_mse_per_frequency"],
    }
    columns |= {
        name.replace("_", " ").capitalize(): score[key]
        for name, score in limit["baselines"].items()
    }
    rows = [
        (group, *(values[row] if values else None for values in columns.values()))
        for row, group in enumerate(task.group_names)
    ]
    network, least = (_mean(columns[name]) for name in ("network", "limit"))
    when = _when(task.config)
    return Section(
        title="What is possible",
        words=tuple(filter(None, (_above_the_limit(limit, network, least, when), limit["note"]))),
        table=Table(("", *columns), rows),
    )


def _when(config: ExtractionConfig) -> str:
    """Return which samples are judged, as words after a number; empty for all."""
    if not config.unjudged_samples:
        return ""
    usual = config.burn_in in (0, 1)
    return " after the first second" if usual else f" after the first {config.burn_in:g} s"


def _mean(values: Sequence[float] | None) -> float | None:
    mean = None if values is None else float(np.mean(values))
    return mean if mean is not None and np.isfinite(mean) else None


def _above_the_limit(
    limit: dict[str, Any], network: float | None, least: float | None, when: str
) -> str:
    """Describe in sentences how far the error is above the least possible one; empty if that is not known."""
    if network is None:
        said = "The output is not finite: it cannot be compared with what is possible."
    elif least is None:
        linear = limit["linear_mmse"]
        if linear is None:
            return ""
        said = f"The best linear estimate has {number(linear)} over a whole stream."
    elif least == 0:
        said = f"The least possible error{when} is 0, so that the network's {number(network)} is all its own."
    else:
        said = (
            f"The network's {number(network)}{when} is {network / least:.3g} times the least possible, "
            f"{number(least)}."
        )
    if limit["bayes_mse"] and when:
        said += (
            f" Over whole streams no estimator is below {number(limit['bayes_mse'])} on average "
            f"({number(limit['bayes_low'])} to {number(limit['bayes_high'])}), and no linear estimate "
            f"below {number(limit['linear_mmse'])}."
        )
    return said


def clock_or_locker(task: Extraction, probes: dict[str, Any]) -> Section:
    """Describe the verdict of the probes, with the MSE under each."""
    rows = [(row["probe"], *row["mse_per_frequency"]) for row in probes["table"]]
    return Section(
        title="Clock or locker?",
        words=(probes["words"],),
        table=Table(("", *task.group_names), rows),
    )
