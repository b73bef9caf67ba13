"""Check that a mixture holds its targets: the linear estimate of the law, held against its own limit.

A sample of the mixture has the mean (g/F) Σ_i A_i sin(ω_i n + φ_i + λ), with the gain g and the lag λ of the
noise (`freqjax.tasks.extraction.limits.law`). Least squares on the mixture of a block gives the phasors
A_i exp(iφ_i) of all components, with a covariance that is known. Where they lie farther from the phasors of
the targets than that, the mixture is another one: negated, late, of another size, or another stream's.
Axes: B blocks, T samples, F frequencies, N blocks with the selector of one component.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from freqjax.tasks.batch import Batch
from freqjax.tasks.examination import Evidence, Examination
from freqjax.tasks.extraction import target_checks
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.law import gain_and_lag, is_mute, noise_variance
from freqjax.text import number

# A mixture whose estimate must have an error above this says too little of its phases to be checked.
_BLURRED = 0.15
# An error exceeds the expected one if it does so by this many standard deviations of its mean.
_DEVIATIONS = 6.0
# A smaller excess, of a unit sine's MSE, explains nothing.
_EXCESS = 0.03
# Relations of mixture and target that differ by less are the same.
_SAME = 0.2


class Relation(NamedTuple):
    """Relation of the targets of some rows to their mixtures; B blocks.

    Attributes:
      targets: [B] complex phasors of the targets.
      estimates: [B, F] those of all components by the mixture of the block.
      groups: [B] the selected component.
      expected: the error that the estimate must have.
    """

    targets: np.ndarray
    estimates: np.ndarray
    groups: np.ndarray
    expected: float

    @property
    def own(self) -> np.ndarray:
        """[B] the estimates of the selected components."""
        return self.estimates[np.arange(len(self.groups)), self.groups]

    @property
    def most(self) -> float:
        """The largest error that chance gives."""
        spread = _DEVIATIONS / np.sqrt(len(self.targets))
        return self.expected * (1 + spread) + _EXCESS

    def error(self, factors: np.ndarray | None = None) -> float:
        """Return the MSE of the estimates, times one factor a component ([F]) if given."""
        own = self.own if factors is None else factors[self.groups] * self.own
        return float(np.mean(np.abs(own - self.targets) ** 2) / 2)

    def factors(self) -> np.ndarray:
        """Return [F] the complex factors that bring the estimates closest to the targets."""
        found = np.ones(self.estimates.shape[1], complex)
        for group in range(len(found)):
            ours = self.groups == group
            power = np.sum(np.abs(self.own[ours]) ** 2)
            if power > 0:
                found[group] = np.sum(self.targets[ours] * np.conj(self.own[ours])) / power
        return found


def relate(
    config: ExtractionConfig, blocks: Batch, references: np.ndarray | None, scales: np.ndarray
) -> Relation:
    """Estimate the phasors of all blocks from their mixtures.

    Args:
      config: the law.
      blocks: the rows.
      references: [F] phasors to hold the mixtures against; None for those of the targets.
      scales: [F] by which the targets are too large.
    """
    groups = np.asarray(blocks.group)
    mixture = np.asarray(blocks.inputs["signal"][..., 0], np.float64)
    design = _design(config, mixture.shape[1])
    inverse = np.linalg.pinv(design.T @ design)
    weights = (inverse @ (design.T @ mixture.T)).T.reshape(len(mixture), -1, 2)
    spread = np.diag(inverse).reshape(-1, 2).sum(axis=1) * noise_variance(config) / 2
    targets = np.zeros(len(groups), complex)
    for group in range(len(config.frequencies)):
        ours = groups == group
        if references is not None:
            targets[ours] = references[group]
        elif ours.any():
            cycles = target_checks.cycles_of(config, group)
            fit = target_checks.fit_sines(target_checks.targets_of(blocks, group), cycles)
            targets[ours] = fit.phasors / scales[group]
    return Relation(
        targets, weights[..., 0] + 1j * weights[..., 1], groups, float(spread[groups].mean())
    )


def _design(config: ExtractionConfig, samples: int) -> np.ndarray:
    """Return [T, 2F]: sine and cosine of every component in the mean of the mixture."""
    gain, lag = gain_and_lag(config)
    cycles = np.array(config.frequencies) / config.sampling_rate
    angle = 2 * np.pi * np.arange(samples)[:, None] * cycles + lag
    pairs = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    return gain / len(cycles) * pairs.reshape(samples, -1)


def data_mismatch(
    config: ExtractionConfig,
    evidence: Evidence,
    differ: target_checks.Disagreement,
    *,
    decimated: bool,
) -> Examination:
    """Tell whether the mixtures of training or test hold the targets that stand beside them."""
    found, errors = None, {}
    words = (
        "The mixture says nothing of the phases, by its law: it cannot be held against the targets"
    )
    if decimated:
        words = "The rows are decimated: their mixture cannot be held against the targets"
    elif not is_mute(config):
        known = _known_phasors(config, evidence.test_rows)
        ones = np.ones(len(config.frequencies))
        train = relate(config, evidence.train_rows, known, differ.scales if known is None else ones)
        test = relate(config, evidence.test_rows, known, ones)
        if max(train.expected, test.expected) > _BLURRED:
            words = (
                "The blocks are too short, or too noisy, to hold the mixture against the targets"
            )
        else:
            found, words = _compare(config, train, test)
            errors = {
                "train_estimate_mse": train.error(),
                "test_estimate_mse": test.error(),
                "expected_mse": train.expected,
            }
    return Examination(
        cause="data_mismatch",
        found=found,
        words=f"{words}.",
        evidence=errors,
        threshold=(
            f"an error of the linear estimate by {_EXCESS:g} and {_DEVIATIONS:g} standard deviations above "
            "that of the law: the mixture is not the one of these targets"
        ),
        experiment=evidence.command("task.train_path=", "task.test_path=")
        if config.train_path or config.test_path
        else evidence.command(f"task.train_seed={1 + max(config.train_seed, config.test_seed)}"),
        advice="Correct the mixture of the file: --mode generate writes one of the same shape.",
        before="non_finite",
    )


def _known_phasors(config: ExtractionConfig, test: Batch) -> np.ndarray | None:
    """Return [F] phasors of the test targets where all streams start alike; None where they do not."""
    if config.start != "zero":
        return None
    return np.array(
        [
            target_checks.fit_sines(
                target_checks.targets_of(test, g), target_checks.cycles_of(config, g)
            ).phasors[0]
            for g in range(len(config.frequencies))
        ]
    )


def _compare(config: ExtractionConfig, train: Relation, test: Relation) -> tuple[bool, str]:
    wrong = [
        (name, relation)
        for name, relation in (("training", train), ("test", test))
        if relation.error() > relation.most
    ]
    if not wrong:
        return False, (
            f"The linear estimate of the training mixtures has an error of {number(train.error())}, where "
            f"the law gives {number(train.expected)}: they hold their targets"
        )
    if len(wrong) == 2 and all(r.error(r.factors()) <= r.most for _, r in wrong):
        apart = np.abs(train.factors() - test.factors()).max()
        if apart < _SAME:
            return False, (
                "The mixtures lie to their targets otherwise than by the law, but alike in training and test"
            )
    said = [
        f"the {name} mixtures {_name(config, relation)}: their linear estimate has an error of "
        f"{number(relation.error())}, where the law gives {number(relation.expected)}"
        for name, relation in wrong
    ]
    words = "; ".join(said)
    return True, f"{words[0].upper()}{words[1:]}"


def _name(config: ExtractionConfig, relation: Relation) -> str:
    """Name what is wrong with mixtures: sign, lag, size, or the blocks whose mixtures they are."""
    factors = relation.factors()
    if np.abs(relation.own).max() < 0.05:
        return "hold no component"
    if relation.error(factors) > relation.most:
        return _exchanged(relation) or "do not hold their targets"
    sizes = np.abs(factors)
    if (np.abs(np.angle(factors)) < target_checks.PHASE).all():
        return (
            f"are {1 / max(float(np.median(sizes)), 1e-9):.2g} times as large as the law has them"
        )
    named = target_checks.name_phases(config, -np.angle(factors), range(len(factors)))
    return named or "are out of phase with their targets"


def _exchanged(relation: Relation) -> str:
    """Name a block whose mixture is beside another block's target; empty where most are nobody's."""
    apart = np.abs(relation.estimates[:, relation.groups] - relation.targets) ** 2 / 2
    nearest = apart.argmin(axis=0)
    own = apart[np.arange(len(nearest)), np.arange(len(nearest))]
    close = apart.min(axis=0) <= relation.most
    if close.mean() < 0.8:
        return ""
    wrong = np.flatnonzero(close & (own > relation.most))
    if not wrong.size:
        return ""
    first = int(wrong[0])
    return f"are exchanged (the target of block {first + 1} fits that of block {int(nearest[first]) + 1})"
