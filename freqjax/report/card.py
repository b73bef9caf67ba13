"""CARD.md of a run: a model card in the form of the Hugging Face Hub, made of the parts of the report.

The front matter has keys of https://huggingface.co/docs/hub/model-cards, and only those whose values a run
knows: it knows no licence. Commands and Python are for a shell in the folder of the card, wherever it is.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from freqjax.config import names
from freqjax.networks import Streams
from freqjax.report import summary
from freqjax.report.escapes import block, inline
from freqjax.report.front_matter import front_matter
from freqjax.report.markdown import cause_line, finds_chasing
from freqjax.report.parts import Run
from freqjax.report.reference import config_reference
from freqjax.report.tables import markdown_section, markdown_table
from freqjax.system.files import write_text
from freqjax.tasks.evaluation import Section, Table
from freqjax.tasks.scoring import score_key
from freqjax.tasks.usage import Command, Usage
from freqjax.text import duration, number, printable, series, shortened

NAME = "CARD.md"
LIBRARY = "freqjax"
# Key of a score → its metric on the Hub, and the arguments that it is computed with.
_METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "mse": ("mse", {}),
    "accuracy": ("accuracy", {}),
    "macro_f1": ("f1", {"average": "macro"}),
}
_EVALUATE = Command("evaluates it again", ("evaluate", "--checkpoint", "."))
_EXPORT = Command(
    "writes the weights, and programs that need no freqjax, to a new folder",
    ("export", "--checkpoint", ".", "--output", "exported"),
)


def write(path: Path, run: Run) -> None:
    """Write the card of a run to `path`, CARD.md of its folder."""
    usage = run.task.usage(run.frozen.network)
    sections = [
        [f"# {inline(run.folder.absolute().name)}", "", *_what_it_is(run)],
        [_origin(run), "", *_training(run)],
        ["## Scores", "", *_scores(run)],
        *(_below(run, section) for section in run.evaluation.sections),
        ["## Diagnosis", "", *_diagnosis(run)],
        ["## Use", "", *_use(run, usage)],
        ["## What it is for", "", *_bullets([*usage.purposes, *_purposes(run)])],
        [
            "## What it cannot do",
            "",
            *_bullets([*_failures(run), *usage.limitations, *_bounds(run)]),
        ],
        ["## Config", "", *config_reference(run.config)],
    ]
    text = "\n\n".join("\n".join(section) for section in sections)
    write_text(path, "\n".join([*front_matter(metadata(run)), "", text, ""]))


def metadata(run: Run) -> dict[str, Any]:
    """Return the front matter: library, tags, and the scores on the test rows as a model-index."""
    task, key = run.config.task.name, score_key(run.task)
    made = ["constructed"] if _is_constructed(run) else []
    results = list(_results(run))
    found: dict[str, Any] = {
        "library_name": LIBRARY,
        "tags": [LIBRARY, "jax", "flax", task, *made],
    }
    if key in _METRICS:
        found["metrics"] = [_METRICS[key][0]]
    if results:
        # The Hub has no name for these tasks, nor has it their rows.
        evaluated = {
            "task": {"type": "other", "name": task},
            "dataset": {"type": task, "name": f"test rows of the task {task}", "split": "test"},
            "metrics": results,
        }
        found["model-index"] = [{"name": run.folder.absolute().name, "results": [evaluated]}]
    return found


def _results(run: Run) -> Iterator[dict[str, Any]]:
    """Yield the score of all test rows, then of each group, as far as they are finite."""
    evaluation, label = run.evaluation, run.task.group_label
    key = score_key(run.task)
    kind, arguments = _METRICS.get(key, (key, {}))
    # A summary of version 0.1 has no entry of this name.
    scores = {evaluation.score_name: run.values.get("score", evaluation.score)}
    if len(run.task.group_names) > 1:
        groups = run.values.get(f"score_per_{label}", evaluation.per_group)
        scores |= {
            f"{evaluation.score_name}, {name}": score
            for name, score in zip(run.task.group_names, groups, strict=True)
        }
    for name, score in scores.items():
        if score is not None and math.isfinite(score):
            found = {"type": kind, "name": f"{name}{evaluation.when}", "value": float(score)}
            yield found | ({"args": arguments} if arguments else {})


def _is_constructed(run: Run) -> bool:
    return run.values["initializer"] == "constructed"


def _what_it_is(run: Run) -> list[str]:
    """Return what the network does, the verdict, and its sizes."""
    task = run.task
    said = (type(task).__dict__.get("__doc__") or "").strip().partition("\n")[0]
    verdict = summary.verdict(
        run.values, run.evaluation, task, chasing=finds_chasing(run.diagnosis)
    )
    if run.values["stop_reason"] is None and not run.values["updates"]:
        verdict = "Nothing was trained yet: no update has been made."
    parts = [
        f"{part.name} ({part.size}{', one-hot' if part.selects else ''})" for part in task.inputs
    ]
    causal = (
        "It answers each sample as it comes."
        if isinstance(run.frozen.network, Streams)
        else "It reads whole sequences."
    )
    sizes = (
        f"Inputs, with the numbers of a sample: {series(parts)}. Outputs: {task.output_size}. {causal} "
        f"{run.values['parameters']:,} parameters; task {printable(run.config.task.name)}, freqjax "
        f"{run.values['versions']['freqjax']}."
    )
    lines = [inline(said), ""] if said else []
    return [*lines, f"**{inline(verdict)}**", "", inline(sizes)]


def _origin(run: Run) -> str:
    return "## What it was made of" if _is_constructed(run) else "## What it was trained on"


def _training(run: Run) -> list[str]:
    """Return the rows, how the weights were found, and what the task says of itself."""
    values, config = run.values, run.config
    lines = [f"- {said}" for said in _rows(run)]
    if _is_constructed(run):
        lines.append(
            "- The solution was written into the weights by network.initializer=constructed."
        )
    if "init_from" in values:
        lines.append("- It began with the weights of another run (train.init_from).")
    if values["updates"]:
        how = (
            f"{values['updates']:,} updates by {config.optimizer.name} in {values['epochs']:,} epochs, "
            f"train.regime={config.train.regime}, from network.initializer={values['initializer']}"
        )
        ended = "" if values["stop_reason"] is None else f"; ended by {values['stop_reason']}"
        took = (
            "" if values["wall_seconds"] is None else f" after {duration(values['wall_seconds'])}"
        )
        lines.append(f"- {inline(how + ended + took)}; {inline(values['device'])}.")
    else:
        lines.append("- No update was made.")
    if values["distinct_rows"] is not None:
        lines.append(f"- Rows were drawn afresh: {values['distinct_rows']:,} distinct ones.")
    for key, value in run.task.describe().items():
        lines.append(f"- {inline(key.replace('_', ' '))}: {inline(shortened(_plain(value)))}")
    return lines


def _rows(run: Run) -> Iterator[str]:
    for split in ("train", "validation", "test"):
        batch = run.frozen.batch(split)
        if batch is not None:
            name = "Training" if split == "train" else split.capitalize()
            samples = run.task.samples
            long = "one sample" if samples == 1 else f"up to {samples:,} samples"
            yield f"{name} rows: {len(batch.targets):,} sequences of {long}."


def _plain(value: Any) -> str:
    """Return a value of the summary as words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(own)}" for key, own in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _scores(run: Run) -> list[str]:
    """Return the score beside constant, best baseline and limit, then of each group."""
    evaluation = run.evaluation
    best, name = evaluation.best_baseline, evaluation.score_name
    rows: list[tuple[Any, ...]] = [
        ("this network", evaluation.score),
        (evaluation.constant_name, evaluation.constant_score),
    ]
    if best is not None:
        rows.append((f"best baseline: {best.replace('_', ' ')}", evaluation.baselines[best]))
    rows.append(("limit, of any estimator", evaluation.limit))
    which = "higher" if evaluation.higher_is_better else "lower"
    said = f"Frozen weights, on the test rows{evaluation.when}; {which} is better."
    lines = [inline(said), "", *markdown_table(Table(("", name), rows))]
    words = [word for section in evaluation.sections for word in section.words]
    note = evaluation.limit_note.rstrip(".")
    if note and not any(note in word for word in words):
        unknown = "No limit is known: " if evaluation.limit is None else "The limit: "
        lines += ["", inline(f"{unknown}{note}.")]
    return [*lines, *_by_group(run)]


def _by_group(run: Run) -> list[str]:
    """Return the score of each group that has test rows, beside its limit; nothing for a single group."""
    evaluation, names = run.evaluation, run.task.group_names
    if len(names) == 1:
        return []
    limits = evaluation.limit_per_group
    columns = [names, evaluation.per_group, *([] if limits is None else [limits])]
    heads = (run.task.group_label, evaluation.score_name, *([] if limits is None else ["limit"]))
    rows = [row for row in zip(*columns, strict=True) if not math.isnan(row[1])]
    return ["", *markdown_table(Table(heads, rows))]


def _below(run: Run, section: Section) -> list[str]:
    """Return a section of the report without its figures, under a third-level heading."""
    head, *others = markdown_section(section._replace(figures=()), run.folder)
    return [f"#{head}", *others]


def _diagnosis(run: Run) -> list[str]:
    """Return the causes with what to change, and the names of those that were excluded."""
    found = run.diagnosis
    if found is None:
        return ["Not diagnosed."]
    if found.healthy:
        return [inline(cause_line(found))]
    lines = [
        f"{rank}. **{inline(cause.cause.replace('_', ' '))}.** {inline(cause.words)} {inline(cause.advice)}"
        for rank, cause in enumerate(found.causes, 1)
    ] or [inline(cause_line(found))]
    for state, word in ((False, "Looked for and not found"), (None, "Not examined")):
        others = [e.cause.replace("_", " ") for e in found.examinations if e.found is state]
        if others:
            lines += ["", inline(f"{word}: {', '.join(others)}.")]
    return lines


def _use(run: Run, usage: Usage) -> list[str]:
    """Return Python and commands, for a shell in the folder of the card."""
    python = ["import numpy as np", "", "import freqjax", "", *(usage.python or _python(run))]
    lines = [
        "In the folder of this card, with freqjax installed:",
        "",
        *block(python, "python"),
    ]
    commands = (_EVALUATE, *usage.commands, _EXPORT)
    shown = [
        line for one in commands for line in (f"# {one.what}", f"freqjax {shlex.join(one.words)}")
    ]
    return [*lines, "", *block(shown, "sh")]


def _python(run: Run) -> list[str]:
    """Return lines that use any network: sample by sample, or at once if it reads whole sequences."""
    inputs, samples = run.task.input_size, run.task.samples
    lines = ['network = freqjax.load(".")', "carry = network.init_carry()"]
    if isinstance(run.frozen.network, Streams):
        lines.append(
            f"carry, y = network.step(carry, np.zeros((1, {inputs})))  # x [B, D] → y [B, O]"
        )
    whole = f"xs = np.zeros(({samples}, 1, {inputs}))  # xs [T, B, D]"
    return [*lines, whole, "carry, ys = network.unroll(xs)  # ys [T, B, O]"]


def _purposes(run: Run) -> Iterator[str]:
    yield "Rows of the law, or of the source, of its task: its scores are of such rows."
    if _is_constructed(run):
        yield "A reference that shows what weights of this size can hold; nothing was learned."


def _failures(run: Run) -> Iterator[str]:
    """Yield what the scores forbid to expect."""
    evaluation, task = run.evaluation, run.task
    if not evaluation.is_finite:
        yield "Its outputs are not finite: it is of no use."
        return
    sign = 1 if evaluation.higher_is_better else -1
    score, name = evaluation.score, evaluation.score_name
    if sign * score <= sign * evaluation.constant_score:
        yield (
            f"It is no better than {evaluation.constant_name}, which reads nothing: its {name} is "
            f"{number(score)}, that of {evaluation.constant_name} {number(evaluation.constant_score)}."
        )
    best = evaluation.best_baseline
    if best is not None and sign * evaluation.baselines[best] >= sign * score:
        yield (
            f"The baseline {best.replace('_', ' ')} does at least as well on the same rows: {name} "
            f"{number(evaluation.baselines[best])}."
        )
    goal = evaluation.goal
    if goal is not None and not evaluation.is_learned:
        pairs = zip(task.group_names, evaluation.per_group, strict=True)
        missed = [group for group, own in pairs if sign * own <= sign * goal]  # NaN: without rows
        which = series(missed) if len(task.group_names) > 1 and missed else "the test rows"
        yield shortened(f"Its goal, {name} {number(goal)}, is not reached on {which}.")


def _bounds(run: Run) -> Iterator[str]:
    """Yield what holds of every network of its kind."""
    yield "Nothing is known of its error on rows of another law or source."
    config = run.config
    own = [name for name in (config.task.name, config.network.cell) if names.is_path(name)]
    if own:
        yield f"It cannot be loaded without {series(own)}, which is no part of freqjax."
    files = [f"task.{name}" for name in config.task.named_files]
    if files:
        yield f"Its rows came from files, which are not in this folder: {', '.join(files)}."
    if config.train.regime == "windows":
        yield (
            f"It was trained on windows of {config.windows.length} samples, each with a state of its own: "
            "its errors were not measured with one state carried on."
        )
    yield "The run knows no licence: whoever publishes it must state one."


def _bullets(sentences: Sequence[str]) -> list[str]:
    return [f"- {inline(said)}" for said in sentences]
