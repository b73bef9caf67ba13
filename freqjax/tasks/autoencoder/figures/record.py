"""Data that the figures of an autoencoder draw.

Axes: N test sequences, T samples, D dimensions, K numbers of a code, M training sequences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.tasks.autoencoder.baselines import best_constant, token_cosines
from freqjax.tasks.autoencoder.dataset import Dataset, Part
from freqjax.tasks.autoencoder.figures.weights import Attention, attention_of
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork
from freqjax.tasks.autoencoder.network.curves import CurveDecoder
from freqjax.tasks.autoencoder.probes import Probed, Probes
from freqjax.tasks.evaluation import Evaluation, Frozen
from freqjax.text import printable

if TYPE_CHECKING:
    from freqjax.tasks.autoencoder.task import Autoencoder

# Training sequences whose codes are drawn.
_TRAIN = 384


class Record(NamedTuple):
    """Evaluation of an autoencoder on its test sequences.

    Attributes:
      dataset: the sequences.
      labels: names of the labels that tell sequences apart; empty for none.
      outputs: [N, T, D] of the network.
      others: name → outputs [N, T, D] of other methods.
      scores: name → cosine of other methods.
      codes: [N, K], before they are quantised.
      train_codes: [M, K], of some training sequences.
      train_rows: [M], which those are.
      bits: of each number at evaluation.
      probes: of the network.
      attention: weights of one sequence; None of a decoder that does not attend.
      curve: [P, L, D], the nodes of the first curve; None of a decoder without one.
    """

    dataset: Dataset
    labels: tuple[str, ...]
    outputs: Float[np.ndarray, "N T D"]
    others: Mapping[str, Float[np.ndarray, "N T D"]]
    scores: Mapping[str, float]
    codes: Float[np.ndarray, "N K"]
    train_codes: Float[np.ndarray, "M K"]
    train_rows: Int[np.ndarray, " M"]
    bits: int
    probes: Probes
    attention: Attention | None
    curve: Float[np.ndarray, "P L D"] | None = None


def record_of(task: Autoencoder, frozen: Frozen, evaluation: Evaluation) -> Record:
    """Encode test and some training sequences, and collect what was evaluated."""
    network, dataset = frozen.network, task.dataset
    assert isinstance(network, AutoencoderNetwork)
    train, test = dataset.train, dataset.test
    chosen = spaced(len(train.mask), _TRAIN)
    probed = Probed(network, frozen.params)
    coded = probed.encode(test)
    some = Part(train.vectors[chosen], train.mask[chosen], train.group[chosen], train.label[chosen])
    outputs = np.asarray(frozen.outputs("test"))
    constant = best_constant(train.vectors, train.mask)
    means = sequence_means(cosines(outputs, test))
    middle = int(np.argsort(means)[len(means) // 2])
    named = {"constant": "mean vector"}
    curve = None
    if isinstance(network.decoder, CurveDecoder):
        curve = np.asarray(frozen.params["decoder"]["stage_0"])
    return Record(
        dataset=dataset,
        labels=task.group_names if len(task.group_names) > 1 else (),
        outputs=outputs,
        others={"mean vector": np.broadcast_to(constant, outputs.shape), **task.judge.outputs},
        scores={named.get(name, name): score for name, score in evaluation.baselines.items()},
        codes=coded.codes,
        train_codes=probed.encode(some).codes,
        train_rows=chosen,
        bits=task.config.bits,
        probes=task.probes(frozen),
        attention=attention_of(network, frozen.params, coded, test, middle),
        curve=curve,
    )


def spaced(count: int, most: int) -> Int[np.ndarray, " n"]:
    """Return at most so many indices below `count`, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def cosines(outputs: Float[np.ndarray, "N T D"], part: Part) -> Float[np.ndarray, "N T"]:
    """Return the cosine of each vector; NaN where none is present or the output is not finite."""
    found = np.full(part.mask.shape, np.nan)
    finite = np.asarray(np.isfinite(outputs).all(axis=-1))
    kept = part.mask & finite
    found[kept] = token_cosines(np.where(finite[..., None], outputs, 0), part.vectors, kept)
    return found


def sequence_means(cosines: Float[np.ndarray, "N T"]) -> Float[np.ndarray, " N"]:
    """Return the mean cosine of each sequence over what is known; NaN if nothing is."""
    known = np.isfinite(cosines)
    count = known.sum(axis=1)
    total = np.where(known, cosines, 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def brief(text: str, most: int) -> str:
    """Return text that is safe to show, cut to so many characters."""
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
