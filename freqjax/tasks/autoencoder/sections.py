"""Sections of the report of an autoencoder: code, difference to a linear code, labels, and examples.

Axes: N sequences, T samples, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from freqjax.tasks.autoencoder.baselines import skill
from freqjax.tasks.autoencoder.probes import Probes
from freqjax.tasks.evaluation import Evaluation, Frozen, Section, Table
from freqjax.text import number

if TYPE_CHECKING:
    from freqjax.tasks.autoencoder.judged import Judge

# Sequences and words of the table of examples.
_EXAMPLES, _WORDS = 4, 12


def sections_of(
    judge: Judge,
    frozen: Frozen,
    evaluation: Evaluation,
    probes: Probes,
    *,
    trains_lengths: bool = True,
) -> list[Section]:
    """Return the sections in reading order.

    Args:
      judge: codes without a network.
      frozen: weights.
      evaluation: of them.
      probes: of them.
      trains_lengths: whether the loss depends on the lengths of outputs.
    """
    sections = [_standing(judge, frozen, evaluation), _code(probes)]
    if judge.dataset.vocabulary is None:
        sections.insert(1, _squares(judge, frozen, trains_lengths=trains_lengths))
    if judge.dataset.vocabulary is not None and judge.dataset.test.rows is not None:
        sections.append(_examples(judge, frozen))
    return sections


def _standing(judge: Judge, frozen: Frozen, evaluation: Evaluation) -> Section:
    """Describe cosine and skill beside all baselines, and the paired difference to the linear code."""
    mean = evaluation.baselines["constant"]
    named = {
        "network": evaluation.score,
        "mean vector": mean,
        **{name: value for name, value in evaluation.baselines.items() if name != "constant"},
    }
    rows = [(name, value, skill(value, mean)) for name, value in named.items()]
    beyond = judge.beyond_linear(frozen.outputs("test"))
    error = "" if beyond.error is None else f" ± {number(beyond.error)}"
    over = "" if beyond.error is None else f" (standard error over {beyond.groups} groups)"
    return Section(
        title="Cosine and skill",
        words=(
            f"Each code has {judge.numbers} numbers of {judge.bits} bits, {judge.numbers * judge.bits} bits "
            "a sequence. Skill is the share of the way from the mean vector to a cosine of 1; cosines on "
            "other vectors do not compare, skills do better.",
            f"The network is {number(beyond.mean)}{error} beyond the trained linear code{over}.",
        ),
        table=Table(("", "cosine", "skill"), rows),
    )


def _squares(judge: Judge, frozen: Frozen, *, trains_lengths: bool) -> Section:
    """Describe the squared error, which depends on the lengths of outputs as the cosine does not."""
    share = judge.explained(np.asarray(frozen.outputs("test")), judge.dataset.test)
    rows = [("network", share), ("mean vector", 0.0), *judge.explained_by.items()]
    words = [
        "The share of the squared distance of the test vectors from the training mean that the outputs "
        "explain, 1 at most. A cosine tells directions alone, and those of vectors near 0 count as much as "
        "others: where the numbers themselves matter, go by this one."
    ]
    if not trains_lengths:
        words.append(
            "The loss is the cosine distance, which leaves the lengths of outputs as they come: train with "
            "task.loss=squared_error to have them right."
        )
    return Section("Squared error", words, Table(("", "explained"), rows))


def _code(probes: Probes) -> Section:
    """Describe what the outputs owe to the code."""
    rows: list[tuple[str, float | None]] = [
        ("as evaluated", probes.cosine),
        ("code zeroed", probes.zeroed),
        ("codes swapped between sequences", probes.swapped),
        ("every number moved by one level", probes.moved),
    ]
    if probes.states_swapped is not None:
        rows.append(("encoder's states swapped, code kept", probes.states_swapped))
    rows += [
        (f"{bits} bits a number" if bits < 32 else "code not quantised", cosine)
        for bits, cosine in probes.by_bits.items()
    ]
    if probes.forced is not None:
        rows.append(("fed the targets (teacher forcing)", probes.forced))
    geometry = probes.geometry
    words = [
        f"{number(geometry.participation)} numbers of the code are in use (participation ratio); its first "
        f"principal axis has {geometry.first:.0%} of the variance.",
        f"The outputs vary between sequences by {probes.varied:.0%} of the variance of the vectors.",
    ]
    if geometry.length_r2 is not None:
        words.append(f"The code tells {geometry.length_r2:.0%} of the variance of the lengths.")
    if probes.forced is not None:
        words.append(
            "Fed the targets, a decoder is told all but the next vector: that number is not the code's."
        )
    return Section("The code", words, Table(("the decoder reads", "cosine"), rows))


def _examples(judge: Judge, frozen: Frozen) -> Section:
    """Spell the first words of some sequences beside the nearest words of the outputs."""
    test, vocabulary = judge.dataset.test, judge.dataset.vocabulary
    assert vocabulary is not None and test.rows is not None
    outputs = frozen.outputs("test")
    rows = []
    for sequence in np.linspace(0, len(test.mask) - 1, _EXAMPLES).astype(int):
        there = np.flatnonzero(test.mask[sequence])[:_WORDS]
        nearest = vocabulary.nearest(np.asarray(outputs[sequence][there]))[0][:, 0]
        name = judge.dataset.group_names[test.group[sequence]]
        rows.append((name, vocabulary.spell(test.rows[sequence][there]), vocabulary.spell(nearest)))
    return Section(
        title="Words in and out",
        words=(
            f"The first {_WORDS} words of test sequences, and the nearest word of each output.",
            f"Of the words of task.data {judge.dataset.coverage:.1%} have a vector; the others are left out.",
        ),
        table=Table(("", "sequence", "nearest words of the outputs"), rows),
    )
