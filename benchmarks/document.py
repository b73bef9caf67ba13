"""Generator of the documents that show measured numbers, and of their figures.

    python -m benchmarks.document

Reads benchmarks/results/*.json and the shipped checkpoint, and rewrites docs/results.md, docs/diagnosis.md,
docs/speed.md, docs/example.md, docs/online.md, the block between the results markers of README.md, and
docs/*.png. The tests check that the committed documents are what this command would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import freqjax
from benchmarks import config_table, example_page, online_page, planted_afresh, record, speed
from benchmarks.markdown import bullet, paragraph, table
from freqjax.tasks import make_task
from freqjax.tasks.extraction import figures
from freqjax.tasks.extraction.config import extraction_of
from freqjax.training.frozen import make_forward

_ROOT = Path(__file__).parent.parent
_BEGIN, _END = "<!-- results: python -m benchmarks.document -->", "<!-- /results -->"
# The lowest losses reported for the originals; all are prequential, none is of a frozen network.
REPORTED = {"original A, while training": 0.2847, "original B, reported": 0.30}


_SHOWN = ("clock", "variants", "locker", "originals", "limits", "windows", "smoke", "signals")


def readme_block() -> str:
    """Make the table at the top of the README from the committed results."""
    clock = [row for row in record.read("clock") if row["task"].startswith("1, 3, 5, 7")]
    original = record.read("originals")[0]
    seconds = config_table.seconds("default")
    worst = max(row["worst_test_mse"] for row in clock)
    carried = max(row["worst_test_mse_carried"] for row in clock)
    lines = [
        "| | MSE | what it is |",
        "|---|---|---|",
        f"| **freqjax**, `configs/default.py` | **{worst:.2g}** | frozen weights, worst frequency of "
        f"{len(clock)} training seeds and 3 test seeds; {carried:.2g} with one state carried through "
        "all blocks |",
        online_page.summary(),
        f"| original A, as reported | {REPORTED['original A, while training']} | measured while the weights "
        "change |",
        f"| original A, here | {original['prequential_mse'][0]:.3g} | the same; with the weights "
        f"frozen it is {original['frozen_test_mse']:.3g} |",
        "| original B, as reported | 0.30 | windows of 50 samples, phase_scale 0.1 |",
        "| predicting zero | 0.50 | |",
        "",
        f"The whole command took {seconds:.0f} s (median of {len(clock)} seeds, figures included) on "
        "two shared CPU cores.",
    ]
    return "\n".join(lines)


def results_page() -> str:
    """Make docs/results.md."""
    opening = [
        "# Results",
        "",
        *paragraph(
            "Written by `python -m benchmarks.document` from `benchmarks/results/*.json`. All errors are "
            "mean squared errors with frozen weights on test rows, except prequential ones, which are "
            "measured on each row just before the update that learns from it. Predicting zero gives 0.50."
        ),
        *paragraph(
            "Each part was measured with a version of freqjax, which may be older than this one: "
            + ", ".join(f"{name} {record.version(name)}" for name in _SHOWN)
            + "."
        ),
    ]
    sections = (
        _seeds_and_tasks(),
        _variants(),
        _locker(),
        _originals(),
        _blamed(),
        _limits(),
        _windows(),
        _speed(),
        _signals(),
    )
    return "\n".join([*opening, *(line for section in sections for line in section)])


def _seeds_and_tasks() -> list[str]:
    return [
        "## Seeds and tasks",
        "",
        *paragraph(
            "`python -m benchmarks.clock`: `configs/default.py`, with only the seed and the task changed. "
            "Each network is tested one sample at a time on three test seeds."
        ),
        *table(
            (
                "task",
                "seed",
                "stopped by",
                "updates",
                "seconds",
                "worst MSE",
                "worst, state carried",
            ),
            (
                (
                    row["task"],
                    row["seed"],
                    row["stop_reason"],
                    row["updates"],
                    f"{row['process_seconds']:.0f}",
                    f"{row['worst_test_mse']:.2g}",
                    f"{row['worst_test_mse_carried']:.2g}",
                )
                for row in record.read("clock")
            ),
        ),
        "",
    ]


def _variants() -> list[str]:
    return [
        "## Variants",
        "",
        *paragraph(
            "`python -m benchmarks.variants`: `configs/default.py` with the overrides listed there."
        ),
        *table(
            ("variant", "seed", "stopped by", "updates", "seconds", "MSE per frequency", "verdict"),
            (
                (
                    row["variant"],
                    row["seed"],
                    row["stop_reason"],
                    row["updates"],
                    f"{row['process_seconds']:.0f}",
                    ", ".join(_number(m) for m in row["test_mse_per_frequency"]),
                    row["verdict"],
                )
                for row in record.read("variants")
            ),
        ),
        "",
    ]


def _locker() -> list[str]:
    return [
        "## The locker",
        "",
        *paragraph(
            "`python -m benchmarks.locker`: `configs/locker.py`, 64 random starts; the first second is "
            "excluded."
        ),
        *table(
            ("seed", "seconds", "MSE per frequency", "with the mixture set to 0", "verdict"),
            (
                (
                    row["seed"],
                    f"{row['process_seconds']:.0f}",
                    ", ".join(map(_number, row["test_mse_after_1s_per_frequency"])),
                    ", ".join(map(_number, row["deaf_mse_per_frequency"])),
                    row["verdict"],
                )
                for row in record.read("locker")
            ),
        ),
        "",
    ]


def _originals() -> list[str]:
    return [
        "## The originals",
        "",
        *paragraph("`python -m benchmarks.originals`. The originals report the prequential loss."),
        *table(
            ("config", "prequential, first epoch", "lowest", "last", "frozen test", "s an epoch"),
            (
                (
                    row["config"],
                    f"{row['prequential_mse'][0]:.3f}",
                    f"{min(row['prequential_mse']):.3f}",
                    f"{row['prequential_mse'][-1]:.3f}",
                    f"{row['frozen_test_mse']:.3f}",
                    f"{row['seconds_per_epoch']:.2f}",
                )
                for row in record.read("originals")
            ),
        ),
        "",
    ]


def _blamed() -> list[str]:
    """Make the lists of the causes that the diagnosis found in the originals, and of those it refuted."""
    lines = paragraph(
        "The causes that the diagnosis found, by rank, and then those that the originals' write-ups named "
        "and the diagnosis refuted:"
    )
    for row in record.read("originals"):
        lines += [f"**{row['config']}**", ""]
        for cause, words in row["causes"].items():
            lines += bullet(f"{_words(cause)}: {words}")
        for cause, words in row["refuted"].items():
            lines += bullet(f"not {cause}: {words}")
        lines.append("")
    return lines


def _limits() -> list[str]:
    rows = record.read("limits")
    seen = sorted({row["samples_seen"] for row in rows})
    scales = sorted({row["phase_scale"] for row in rows}, reverse=True)
    found = {
        (row["phase_scale"], row["samples_seen"]): row for row in rows if row["start"] == "random"
    }
    seconds = f"{rows[0]['cold_seconds']:.0f} s; {rows[0]['warm_seconds']:.0f} s from the cache"
    return [
        "## Limits",
        "",
        *paragraph(
            f"`python -m benchmarks.limits` ({seconds}): the least MSE, mean over 1, 3, 5 and 7 Hz, of any "
            "estimator of the latest of n samples, if a stream starts anywhere; in brackets the 95 % "
            "interval of the simulation, if there is one. If the start is known, the limit is 0."
        ),
        *table(
            ("phase_scale", *(f"n = {n}" for n in seen)),
            ((f"{scale:g}", *(_interval(found[scale, n]) for n in seen)) for scale in scales),
        ),
        "",
        *paragraph("The MSE of the best linear estimator on the same streams:"),
        *table(
            ("phase_scale", *(f"n = {n}" for n in seen)),
            ((f"{s:g}", *(_number(found[s, n]["linear_mmse"]) for n in seen)) for s in scales),
        ),
        "",
    ]


def _interval(row: dict[str, Any]) -> str:
    if row["low"] == row["high"]:
        return _number(row["bayes_mse"])
    return f"{_number(row['bayes_mse'])} ({_number(row['low'])} to {_number(row['high'])})"


def _windows() -> list[str]:
    rows = record.read("windows")
    best = [row for row in rows if row["config"] == "windows_best"]
    ratios = {
        how: [row["ratio"] for row in best if row["conditioning"] == how]
        for how in sorted({row["conditioning"] for row in best})
    }
    return [
        "## Windows",
        "",
        *paragraph(
            "`python -m benchmarks.windows`: windows of 50 samples at any place of a block, at phase_scale "
            "0.1. The limit is that of the samples in the windows, and includes the first samples of a "
            "block; the selector is an input beside the sample (input), or scales and shifts the features "
            "(film)."
        ),
        *table(
            ("config", "selector", "seed", "weights", "updates", "test MSE", "limit", "ratio", "s"),
            (
                (
                    f"`{row['config']}`",
                    row["conditioning"],
                    row["seed"],
                    f"{row['parameters']:,}",
                    row["updates"],
                    f"{row['test_mse']:.4f}",
                    f"{row['bayes_mse']:.4f}",
                    f"{row['ratio']:.2f}",
                    f"{row['process_seconds']:.0f}",
                )
                for row in rows
            ),
        ),
        "",
        *(
            line
            for how, found in ratios.items()
            for line in bullet(
                f"With {how}: {min(found):.2f} to {max(found):.2f} times the limit over {len(found)} seeds, "
                f"{sum(found) / len(found):.2f} on average."
            )
        ),
        "",
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _speed() -> list[str]:
    return [
        "## Speed of the online loop",
        "",
        *paragraph("`python -m benchmarks.smoke`: both engines, alternately in one process."),
        *table(
            ("engine", "µs a step (median)", "minimum", "maximum"),
            (
                (row["engine"], row["median_us"], row["min_us"], row["max_us"])
                for row in record.read("smoke")
            ),
        ),
        "",
    ]


def _signals() -> list[str]:
    return [
        "## Live streams and recordings",
        "",
        *paragraph(
            "`python -m benchmarks.signals`: the shipped checkpoint (hidden 64), each row a process on one "
            "core, with its start-up. A stream is piped in and out; the recording is an hour at 48 kHz, 24 "
            "bits, resampled to the network's 1 kHz and back."
        ),
        *table(
            ("input", "samples", "seconds", "samples a second", "peak memory, MB"),
            (
                (
                    row["what"],
                    f"{row['samples']:,}",
                    f"{row['seconds']:.1f}",
                    f"{row['samples'] / row['seconds']:,.0f}",
                    f"{row['memory_mb']:.0f}",
                )
                for row in record.read("signals")
            ),
        ),
        "",
    ]


_DIAGNOSIS = """# The diagnosis and its accuracy

A run is examined if its worst component stays above 2 % of the zero predictor's error (0.01 for a unit
sine). The diagnosis checks nineteen causes. Each check has numbers of its own, a threshold that is stored
with them in `diagnosis.json`, and an experiment whose outcome would refute the cause. The causes that are
found are ranked by how much they explain. First come wrong rows, which make all other checks meaningless;
then a limit of information; then a gradient that vanishes or explodes from the first epoch on, and
forgetting, which resemble no other cause; then a run that ended too soon, and wrong step sizes; then
overfitting to the training rows; then failed credit assignment; then capacity and decay of the weights; and
last what may be a symptom of any of them. Only rows that are tested on themselves are a cause in a run that
reached its goal.

Fourteen of the causes apply to a run of any task. It is examined if it misses its goal or, if no goal is set,
is no better than one of its baselines. Losses are compared with that of the best constant output. The first
three causes, the collapse of an amplitude and the basin of a frequency are checks of the task of sinusoids
(`Task.checks`); another task adds its own, and states before which of the fourteen they rank.

The checks of rows name what they find: targets that come some samples late, are larger, offset or of the
other sign, have another frequency or another selector's, or hold rows that lie off; and mixtures that do not
hold their targets, by the linear estimate of the law and its own limit.

Six of the causes are tested by experiment. *Learning rate*: the run's recipe is repeated at eight rates
from the same start; decoupled decay is never weakened with it. *Capacity*: an exact clock is written into a
network of the same size; if none fits, or no such weights are known, the recipe is repeated with eight
times as many units. *Gradient truncation*: the slope of the truncated gradient is compared with that of the
full one at a clock that is nearly right: for a network without memory truncation loses nothing, so that the
two gradients agree at its own weights, and it never learns to remember. If no solution of the task is
known, the recipe is repeated with the full gradient instead. *A run that ended too soon*: it goes on from
its last weights. *Weight decay*: the recipe is repeated without. *Frequency basin*: if more epochs would
mend the run, the recipe is repeated from rotors at the frequencies of the targets. Where one of these
faults is found and hides another, the other is looked for once more in the recipe in which the first is
mended. Where each of two mends the run alone, the one that reaches more comes first: a cut gradient whose
mending reaches the goal on rows that a better rate alone does not reach, decay whose absence leaves less
error than a better rate, first weights that reach the goal in as many updates as the run made. What a trial
may cost is counted in samples and weights and not in seconds: a busy machine gives the same answer.

## Accuracy

`python -m benchmarks.diagnosis` plants faults in small runs (`benchmarks/planted.py`) and compares the
first-ranked cause of each run's diagnosis with the planted one. Thresholds were set on other seeds.
"""

_AFRESH = """## Faults planted afresh

`python -m benchmarks.planted_afresh` plants faults in other cells, regimes, rates and sizes
(`benchmarks/afresh_table.py`), some borderline, some two at once. A fault of one cause counts as right if
that is ranked first, two at once if both are in the first three. The runs are of seed 7, on which nothing
was set: what an earlier grading of seed 3 had missed (57 of 66 right) was mended on seeds 3, 5 and 6. Each
run was graded once. The grading was stopped by one error of the diagnosis, a trial that the config of the
run did not allow, and went on with that alone mended; the misses listed here were not mended in the code
that was graded.

Two kinds of the misses can be argued about. A fault that did not keep the run from its goal leaves nothing
to explain. And the labels, which were written before there was a cause for it, call decay that is too
strong a collapse of the amplitude; where the output is hardly smaller, its true cause is named.
"""


def diagnosis_page() -> str:
    """Make docs/diagnosis.md: how the diagnosis works, and its confusion matrix."""
    rows = record.read("diagnosis")
    right, healthy = sum(r["right"] for r in rows), [r for r in rows if r["planted"] == "healthy"]
    false_alarms = sum(not row["right"] for row in healthy)
    plants = {row["plant"]: row["planted"] for row in rows}
    of = {plant: [row for row in rows if row["plant"] == plant] for plant in plants}
    lines = [
        *paragraph(
            f"The first-ranked cause is right in {right} of {len(rows)} runs ({right / len(rows):.0%}); "
            f"{false_alarms} of {len(healthy)} healthy runs are diagnosed with a fault. This was measured "
            f"with version {record.version('diagnosis')}."
        ),
        *table(
            ("planted cause", "plant", "right", "mistaken for"),
            (
                (
                    _words(plants[plant]),
                    _words(plant),
                    f"{sum(r['right'] for r in of[plant])} of {len(of[plant])}",
                    ", ".join(sorted({_words(r["first"]) for r in of[plant] if not r["right"]})),
                )
                for plant in plants
            ),
        ),
        "",
        "![Planted causes and first-ranked causes](../benchmarks/results/diagnosis.png)",
        "",
    ]
    return _DIAGNOSIS + "\n" + "\n".join(lines) + "\n" + _afresh()


def _afresh() -> str:
    """Make the part about the faults planted afresh."""
    rows = planted_afresh.read(record.RESULTS / "planted_afresh.jsonl")
    wrong = [
        (
            _words(r["fault"]),
            ", ".join(map(_words, r["planted"])) or "healthy",
            ", ".join(map(_words, r["causes"])),
        )
        for r in rows
        if not r["right"]
    ]
    said = [f"- {line}" for line in planted_afresh.report(rows)[:-1]]
    named = table(("not right", "planted", "named"), wrong) if wrong else []
    return _AFRESH + "\n" + "\n".join([*said, "", *named, "", *_since()])


def _since() -> list[str]:
    """Say what became of the misses, and which labels were proven."""
    again = planted_afresh.read(record.RESULTS / "planted_afresh_again.jsonl")
    mended = planted_afresh.read(record.RESULTS / "planted_afresh_mended.jsonl")
    mended = [row for row in mended if not row["fault"].startswith("healthy")]
    said = []
    if again:
        faults = [row for row in again if row["planted"]]
        well = [row for row in again if not row["planted"] and row["learned"]]
        ill = sum(not row["right"] for row in well)
        wrong = [
            f"{_words(r['fault'])} (named {', '.join(map(_words, r['causes'])) or 'nothing'})"
            for r in faults
            if not r["right"]
        ]
        said += paragraph(
            "Since then an explosion ranks before the numbers that it blew up later, and a rate that is "
            "wrong only beside a cut gradient after it. Of the faults that this may concern, or that were "
            f"missed before, {sum(r['right'] for r in faults)} of {len(faults)} are right on seed 8, and "
            f"{ill} of {len(well)} healthy runs are called ill; not right: {', '.join(wrong) or 'none'}."
        )
    if mended:
        proven = sum(row["mended"] for row in mended)
        rest = [_words(row["fault"]) for row in mended if not row["mended"]]
        said += paragraph(
            f"Of {len(mended)} faults of seed 7 that were trained again without the fault, {proven} reached "
            f"their goal, which proves the label; not proven: {', '.join(rest) or 'none'}."
        )
    return said


def speed_page() -> str:
    """Make docs/speed.md."""
    return speed.document(record.RESULTS, record.read("startup"))


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.2g}"


def readme(text: str) -> str:
    """Return `text` with new blocks between the markers."""
    text = _replaced(text, _BEGIN, _END, readme_block())
    configs = "\n".join(config_table.block())
    return _replaced(text, config_table.BEGIN, config_table.END, configs)


def _replaced(text: str, begin: str, end: str, block: str) -> str:
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    return f"{head}{begin}\n{block}\n{end}{tail}"


def draw() -> None:
    """Draw docs/headline.png from the shipped checkpoint."""
    network = freqjax.load(_ROOT / "checkpoints" / "clock64")
    task = make_task(extraction_of(network.config))
    blocks, batch = task.rows("test"), task.split("test")
    assert batch is not None
    outputs = make_forward(network.network)(network.params, blocks, "block")
    record_ = figures.EvaluationRecord(
        frequencies_hz=task.frequencies,
        sampling_rate_hz=task.sampling_rate,
        mixture=np.asarray(blocks.inputs[..., 0]),
        targets=np.asarray(blocks.targets[..., 0]),
        outputs=outputs[..., 0],
        selected=np.asarray(blocks.groups),
        tones=task.tones(outputs, batch),
    )
    figures.headline(record_, [], 0.5, REPORTED, _ROOT / "docs")


def main() -> None:
    """Rewrite all documents and figures."""
    (_ROOT / "docs").mkdir(exist_ok=True)
    (_ROOT / "docs" / "results.md").write_text(results_page())
    (_ROOT / "docs" / "diagnosis.md").write_text(diagnosis_page())
    (_ROOT / "docs" / "speed.md").write_text(speed_page())
    (_ROOT / "docs" / "example.md").write_text(example_page.page())
    (_ROOT / "docs" / "online.md").write_text(online_page.page())
    path = _ROOT / "README.md"
    path.write_text(readme(path.read_text()))
    draw()


if __name__ == "__main__":
    main()
