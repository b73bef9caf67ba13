"""Small runs of the classifier with one known fault, and healthy ones: how often the fault is named.

    python -m benchmarks.planted_classifier [PLANT ...] [--seeds SEED ...]

Trains every plant at three seeds that were not used to set anything (those are seeds 10 to 12, and from 100),
reads the diagnosis of each run, and writes benchmarks/results/planted_classifier.json after each. With other
seeds, or with plants named, nothing is written. A plant is right if its cause is named first, or among the
first two where it always brings another with it; a healthy run is right if no cause at all is named. That a
network is no better than a line is not planted: whatever keeps it from more is named before.

A window is noise of two modalities; a class adds its pattern to both, as `freqjax.tasks.classifier.synthetic`
draws it. Windows belong to persons, of whom each has an offset of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.planting import Bed, Plant
from freqjax.tasks.classifier.synthetic import PatternTask

_GRADED = (13, 14, 15)
_PERSONS, _EACH, _SAMPLES = 40, 80, 16
_CHANNELS = {"pose": 2, "path": 1}


def _windows(
    random: np.random.Generator, shares: Sequence[float], separations: dict[str, float]
) -> dict[str, Any]:
    """Draw windows of all persons.

    Args:
      random: the generator.
      shares: of the classes; the first has no pattern.
      separations: modality → d′ of each other class from the first; 0 for noise alone.
    """
    count = _PERSONS * _EACH
    person = np.repeat(np.arange(_PERSONS), _EACH)
    label = random.choice(len(shares), size=count, p=np.asarray(shares))
    arrays: dict[str, Any] = {"label": label, "group": person}
    for name, channels in _CHANNELS.items():
        values = random.normal(size=(count, _SAMPLES, channels))
        values += random.normal(scale=0.3, size=(_PERSONS, 1, channels))[person]
        for number in range(1, len(shares)) if separations[name] else ():
            seed = int(random.integers(2**31))
            task = PatternTask.make(0.5, separations[name], _SAMPLES, channels, seed)
            values[label == number] += task.pattern
        arrays[name] = values
    return arrays


def plain(random: np.random.Generator) -> dict[str, Any]:
    """Make two classes that both modalities tell."""
    return _windows(random, (0.6, 0.4), {"pose": 2.5, "path": 2.0})


def several(random: np.random.Generator) -> dict[str, Any]:
    """Make three classes that both modalities tell."""
    return _windows(random, (0.4, 0.3, 0.3), {"pose": 3.0, "path": 2.5})


def rare(random: np.random.Generator) -> dict[str, Any]:
    """Make a class of a tenth that is told well."""
    return _windows(random, (0.9, 0.1), {"pose": 2.5, "path": 2.5})


def rare_and_near(random: np.random.Generator) -> dict[str, Any]:
    """Make a class of a tenth that overlaps with the other, so that hardly a window is likely of it."""
    return _windows(random, (0.9, 0.1), {"pose": 1.0, "path": 1.0})


def one_is_noise(random: np.random.Generator) -> dict[str, Any]:
    """Make two classes of which one modality knows nothing."""
    return _windows(random, (0.6, 0.4), {"pose": 3.0, "path": 0.0})


def in_two_parts(random: np.random.Generator) -> dict[str, Any]:
    """Make windows that are divided at random, so that each person is in every part."""
    arrays = plain(random)
    parts = random.choice(3, size=len(arrays["label"]), p=(0.5, 0.2, 0.3))
    return arrays | {"split": parts}


_WEIGHTS = {"task.noise": "fresh", "task.balance": "weights"}
_TWICE = {"task.noise": "fresh", "task.balance": "both", "task.undo_balance": "false"}
_ATTENDING = {"task.encoder": "transformer", "task.layers": "1", "optimizer.warmup_fraction": "0.1"}

PLANTS: tuple[Plant, ...] = (
    Plant("healthy_convolutions", None, plain),
    Plant("healthy_classes", None, several),
    Plant("healthy_weights", None, rare, _WEIGHTS),
    Plant("healthy_attention", None, plain, _ATTENDING | {"train.epochs": "14"}),
    # Steps as large as these leave a constant, which is named beside them.
    Plant("fast", "learning_rate_high", plain, {"optimizer.learning_rate": "1"}, 2),
    Plant("decayed", "constant_predictor", plain, {"optimizer.weight_decay": "30"}),
    Plant("persons_in_all_parts", "leakage", in_two_parts, {"task.shared_groups": "true"}),
    Plant("corrected_twice", "over_correction", rare_and_near, _TWICE),
    Plant("rare_class", "uncalibrated_threshold", rare_and_near),
    Plant("noise_modality", "unused_modality", one_is_noise),
    Plant("two_persons", "validation_too_small", plain, {"task.split": "0.65,0.05,0.3"}),
)


_KEYS = {"average precision": "average_precision", "macro F1": "macro_f1"}


def _facts(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the score of a run and those of the baselines."""
    key = _KEYS[summary["score_name"]]
    return {
        "score": summary["score"],
        "baselines": {name: own[key] for name, own in summary["baselines"].items()},
    }


BED = Bed(
    name="planted_classifier",
    plants=PLANTS,
    fields={
        "task.name": "classifier",
        "task.split": "0.5,0.2,0.3",
        "task.derived": "false",
        "task.baseline_kernels": "84",
        "network.cell": "gru",
        "network.hidden_size": "16",
        "train.regime": "examples",
        "train.batch": "32",
        "train.epochs": "8",
        "train.divergence_factor": "none",
        "optimizer.name": "adamw",
        "optimizer.learning_rate": "0.005",
        "optimizer.weight_decay": "0.01",
        "optimizer.schedule": "cosine",
    },
    task="freqjax.tasks.classifier.task.Classifier",
    counted=None,
    facts=_facts,
)


def main() -> None:
    """Train and examine the plants that are named, or all; only the graded runs of all are written."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plants", nargs="*")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(_GRADED))
    asked = parser.parse_args()
    graded = not asked.plants and tuple(asked.seeds) == _GRADED
    names = asked.plants or [plant.name for plant in PLANTS]
    BED.grow(names, asked.seeds, [], written=graded)


if __name__ == "__main__":
    main()
