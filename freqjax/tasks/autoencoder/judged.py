"""Evaluation of an autoencoder: cosine and skill of every split beside codes without a network, and probes.

Axes: N sequences, T samples, D dimensions, K numbers of a code, C groups (chapters, persons).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.tasks.autoencoder import parts
from freqjax.tasks.autoencoder.baselines import (
    CosineTransform,
    WindowPca,
    best_constant,
    explained,
    mean_cosine,
    skill,
    through,
    token_cosines,
)
from freqjax.tasks.autoencoder.cutting import Text
from freqjax.tasks.autoencoder.dataset import Dataset, Part
from freqjax.tasks.autoencoder.leaks import Leak, check_split_leak
from freqjax.tasks.autoencoder.linear_code import Learning, linear_cosine
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork
from freqjax.tasks.autoencoder.probes import Probes, probe
from freqjax.tasks.evaluation import Frozen


class Difference(NamedTuple):
    """Mean difference of two cosines on the same tokens, with its standard error over groups.

    Attributes:
      mean: of the first minus the second, over all tokens.
      error: its standard error; None with fewer than two groups.
      groups: how many groups there are.
    """

    mean: float
    error: float | None
    groups: int


class Judge:
    """Codes without a network on the rows of a dataset, each computed once."""

    def __init__(self, dataset: Dataset, numbers: int, bits: int) -> None:
        """Store the rows, K = `numbers` and the bits of each."""
        self.dataset, self.numbers, self.bits = dataset, numbers, bits

    @functools.cached_property
    def pca(self) -> WindowPca:
        """Principal components of training sequences."""
        train = self.dataset.train
        return WindowPca.fit(train.vectors, train.mask, self.numbers)

    @functools.cached_property
    def outputs(self) -> dict[str, Float[np.ndarray, "N T D"]]:
        """Outputs of components and of the cosine transform on the test rows."""
        train, test = self.dataset.train, self.dataset.test
        transform = CosineTransform.fit(train.vectors, train.mask, self.numbers)
        return {
            "pca": through(self.pca, train, test, self.bits),
            "dct": through(transform, train, test, self.bits),
        }

    @functools.cached_property
    def linear(self) -> tuple[float, list[float]]:
        """Mean cosine of the trained linear code on the test rows, and of each sequence."""
        dataset = self.dataset
        chooses = dataset.validation if len(dataset.validation.mask) else dataset.train
        train, words = dataset.train, dataset.vocabulary
        text = None
        if words is not None and train.rows is not None:
            text = Text.of(train, words.vectors)
        rows = parts.Rows(train.vectors, train.mask)
        return linear_cosine(
            Learning(train, chooses, text),
            dataset.test,
            self.numbers,
            self.bits,
            lambda: parts.components_of(rows, self.numbers),
        )

    def mean(self, part: Part) -> float:
        """Return the cosine of the best constant of the training rows on a part."""
        return mean_cosine(self._constant(part), part.vectors, part.mask)

    def explained(self, outputs: Float[np.ndarray, "N T D"], part: Part) -> float | None:
        """Return the share of the squared distance from the training mean that outputs explain.

        None of words, whose vectors have one length, so that cosines say all.
        """
        if self.dataset.vocabulary is not None:
            return None
        train = self.dataset.train
        mean = train.vectors[train.mask].mean(axis=0, dtype=np.float64)
        return explained(outputs, part.vectors, part.mask, mean)

    @functools.cached_property
    def explained_by(self) -> dict[str, float]:
        """Shares of the test rows that codes without a network explain, by name; empty of words.

        The trained linear code is not among them: it is trained on the cosine, which any length has.
        """
        test = self.dataset.test
        found = {name: self.explained(outputs, test) for name, outputs in self.outputs.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _constant(self, part: Part) -> Float[np.ndarray, "N T D"]:
        train = self.dataset.train
        return np.broadcast_to(best_constant(train.vectors, train.mask), part.vectors.shape)

    @functools.cached_property
    def leak(self) -> Leak:
        """Sequences of other parts that a part repeats."""
        return check_split_leak(self.dataset)

    def baselines(self) -> dict[str, Any]:
        """Return what is compared with on the test rows: outputs, or a cosine.

        The constant is that of the highest cosine whatever the loss is: the best one of another loss may be
        near 0, where it has no direction.
        """
        constant = self._constant(self.dataset.test)
        return {"constant": constant, **self.outputs, "linear": self.linear[0]}

    def probes(self, frozen: Frozen) -> Probes:
        """Run the probes of `freqjax.tasks.autoencoder.probes` on the test rows."""
        assert isinstance(frozen.network, AutoencoderNetwork)
        outputs = np.asarray(frozen.outputs("test"))
        return probe(frozen.network, frozen.params, self.dataset.test, outputs)

    def metrics(
        self,
        metrics: Mapping[str, Any],
        baselines: Mapping[str, float],
        frozen: Frozen,
        probes: Probes,
    ) -> dict[str, Any]:
        """Add skill and bits to the entries of each split, skill to the baselines, and what else was found.

        Args:
          metrics: entries of each split.
          baselines: cosines on the test rows by name; `constant` is the mean vector.
          frozen: weights, of whose outputs more is measured.
          probes: on the test rows.
        """
        found = dict(metrics)
        bits = self.numbers * self.bits
        for name, part in self.dataset.parts.items():
            if name in found:
                value = skill(found[name]["cosine"], self.mean(part))
                found[name] = {**found[name], "skill": value, "bits_per_sequence": bits}
                share = self.explained(np.asarray(frozen.outputs(name)), part)
                if share is not None:
                    found[name]["explained"] = share
        mean = baselines["constant"]
        named = {"mean": mean, **{k: v for k, v in baselines.items() if k != "constant"}}
        scored = {k: {"cosine": v, "skill": skill(v, mean)} for k, v in named.items()}
        for name, share in self.explained_by.items():
            scored[name]["explained"] = share
        return found | {
            "baselines": scored,
            "beyond_linear": self.beyond_linear(frozen.outputs("test"))._asdict(),
            "probes": probes_json(probes),
        }

    def beyond_linear(self, outputs: Float[np.ndarray, "N T D"]) -> Difference:
        """Compare outputs on the test rows with the trained linear code."""
        test = self.dataset.test
        each = token_means(outputs, test)
        return difference(each, np.array(self.linear[1]), test.mask.sum(axis=1), test.group)


def token_means(outputs: Float[np.ndarray, "N T D"], part: Part) -> Float[np.ndarray, " N"]:
    """Return the mean cosine of the tokens of each sequence."""
    tokens = np.zeros(part.mask.shape, np.float64)
    tokens[part.mask] = token_cosines(outputs, part.vectors, part.mask)
    return tokens.sum(axis=1) / np.maximum(part.mask.sum(axis=1), 1)


def difference(
    first: Float[np.ndarray, " N"],
    second: Float[np.ndarray, " N"],
    tokens: Int[np.ndarray, " N"],
    groups: Int[np.ndarray, " N"],
) -> Difference:
    """Return the mean difference of two scores of sequences, weighted by tokens.

    The standard error is that of a ratio over groups, as of a cluster sample (Cochran 1977, section 6.5).

    Args:
      first: a score of each sequence.
      second: another of each.
      tokens: of each.
      groups: of each; sequences of one group are not independent.
    """
    _, index = np.unique(groups, return_inverse=True)
    count = int(index.max()) + 1
    sums, sizes = np.zeros(count), np.zeros(count)
    np.add.at(sums, index, (first - second) * tokens)
    np.add.at(sizes, index, tokens)
    mean = float(sums.sum() / sizes.sum())
    if count < 2:
        return Difference(mean, None, count)
    residuals = sums - mean * sizes
    error = np.sqrt(count / (count - 1) * np.sum(residuals**2)) / sizes.sum()
    return Difference(mean, float(error), count)


def probes_json(probes: Probes) -> dict[str, Any]:
    """Return probes ready for JSON."""
    values = probes._asdict()
    values["by_bits"] = {str(bits): cosine for bits, cosine in probes.by_bits.items()}
    values["geometry"] = probes.geometry._asdict()
    return values
