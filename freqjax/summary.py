"""What a run says at its end: summary.json, the same in words, and report.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from freqjax import devices
from freqjax.monitors import finite_or_null
from freqjax.networks import count_parameters
from freqjax.progress import duration, number
from freqjax.tasks import Blocks, Task
from freqjax.workdir import write_text

# A frozen error this many times the prequential one means that the weights chase the target.
CHASING_RATIO = 1.5


class Evaluated(NamedTuple):
    """Frozen-weight numbers on both sets of rows, the probes, and the outputs [B, T, O] on the test rows."""

    train: dict[str, Any]
    test: dict[str, Any]
    probes: dict[str, Any]
    test_outputs: np.ndarray


def evaluate(
    task: Task,
    run: Callable[[Blocks, str], np.ndarray],
    reset: str,
    train_blocks: Blocks,
    test_blocks: Blocks,
) -> Evaluated:
    """Run frozen weights over the training rows, the test rows and the task's probes.

    Args:
      task: whose numbers are reported.
      run: (blocks, reset) → outputs [B, T, O].
      reset: `task.reset` of the config.
      train_blocks: the training rows.
      test_blocks: the test rows.
    """
    test_outputs = run(test_blocks, reset)
    train = task.evaluate(run(train_blocks, reset), train_blocks)
    return Evaluated(train, task.evaluate(test_outputs, test_blocks), task.probe(run), test_outputs)


def assemble(
    evaluated: Evaluated,
    task: Task,
    params: Any,
    *,
    initializer: str,
    weights: str,
    prequential_mse: float | None = None,
    prequential_mse_per_group: Sequence[float | None] | None = None,
    frozen_prequential_ratio: float | None = None,
    wall_seconds: float | None = None,
    stop_reason: str | None = None,
    epochs: int | None = None,
    updates: int | None = None,
    distinct_rows: int | None = None,
) -> dict[str, Any]:
    """The object of summary.json and evaluation.json; what only training knows is null without it.

    `initializer` is how the weights began. `prequential_mse` is the loss of the last epoch, each row
    measured just before the update that learned from it; `frozen_prequential_ratio` the largest that
    any epoch showed. Every other MSE is with frozen weights.
    """
    train_mse, test_mse = evaluated.train["mse"], evaluated.test["mse"]
    kept = ("mse", f"mse_per_{task.group_label}")
    values = {
        "parameters": count_parameters(params),
        **task.describe(),
        "initializer": initializer,
        "weights": weights,
        "train": {key: evaluated.train[key] for key in kept},
        "test": evaluated.test,
        "train_test_ratio": train_mse / test_mse if test_mse else None,
        "prequential_mse": prequential_mse,
        f"prequential_mse_per_{task.group_label}": prequential_mse_per_group,
        "frozen_prequential_ratio": frozen_prequential_ratio,
        "zero_predictor_mse": evaluated.test["zero_predictor_mse"],
        "probes": evaluated.probes,
        "epochs": epochs,
        "updates": updates,
        "distinct_rows": distinct_rows,
        "wall_seconds": wall_seconds,
        "stop_reason": stop_reason,
        "versions": devices.versions(),
        "device": devices.describe(),
    }
    return finite_or_null(values)


def text(values: dict[str, Any], task: Task, folder: Path, figures: Sequence[Path]) -> str:
    """A summary that a person can read."""
    lines = ["", verdict(values), "", *table(values, task), "", *probe_table(values, task), ""]
    if values["wall_seconds"] is not None:
        lines.append(
            f"stopped: {values['stop_reason']} after {values['updates']} updates, "
            f"{values['epochs']} epochs, {duration(values['wall_seconds'])}; {values['weights']} weights"
        )
    if values["distinct_rows"] is not None:
        lines.append(f"training saw {values['distinct_rows']:,} distinct rows (fresh noise)")
    if figures:
        lines.append(f"figures: {figures[0].parent}")
    lines.append(f"everything: {folder}")
    return "\n".join(lines)


def verdict(values: dict[str, Any]) -> str:
    """One sentence: was it learned, and if the two losses disagree, what that means."""
    test, zero = values["test"]["mse"], values["zero_predictor_mse"]
    if test is None:
        return "The network's output is not finite: nothing was learned."
    # Where streams start anywhere nobody can know the phase at once: the first second does not count.
    late = values["test"].get("mse_after_1s_per_frequency")
    when = "" if late is None else " after the first second"
    groups = late or next(v for k, v in values["test"].items() if k.startswith("mse_per_"))
    test, worst = (float(np.mean(groups)) if late else test), max(groups)
    if values["initializer"] == "constructed":
        opening = (
            "Constructed, not learned: the frequencies were written into the weights. "
            f"With frozen weights the test MSE{when} is {number(test)} ({number(worst)} at worst)."
        )
    elif worst < 0.01:
        opening = (
            f"Learned: with frozen weights every component is below 0.01 on the test rows{when} "
            f"({number(test)} in all)."
        )
    elif test > 0.9 * zero:
        opening = (
            f"Nothing was learned: with frozen weights the test MSE{when} is {number(test)}, "
            f"that of predicting zero ({number(zero)})."
        )
    else:
        opening = (
            f"Partly learned: with frozen weights the test MSE{when} is {number(test)} "
            f"({number(worst)} for the worst component; predicting zero gives {number(zero)})."
        )
    ratio = values["frozen_prequential_ratio"]
    if ratio is not None and ratio > CHASING_RATIO and worst >= 0.01:
        opening += (
            f" While training the loss was up to {ratio:.1f} times lower than the frozen one "
            f"({number(values['prequential_mse'])} in the last epoch): the weights chase the target as it "
            "moves, and keep nothing."
        )
    return opening


def table(values: dict[str, Any], task: Task) -> list[str]:
    """Frozen test and training MSE beside the prequential one, a row a group."""
    key = f"mse_per_{task.group_label}"
    prequential = values[f"prequential_{key}"] or [None] * len(task.group_names)
    lines = [f"{'':>8}  {'frozen test':>12}  {'frozen train':>12}  {'prequential':>12}"]
    lines += [
        f"{name:>8}  {_cell(test):>12}  {_cell(train):>12}  {_cell(moving):>12}"
        for name, test, train, moving in zip(
            task.group_names, values["test"][key], values["train"][key], prequential, strict=True
        )
    ]
    everything = values["test"]["mse"], values["train"]["mse"], values["prequential_mse"]
    cells = "  ".join(f"{_cell(value):>12}" for value in everything)
    lines.append(f"{'all':>8}  {cells}")
    lines.append(f"{'zero':>8}  {_cell(values['zero_predictor_mse']):>12}  (predicting zero)")
    return lines


def probe_table(values: dict[str, Any], task: Task) -> list[str]:
    """What the probes say, in words, and the MSE under each."""
    probes = values["probes"]
    width = max(len(row["probe"]) for row in probes["table"])
    key = f"mse_per_{task.group_label}"
    lines = [probes["words"], "", " " * width + "".join(f"  {n:>9}" for n in task.group_names)]
    lines += [
        f"{row['probe']:<{width}}" + "".join(f"  {_cell(value):>9}" for value in row[key])
        for row in probes["table"]
    ]
    return lines


def _cell(value: float | None) -> str:
    return "-" if value is None else number(value)


def write_report(
    path: Path,
    values: dict[str, Any],
    task: Task,
    rows: Sequence[dict[str, Any]],
    figures: Sequence[Path],
) -> None:
    """Write report.md: the verdict, the numbers, the alerts, the figures."""
    alerts = [alert for row in rows for alert in row["alerts"]]
    lines = [
        "# Report",
        "",
        verdict(values),
        "",
        "Frozen: the weights stand still. Prequential: each row's loss just before the update that "
        "learned from it, over the last epoch.",
        "",
        "```",
        *table(values, task),
        "```",
        "",
        "Clock or locker?",
        "",
        "```",
        *probe_table(values, task),
        "```",
        "",
    ]
    if values["stop_reason"] is not None:
        lines += [
            f"Stopped by {values['stop_reason']} after {values['updates']} updates; "
            f"{values['parameters']:,} parameters; {values['weights']} weights; {values['device']}.",
            "",
        ]
    lines += [f"Alerts: {len(alerts)}.", *(f"- {alert}" for alert in alerts[:20]), ""]
    lines += [f"![{f.stem}]({f.parent.name}/{f.name})" for f in figures]
    write_text(path, "\n".join(lines) + "\n")
