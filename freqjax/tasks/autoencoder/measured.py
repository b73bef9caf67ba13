"""Skills that the checks of a run compare: of its outputs, under each probe and without a network.

Skill is the share of the way from the mean vector to a cosine of 1, so that what is lost under a probe can be
compared between vectors, lengths and sizes of a code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from freqjax.tasks.autoencoder.baselines import skill
from freqjax.tasks.autoencoder.config import AutoencoderConfig
from freqjax.tasks.evaluation import Evaluation

# A skill below this leaves too little of which a share could be lost.
LEAST = 0.03


class Measured(NamedTuple):
    """Cosines of an evaluation, and their skill.

    Attributes:
      mean: cosine of the mean vector of the training rows, on the test rows.
      best: skill of the best code without a network.
      probes: entries of `freqjax.tasks.autoencoder.probes.Probes`, as JSON has them.
    """

    mean: float
    best: float
    probes: Mapping[str, Any]

    @classmethod
    def of(cls, evaluation: Evaluation) -> Measured:
        """Take the cosines from an evaluation."""
        mean = evaluation.baselines["constant"]
        others = [v for name, v in evaluation.baselines.items() if name != "constant"]
        best = max((skill(value, mean) for value in others), default=0.0)
        return cls(mean, best, evaluation.metrics["probes"])

    @property
    def skill(self) -> float:
        """Skill of the outputs, as evaluated."""
        return self.of_probe("cosine")

    @property
    def is_learned(self) -> bool:
        """Whether there is a skill of which a share can be lost."""
        return self.skill >= LEAST

    @property
    def codes_are_finite(self) -> bool:
        """Whether all numbers of all codes are finite."""
        return bool(np.isfinite(self.probes["geometry"]["participation"]))

    def of_probe(self, name: str) -> float:
        """Return the skill under a probe."""
        return skill(self.probes[name], self.mean)

    def at_bits(self, bits: int) -> float:
        """Return the skill of codes at one of the probed numbers of bits."""
        return skill(self.probes["by_bits"][str(bits)], self.mean)

    def lost(self, name: str) -> float:
        """Return by how much the skill under a probe is less."""
        return self.skill - self.of_probe(name)


def without_noise(config: AutoencoderConfig) -> list[str]:
    """Return the changes that remove what keeps a code from being used: noise, penalties, dropped words."""
    fields = (
        "code_noise",
        "code_noise_first",
        "code_penalty",
        "divergence",
        "word_dropout",
        "input_noise",
    )
    return [f"task.{field}=0" for field in fields if getattr(config, field)]


def to_linear(config: AutoencoderConfig) -> list[str]:
    """Return the changes to a linear code without noise, which begins as principal components."""
    changes = [
        f"task.{field}=linear"
        for field in ("encoder", "decoder")
        if getattr(config, field) != "linear"
    ]
    changes += ["task.forcing="] if config.forcing else []
    changes += ["task.positions=0"] if config.positions else []
    return [*changes, *without_noise(config)]
