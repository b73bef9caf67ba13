"""What a run says at its end: summary.json, the same in words, and report.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from freqjax.networks import count_parameters
from freqjax.system import devices
from freqjax.tasks import Extraction
from freqjax.tasks.evaluation import Frozen
from freqjax.tasks.examination import GOAL_SHARE
from freqjax.text import duration, number
from freqjax.training.monitors import finite_or_null

# A frozen error this many times the prequential one means that the weights chase the target.
CHASING_RATIO = 1.5


class Evaluated(NamedTuple):
    """Frozen-weight numbers on both sets of rows, the probes, what is possible, and the test outputs.

    Attributes:
      train, test: of `Task.evaluate`.
      probes: of `Task.probe`.
      limit: of `Task.limits` on the test rows.
      test_outputs: [B, T, O].
    """

    train: dict[str, Any]
    test: dict[str, Any]
    probes: dict[str, Any]
    limit: dict[str, Any]
    test_outputs: np.ndarray


def evaluate(task: Extraction, frozen: Frozen) -> Evaluated:
    """Evaluate frozen weights on the training rows, the test rows and the task's probes; find the limits."""
    train_rows, test_rows = frozen.batch("train"), frozen.batch("test")
    assert train_rows is not None and test_rows is not None
    test_outputs = frozen.outputs("test")
    train = task.evaluate(frozen.outputs("train"), train_rows)
    test = task.evaluate(test_outputs, test_rows)
    return Evaluated(train, test, task.probe(frozen.run), task.limits(test_rows), test_outputs)


def assemble(
    evaluated: Evaluated,
    task: Extraction,
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
        "limit": evaluated.limit,
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


def of_rows(rows: Sequence[dict[str, Any]], task: Extraction) -> dict[str, Any]:
    """What `assemble` takes from the rows of metrics.jsonl."""
    last = rows[-1] if rows else {}
    ratios = [
        row["frozen_mse"] / row["loss"]
        for row in rows
        if row["frozen_mse"] is not None and row["loss"] and "horizon_s" not in row
    ]
    return {
        "prequential_mse": last.get("loss"),
        "prequential_mse_per_group": last.get(f"loss_per_{task.group_label}"),
        "frozen_prequential_ratio": max(ratios, default=None),
    }


def text(
    values: dict[str, Any],
    task: Extraction,
    folder: Path,
    figures: Sequence[Path],
    *,
    chasing: bool = True,
) -> str:
    """A summary that a person can read; `chasing` as in `verdict`."""
    lines = [
        "",
        verdict(values, chasing=chasing),
        "",
        *table(values, task),
        "",
        *limit_table(values, task),
        "",
    ]
    lines += [*probe_table(values, task), ""]
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


def verdict(values: dict[str, Any], *, chasing: bool = True) -> str:
    """One sentence: was it learned; and, where `chasing` may be said, that the two losses disagree."""
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
    elif worst < GOAL_SHARE * zero:
        opening = (
            f"Learned: with frozen weights every component is below {GOAL_SHARE * zero:.3g} on the test "
            f"rows{when} "
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
    if chasing and ratio is not None and ratio > CHASING_RATIO and worst >= GOAL_SHARE * zero:
        opening += (
            f" While training the loss was up to {ratio:.1f} times lower than the frozen one "
            f"({number(values['prequential_mse'])} in the last epoch): the weights chase the target as it "
            "moves, and keep nothing."
        )
    return opening


def table(values: dict[str, Any], task: Extraction) -> list[str]:
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


def limit_table(values: dict[str, Any], task: Extraction) -> list[str]:
    """The network beside the least possible error and the baselines, a row a group, and what that says.

    Where the first second does not count, because nobody can know the phase at once, it is left out.
    """
    limit, label = values["limit"], task.group_label
    late = limit[f"bayes_after_1s_per_{label}"] or values["test"].get(f"mse_after_1s_per_{label}")
    baselines = {
        name.replace("_", " ").capitalize(): score for name, score in limit["baselines"].items()
    }
    if late:
        columns = {"network": values["test"].get(f"mse_after_1s_per_{label}")}
        columns["limit"] = limit[f"bayes_after_1s_per_{label}"]
        columns |= {n: s[f"mse_after_1s_per_{label}"] for n, s in baselines.items()}
    else:
        columns = {"network": values["test"][f"mse_per_{label}"]}
        columns["limit"] = limit[f"bayes_mse_per_{label}"]
        columns |= {n: s[f"mse_per_{label}"] for n, s in baselines.items()}
    widths = {name: max(12, len(name)) for name in columns}
    lines = [" " * 8 + "".join(f"  {name:>{widths[name]}}" for name in columns)]
    for row, group in enumerate(task.group_names):
        cells = (f"  {_cell(c[row] if c else None):>{widths[n]}}" for n, c in columns.items())
        lines.append(f"{group:>8}" + "".join(cells))
    network, least = (_mean(columns[name]) for name in ("network", "limit"))
    return [
        *lines,
        *_above_the_limit(limit, network, least, "after the first second" if late else ""),
    ]


def _mean(values: Sequence[float | None] | None) -> float | None:
    known = [] if values is None else [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values or ()) else None


def _above_the_limit(
    limit: dict[str, Any], network: float | None, least: float | None, when: str
) -> list[str]:
    """How far the network is from what is possible, in sentences."""
    when = f" {when}" if when else ""
    if network is None:
        said = "The output is not finite: it cannot be compared with what is possible."
    elif least is None:
        linear = limit["linear_mmse"]
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
            f" Over whole streams nobody is below {number(limit['bayes_mse'])} on average "
            f"({number(limit['bayes_low'])} to {number(limit['bayes_high'])}), and no linear estimate "
            f"below {number(limit['linear_mmse'])}."
        )
    return [said, limit["note"]]


def probe_table(values: dict[str, Any], task: Extraction) -> list[str]:
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
