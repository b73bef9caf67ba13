"""Small runs of the autoencoder with one known fault, and healthy ones: how often the fault is named.

    python -m benchmarks.planted_sequences [--seeds SEED ...] [--plants NAME ...]

Trains every plant at three seeds that were not used to set thresholds (those are seeds from 100), reads the
diagnosis of each run, and writes benchmarks/results/planted_sequences.json after each run; with names, only
their rows are measured again. With other seeds nothing is written. A plant is right if its cause is named
first, or among the first two where it always brings another with it; a healthy run is right if no cause of
the task's own is named.

The sequences are K numbers times fixed patterns [T, D], of the training and the test alike, and noise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from benchmarks import record
from benchmarks.planting import Bed, Plant
from freqjax.tasks.autoencoder.checks import CAUSES

_GRADED = (10, 11, 12)
_SEQUENCES, _SAMPLES, _DIMENSIONS, _NUMBERS = 240, 8, 6, 3


def _vectors(random: np.random.Generator, common: float) -> Float[np.ndarray, "N T D"]:
    """Draw K numbers times patterns, `common` times a pattern of all, and noise."""
    patterns = random.normal(size=(_NUMBERS, _SAMPLES, _DIMENSIONS))
    numbers = random.normal(size=(_SEQUENCES, _NUMBERS))
    noise = 0.1 * random.normal(size=(_SEQUENCES, _SAMPLES, _DIMENSIONS))
    centre = common * random.normal(size=(_SAMPLES, _DIMENSIONS))
    return np.einsum("nk,ktd->ntd", numbers, patterns) + centre + noise


def plain(random: np.random.Generator) -> dict[str, Any]:
    """Make sequences whose mean of a sample says little."""
    return {"sequences": _vectors(random, 0.3)}


def centred(random: np.random.Generator) -> dict[str, Any]:
    """Make sequences whose mean of a sample says much."""
    return {"sequences": _vectors(random, 1.5)}


def level(random: np.random.Generator) -> dict[str, Any]:
    """Make sequences whose mean is the same at every sample: the mean vector says all of it."""
    return {"sequences": _vectors(random, 0.0) + random.normal(size=_DIMENSIONS)}


def still(random: np.random.Generator) -> dict[str, Any]:
    """Make sequences whose vectors follow from the one before: they hardly change."""
    patterns = random.normal(size=(_NUMBERS, _DIMENSIONS))
    vectors = random.normal(size=(_SEQUENCES, _NUMBERS)) @ patterns
    return {
        "sequences": vectors[:, None] + 0.05 * random.normal(size=(1, _SAMPLES, 1)) * patterns[0]
    }


def copied(random: np.random.Generator) -> dict[str, Any]:
    """Make sequences of which every fifth of the test is one of training."""
    vectors = _vectors(random, 0.3)
    first = _SEQUENCES - 40
    vectors[first::5] = vectors[random.permutation(first)[:8]]
    return {"sequences": vectors, "split": np.repeat(["train", "test"], [first, 40])}


def overlapping(random: np.random.Generator) -> dict[str, Any]:
    """Make windows of 16 every 4 samples of one series of a slow mixture, divided at random."""
    steps = 0.3 * random.normal(size=(4 * _SEQUENCES + 16, _DIMENSIONS))
    series = np.cumsum(steps - steps.mean(axis=0), axis=0)
    return {"sequences": np.stack([series[f : f + 16] for f in range(0, 4 * _SEQUENCES, 4)])}


_LINEAR = {"task.encoder": "linear", "task.decoder": "linear"}
_RECURRENT = {"task.encoder": "both", "task.decoder": "recurrent", "network.cell": "gru"}
_FORCED = _RECURRENT | {"task.forcing": "1.0", "train.epochs": "150"}
_ATTENDING = _RECURRENT | {
    "task.encoder": "recurrent",
    "task.decoder": "encoder",
    "task.code_noise": "3",
    "train.epochs": "200",
}
_POSTERIOR = {"task.encoder": "recurrent", "task.divergence": "10"}
_TWO = _LINEAR | {"task.numbers": "2", "task.code_normalisation": "true"}

PLANTS: tuple[Plant, ...] = (
    Plant("healthy_linear", None, plain, _LINEAR),
    Plant("healthy_parallel", None, centred),
    Plant("healthy_recurrent", None, still, _RECURRENT | {"train.epochs": "150"}),
    Plant("copies", "split_leak", copied, _LINEAR),
    Plant("overlapping_windows", "split_leak", overlapping, _LINEAR),
    Plant("attends_to_encoder", "encoder_leak", plain, _ATTENDING),
    Plant("fed_the_answer", "answer_leak", plain, _FORCED | {"task.forcing_input": "current"}),
    Plant("fed_targets", "exposure_bias", still, _FORCED | {"task.code_noise": "30"}),
    Plant("one_bit", "rate", plain, _LINEAR | {"task.bits": "1"}),
    Plant("divergence", "code_unused", centred, _POSTERIOR, 2),
    Plant("divergence_at_a_level", "mean_predictor", level, _POSTERIOR, 2),
    # Two numbers that are normalised together are a number and its negative.
    Plant("two_normalised", "latent_collapse", plain, _TWO, 2),
)


BED = Bed(
    name="planted_sequences",
    plants=PLANTS,
    fields={
        "task.name": "autoencoder",
        "task.numbers": str(_NUMBERS),
        "network.hidden_size": "16",
        "train.regime": "examples",
        "train.epochs": "60",
        "train.evaluate_every": "20",
        "optimizer.learning_rate": "0.005",
    },
    task="freqjax.tasks.autoencoder.task.Autoencoder",
    counted=CAUSES,
    facts=lambda summary: {"skill": summary["test"]["skill"]},
)


def main(arguments: Sequence[str]) -> None:
    """Train and examine the plants that are named, or all; the graded runs of others keep their rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted_sequences")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(_GRADED))
    parser.add_argument("--plants", nargs="+", choices=[plant.name for plant in PLANTS])
    asked = parser.parse_args(arguments)
    graded = tuple(asked.seeds) == _GRADED
    names = asked.plants or [plant.name for plant in PLANTS]
    BED.grow(names, asked.seeds, record.read(BED.name) if graded else [], written=graded)


if __name__ == "__main__":
    main(sys.argv[1:])
