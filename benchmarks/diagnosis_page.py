"""Generator of docs/diagnosis.md: how the diagnosis works, and how often it is right."""

from __future__ import annotations

from benchmarks import planted_afresh, record
from benchmarks.markdown import paragraph, table, words

_DIAGNOSIS = """# The diagnosis and its accuracy

A run is examined if its worst component stays above 2 % of the zero predictor's error (0.01 for a unit
sine). The diagnosis checks twenty causes. Each check has numbers of its own, a threshold that is stored
with them in `diagnosis.json`, and an experiment whose outcome would refute the cause. The causes that are
found are ranked by how much they explain. First come wrong rows, which make all other checks meaningless;
then a limit of information; then a gradient that vanishes or explodes from the first epoch on, and
forgetting, which resemble no other cause; then a run that ended too soon, and wrong step sizes; then
overfitting to the training rows; then failed credit assignment; then capacity, a schedule that never acts
and decay of the weights; and last what may be a symptom of any of them. Only rows that are tested on
themselves are a cause in a run that reached its goal.

Fifteen of the causes apply to a run of any task. It is examined if it misses its goal or, if no goal is set,
is no better than one of its baselines. Losses are compared with that of the best constant output. The first
three causes, the collapse of an amplitude and the basin of a frequency are checks of the task of sinusoids
(`Task.checks`); another task adds its own, and states before which of the fifteen they rank.

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
that is ranked first, two at once if both are in the first three. The runs are of seed 9, on which nothing
was set: what earlier gradings had missed was mended on other seeds. Each run was graded once, and what is
listed here as not right was not mended in the code that was graded.

Three kinds of the misses can be argued about. A fault that did not keep the run from its goal leaves nothing
to explain. The labels, which were written before there was a cause for it, call decay that is too strong a
collapse of the amplitude; where the output is hardly smaller, its true cause is named. And a run of which
more updates halve the error is called too short first, though what was planted is a network too narrow or
first weights too far off to learn in the updates that it had.
"""


_SEQUENCES = """## The causes of an autoencoder

Skill is the share of the way from the mean vector to a cosine of 1. A code is zeroed or replaced by that of
another sequence, and the states of an encoder by those of another, with the weights as they are; what each
costs is a difference in skill (`freqjax/tasks/autoencoder/checks.py`).
"""

_OF_SEQUENCES = (
    (
        "split leak",
        "sequences of validation and test that another part repeats",
        "1 % identical, or 20 % with a run of 8 vectors in common",
    ),
    (
        "encoder leak",
        "skill lost with the encoder's states of another sequence",
        "twice what another's code or zeros cost, and 10 % of the skill",
    ),
    (
        "answer leak",
        "change of an output when its own target, fed as in training, is changed",
        "0.01 of the largest change of any output; 0 if only earlier targets are read",
    ),
    (
        "exposure bias",
        "skill with targets fed as in training, and on the decoder's own outputs",
        "a gap of 0.2, and less than half is left",
    ),
    (
        "rate",
        "skill at the configured bits, and without quantisation",
        "10 % of the latter is lost",
    ),
    (
        "code unused",
        "skill lost with another's code, and with zeros",
        "each less than 10 % of the skill; another's alone if all codes are equal",
    ),
    (
        "latent collapse",
        "participation ratio and first axis of the codes",
        "90 % of the variance on one axis or 10 % of the numbers in use, with less than 90 % of the skill of "
        "the best code without a network",
    ),
    (
        "mean predictor",
        "skill, and the variance of outputs across sequences",
        "a skill below 0.05 and half of that of the best code without a network, with less than 10 % of the "
        "variance of the targets",
    ),
)

_RANKS = """\
A leaking split ranks before all causes, since every number of the test rows is wrong. The other leaks rank
before the limit of information: the score, or the loss, does not concern the code. All three stand in a run
that is better than its baselines, where a good score then means nothing. Exposure bias and the rate are
measured on the weights as they are and rank before what takes a trial. An unused or collapsed code may be
left by a run that is too short or has a wrong rate, and ranks after both. The mean predictor is what any
cause leaves that stops learning, and ranks last. The shipped poems quote themselves: 30 of their 375
sequences of validation and test share 8 words in a row with another part, and none is the same.
"""

_CLASSES = """## The causes of a classifier

Scores are those of the test windows after calibration. What a modality is worth is what the same weights lose
with that modality of other windows (`freqjax/tasks/classifier/checks.py`); the score with it missing in every
window is shown beside.
"""

_OF_CLASSES = (
    ("leakage", "groups of the test that were trained on", "one"),
    (
        "over correction",
        "mean probability before calibration, and the share of the class",
        "1 in log-odds, with a calibration error above 0.1",
    ),
    (
        "uncalibrated threshold",
        "F1 at 0.5, and at the threshold of the validation windows",
        "a gain of 0.1, and 0.05 beyond always calling positive",
    ),
    (
        "constant predictor",
        "deviation of the probabilities, windows told as one class, true less false positive rate",
        "a deviation below 0.02, 98 % in one class, and no difference of rates beyond two standard errors",
    ),
    (
        "unused modality",
        "score with that of other windows",
        "98 % of what the score has beyond the constant's",
    ),
    ("no better than a line", "score of logistic regression on summary statistics", "that score"),
    ("validation too small", "groups that chose epoch, temperature and threshold", "fewer than 3"),
)

_STANDING = """\
Leakage ranks before all causes: the scores are those of persons that were trained on. Corrections and
thresholds are measured on the weights as they are, and rank before what takes a trial. A constant is what any
failure of the optimiser leaves, and ranks after the rates. All but it and the line stand in a run that is
better than its baselines: average precision knows nothing of a threshold, nor of what it was chosen by.
"""


def page() -> str:
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
                    words(plants[plant]),
                    words(plant),
                    f"{sum(r['right'] for r in of[plant])} of {len(of[plant])}",
                    ", ".join(sorted({words(r["first"]) for r in of[plant] if not r["right"]})),
                )
                for plant in plants
            ),
        ),
        "",
        "![Planted causes and first-ranked causes](../benchmarks/results/diagnosis.png)",
        "",
    ]
    parts = (_DIAGNOSIS, "\n".join(lines), _afresh(), sequences(), classes())
    return "\n".join(parts)


def sequences() -> str:
    """Make the part about the causes of an autoencoder, and how often they are named."""
    causes = "\n".join(table(("cause", "evidence", "threshold"), _OF_SEQUENCES))
    text = f"{_SEQUENCES}\n{causes}\n\n{_RANKS}"
    return text + _graded("planted_sequences")


def classes() -> str:
    """Make the part about the causes of a classifier, and how often they are named."""
    causes = "\n".join(table(("cause", "evidence", "threshold"), _OF_CLASSES))
    text = f"{_CLASSES}\n{causes}\n\n{_STANDING}"
    return text + _graded("planted_classifier")


def _graded(name: str) -> str:
    """Say how often the causes that benchmarks/NAME.py plants were named; nothing if it was not run."""
    rows = record.read(name)
    if not rows:
        return ""
    ill = [row for row in rows if row["planted"]]
    right = sum(row["right"] for row in ill)
    alarms = sum(not row["right"] for row in rows if not row["planted"])
    wrong = [
        (words(r["plant"]), str(r["seed"]), ", ".join(map(words, r["causes"])) or "none")
        for r in rows
        if not r["right"]
    ]
    said = paragraph(
        f"`python -m benchmarks.{name}` trains small runs with one of these faults each. The "
        f"planted cause is found among the first named in {right} of {len(ill)} runs; {alarms} of "
        f"{len(rows) - len(ill)} healthy runs are diagnosed with a fault."
    )
    named = table(("not right", "seed", "named"), wrong) if wrong else []
    return "\n" + "\n".join([*said, *named]).rstrip() + "\n"


def _afresh() -> str:
    """Make the part about the faults planted afresh."""
    rows = planted_afresh.read(record.RESULTS / "planted_afresh.jsonl")
    wrong = [
        (
            words(r["fault"]),
            ", ".join(map(words, r["planted"])) or "healthy",
            ", ".join(map(words, r["causes"])),
        )
        for r in rows
        if not r["right"]
    ]
    said = [f"- {line}" for line in planted_afresh.report(rows)[:-1]]
    named = table(("not right", "planted", "named"), wrong) if wrong else []
    return _AFRESH + "\n" + "\n".join([*said, "", *named, "", *_proven()])


def _proven() -> list[str]:
    """Say which labels were proven."""
    mended = planted_afresh.read(record.RESULTS / "planted_afresh_mended.jsonl")
    mended = [row for row in mended if not row["fault"].startswith("healthy")]
    said = []
    if mended:
        proven = sum(row["mended"] for row in mended)
        rest = [words(row["fault"]) for row in mended if not row["mended"]]
        said += paragraph(
            f"Of {len(mended)} faults of seed 7 that were trained again without the fault, {proven} reached "
            f"their goal, which proves the label; not proven: {', '.join(rest) or 'none'}."
        )
    return said
