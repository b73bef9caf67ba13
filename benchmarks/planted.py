"""Training runs with one known fault, and healthy ones, for measuring the accuracy of the diagnosis.

    python -m benchmarks.planted FOLDER [SEED ...]

A plant is a small run of some seconds with a known cause. The seed varies the weights, the rows and, to a
small extent, the task (frequencies, width, rates, place of the fault), so that no threshold can be tuned to
one point. All plants are changes to a few runs that learn their task reliably: `_clock`, and a network that
estimates the phase from the mixture. A fault that a config cannot express is planted by sabotage: changed
data files beside the run's folder, or initial weights replaced for the duration of the run.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np

import freqjax
from freqjax import Config
from freqjax.networks.initializers import INITIALIZERS
from freqjax.networks.weights import LstmInitializer, LstmSetting, LstmWeights, gate_columns
from freqjax.tasks import Sequences
from freqjax.tasks.extraction import datasets
from freqjax.tasks.extraction.config import extraction_of
from freqjax.tasks.extraction.task import Extraction

# (folder of the run, its config, seed) → a context that yields the config to train in it.
Sabotage = Callable[[Path, Config, int], contextlib.AbstractContextManager[Config]]


@dataclass(frozen=True)
class Plant:
    """A run with one known fault, or none.

    Attributes:
      name: of the plant; one cause may have several.
      cause: the planted cause, or None if it is healthy.
      config: seed → config of the run.
      sabotage: the fault that its config does not express, or None.
    """

    name: str
    cause: str | None
    config: Callable[[int], Config]
    sabotage: Sabotage | None = None


def grow(plant: Plant, seed: int, folder: Path) -> None:
    """Train `plant` in `folder`, without output and without figures, which take longer than the training."""
    config = plant.config(seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(np.errstate(over="ignore"))  # some plants have weights of 1e30
        stack.enter_context(
            mock.patch("freqjax.tasks.extraction.figures.drawings", lambda *a, **k: [])
        )
        stack.enter_context(
            mock.patch("freqjax.tasks.extraction.figures.rotors", lambda *a, **k: folder)
        )
        if plant.sabotage is not None:
            config = stack.enter_context(plant.sabotage(folder, config, seed))
        freqjax.train(config, folder, say=lambda line: None)


# --- runs that learn ---------------------------------------------------------------------------------


def _draw(seed: int, *choices: tuple[Any, ...]) -> list[Any]:
    """Draw one of each of `choices` by `seed`."""
    generator = np.random.default_rng([seed, len(choices)])
    return [values[generator.integers(len(values))] for values in choices]


def _with(config: Config, changes: dict[str, Any]) -> Config:
    """Return `config` with its fields `section.field` set to the values of `changes`."""
    for name, value in changes.items():
        section, field = name.split(".")
        setattr(getattr(config, section), field, value)
    return config


_PAIRS = ((2.0, 5.0), (2.0, 4.5), (3.0, 5.0), (2.5, 6.0), (2.0, 6.0))
_WIDTHS = (12, 16, 24)


def _clock(seed: int) -> Config:
    """Make a run that learns a clock in some 200 updates: rotors, Adam, full gradients over a second."""
    frequencies, width = _draw(seed, _PAIRS, _WIDTHS)
    return _with(
        Config(),
        {
            "task.frequencies": frequencies,
            "task.sampling_rate": 50.0,
            "task.duration": 1.0,
            "task.noise": "fresh",
            "task.train_seed": 2 * seed + 1,
            "task.test_seed": 2 * seed + 2,
            "network.hidden_size": width,
            "network.initializer": "rotor",
            "network.learned_carry": True,
            "task.rotor_low": 1.0,
            "task.rotor_high": 10.0,
            "optimizer.learning_rate": 2e-2,
            "optimizer.schedule": "cosine",
            "train.regime": "full",
            "train.streams": "parallel",
            "train.epochs": 400,
            "train.seed": seed,
            "train.evaluate_every": 25,
            "train.target_mse": 2e-3,
            "train.divergence_factor": None,
        },
    )


def _changed(changes: dict[str, Any]) -> Callable[[int], Config]:
    """Return seed → `_clock` with `changes`; of a list in them, the seed selects one member."""

    def config(seed: int) -> Config:
        drawn = {
            name: _draw(seed + 31 * place, tuple(value))[0] if isinstance(value, list) else value
            for place, (name, value) in enumerate(changes.items())
        }
        return _with(_clock(seed), drawn)

    return config


_CURRICULUM = {
    "task.duration": 1.5,
    "train.epochs": 60,
    "train.evaluate_every": 1,
    "curriculum.first_horizon": 0.5,
}

# A network that must estimate an unknown start from the mixture, which a small phase_scale permits.
_LISTENER = {
    "task.start": "random",
    "task.starts": 8,
    "task.phase_scale": [0.02, 0.05],
    "task.duration": 8.0,
    "network.initializer": "pytorch",
    "network.hidden_size": [16, 24],
    "optimizer.learning_rate": 1e-2,
    "train.regime": "tbptt",
    "train.truncation": 25,
    "train.epochs": 50,
    "train.target_mse": None,
}

# Fixed rows of less than two periods a block, whose spectral peaks the loader does not check.
_SLOW_ROWS = {
    "task.frequencies": [(0.8, 1.6), (0.9, 1.8), (1.0, 1.9), (0.7, 1.5)],
    "task.noise": "fixed",
    "train.epochs": 300,
}


# --- sabotage ----------------------------------------------------------------------------------------


def _replaced_weights(
    change: Callable[[jax.Array, LstmSetting, LstmWeights], LstmWeights],
) -> Sabotage:
    """Apply `change` to the initial weights for the duration of the run."""

    @contextlib.contextmanager
    def sabotage(folder: Path, config: Config, seed: int) -> Iterator[Config]:
        name = config.network.initializer
        honest: LstmInitializer = INITIALIZERS[name]

        def planted(key: jax.Array, setting: LstmSetting) -> LstmWeights:
            return change(jax.random.fold_in(key, 1), setting, honest(key, setting))

        with mock.patch.dict(INITIALIZERS, {name: planted}):
            yield config

    return sabotage


def _shut_outputs(key: jax.Array, setting: LstmSetting, weights: LstmWeights) -> LstmWeights:
    """Close the output gates, σ(−30): the output is 0, and so is the gradient."""
    columns = slice(gate_columns(setting.hidden_size)["o"], None)
    return weights._replace(input_bias=weights.input_bias.at[columns].set(-30.0))


def _shut_inputs(key: jax.Array, setting: LstmSetting, weights: LstmWeights) -> LstmWeights:
    """Close the input gates, σ(−30): a state that starts at 0 stays there."""
    columns = slice(0, setting.hidden_size)
    return weights._replace(input_bias=weights.input_bias.at[columns].set(-30.0))


def _chaotic(key: jax.Array, setting: LstmSetting, weights: LstmWeights) -> LstmWeights:
    """Draw recurrent weights of standard deviation 6: nearby states diverge by powers of ten in a second."""
    shape = weights.recurrent_kernel.shape
    return weights._replace(recurrent_kernel=6.0 * jax.random.normal(key, shape))


# (generator, inputs [B, T, D], targets [B, T]) → changed inputs and targets.
_Tamper = Callable[[np.random.Generator, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def rows_of_file(rows: Sequences) -> datasets.Rows:
    """Convert rows as a network reads them, the signal before the selector, to those of a file."""
    inputs = np.asarray(rows.inputs).reshape(-1, rows.inputs.shape[-1])
    return datasets.Rows(inputs[:, 0], inputs[:, 1:], np.asarray(rows.targets).reshape(-1))


def _files(tamper: _Tamper, stretch: int = 1) -> Sabotage:
    """Write a good test file, and a training file changed by `tamper`, of blocks `stretch` times as long.

    The files stand beside the run's folder, named as it is.
    """

    @contextlib.contextmanager
    def sabotage(folder: Path, config: Config, seed: int) -> Iterator[Config]:
        task = extraction_of(config)
        good = Extraction(task)
        duration, task.duration = task.duration, task.duration * stretch
        longer = Extraction(task).rows("train")
        task.duration = duration
        inputs, targets = tamper(
            np.random.default_rng(seed), np.array(longer.inputs), np.array(longer.targets[..., 0])
        )
        changed = longer._replace(inputs=inputs, targets=targets[..., None])
        rows = {
            "train": rows_of_file(changed),
            "test": rows_of_file(good.rows("test")),
        }
        for part, content in rows.items():
            path = folder.parent / f"{folder.name}-{part}.npz"
            path.unlink(missing_ok=True)
            datasets.write_rows(path, content, task.sampling_rate, task.samples)
            setattr(task, f"{part}_path", str(path))
        yield config

    return sabotage


_STRIDE = 5


def _decimate(generator: np.random.Generator, inputs: np.ndarray, targets: np.ndarray):
    """Keep every fifth row of a stream five times as long."""
    return inputs[:, ::_STRIDE], targets[:, ::_STRIDE]


def _interleave(generator: np.random.Generator, inputs: np.ndarray, targets: np.ndarray):
    """Order the rows as an unshuffled batch of five streams reads them: 0, 5, 10, …, 1, 6, …."""
    order = np.arange(targets.shape[1]).reshape(-1, _STRIDE).T.reshape(-1)
    return inputs[:, order], targets[:, order]


def _spike(generator: np.random.Generator, inputs: np.ndarray, targets: np.ndarray):
    """Make about every twelfth target 50 times too large."""
    struck = generator.random(targets.shape) < 0.08
    return inputs, np.where(struck, 50 * targets, targets)


def _stick(generator: np.random.Generator, inputs: np.ndarray, targets: np.ndarray):
    """Hold the targets constant for two fifths of every block."""
    samples = targets.shape[1]
    for row in targets:
        first = generator.integers(samples // 10, samples // 2)
        row[first : first + 2 * samples // 5] = row[first]
    return inputs, targets


def _delay(generator: np.random.Generator, inputs: np.ndarray, targets: np.ndarray):
    """Delay the targets by an eighth to a quarter of a block."""
    samples = targets.shape[1]
    return inputs, np.roll(targets, generator.integers(samples // 8, samples // 4), axis=1)


# --- the table ---------------------------------------------------------------------------------------

PLANTS: tuple[Plant, ...] = (
    Plant("healthy_adam", None, _clock),
    Plant("healthy_curriculum", None, _changed(_CURRICULUM)),
    Plant("healthy_listener", None, _changed(_LISTENER)),
    Plant(
        "healthy_truncated",
        None,
        _changed(
            {
                "network.initializer": "spectral",
                "optimizer.learning_rate": 1e-2,
                "train.regime": "tbptt",
                "train.truncation": 25,
                "train.epochs": 300,
            }
        ),
    ),
    # The phase carries no information about the time: the limit is 0.5.
    Plant(
        "unknown_start",
        "information_limit",
        _changed(
            {
                "task.start": "random",
                "task.phase_scale": 1.0,
                "task.starts": 16,
                "network.rotor_gain": 0.06,
                "task.rotor_leak": 15.0,
                "task.rotor_decay": 2.0,
                "train.epochs": 150,
            }
        ),
    ),
    # The phase carries information, but too little within so few samples.
    Plant(
        "short_block",
        "information_limit",
        _changed(
            {
                "task.start": "random",
                "task.phase_scale": 0.5,
                "task.starts": 64,
                "task.duration": [0.2, 0.16],
                "network.initializer": "pytorch",
                "train.epochs": 200,
            }
        ),
    ),
    # Rotors off by at most half a turn over the block: the full gradient corrects them, that of two samples
    # does not.
    Plant(
        "truncated",
        "gradient_truncation",
        _changed(
            {
                "task.frequencies": [(2.2, 5.3), (1.8, 4.7), (3.2, 5.7)],
                "task.duration": 2.0,
                "network.initializer": "spectral",
                "optimizer.learning_rate": 4e-3,
                "optimizer.schedule": "constant",
                "train.regime": "tbptt",
                "train.truncation": 1,
                "train.epochs": 300,
            }
        ),
    ),
    # A small original A: a step a sample, each block one slow sine.
    Plant(
        "online",
        "weight_chasing",
        _changed(
            {
                "task.frequencies": [(1.0, 3.0), (1.0, 2.0), (0.5, 2.0)],
                "task.sampling_rate": 500.0,
                "task.duration": 4.0,
                "task.noise": "fixed",
                "task.reset": "never",
                "network.initializer": "pytorch",
                "network.learned_carry": False,
                "optimizer.schedule": "constant",
                "optimizer.learning_rate": [3e-3, 5e-3],
                "train.regime": "online",
                "train.streams": "sequential",
                "train.epochs": 1,
                "train.evaluate_every": 1,
            }
        ),
    ),
    Plant(
        "fast",
        "learning_rate_high",
        _changed(
            {
                "optimizer.learning_rate": [0.6, 1.0, 2.0],
                "optimizer.schedule": "constant",
                "train.epochs": 200,
            }
        ),
    ),
    Plant(
        "slow",
        "learning_rate_low",
        _changed({"optimizer.learning_rate": [2e-6, 1e-5, 2e-5], "train.epochs": 200}),
    ),
    Plant(
        "narrow",
        "capacity",
        _changed(
            {
                "task.frequencies": [(2.0, 3.0, 5.0, 7.0), (2.0, 4.0, 6.0), (2.0, 3.5, 5.0, 6.5)],
                "network.initializer": "pytorch",
                "network.hidden_size": [1, 2],
            }
        ),
    ),
    Plant(
        "far_rotors",
        "frequency_basin",
        _changed(
            {
                "task.frequencies": [(2.0, 4.0), (1.0, 3.0), (2.0, 3.0)],
                "task.duration": 6.0,
                "task.rotor_low": 12.0,
                "task.rotor_high": 20.0,
                "optimizer.learning_rate": 1e-2,
                "train.epochs": 300,
            }
        ),
    ),
    Plant(
        "decayed",
        "amplitude_collapse",
        _changed(
            {
                "task.frequencies": [(2.0, 4.0), (2.0, 3.0), (3.0, 4.0)],
                "task.sampling_rate": 100.0,
                "network.initializer": "spectral",
                "network.hidden_size": [12, 16],
                "optimizer.learning_rate": 1e-2,
                "optimizer.weight_decay": [0.16, 0.18],
            }
        ),
    ),
    # Long blocks one after another, with many steps in each: only the last one is remembered.
    Plant(
        "serial",
        "forgetting",
        _changed(
            {
                "task.phase_scale": [0.02, 0.05],
                "task.duration": 140.0,
                "task.noise": "fixed",
                "network.initializer": "pytorch",
                "network.hidden_size": [12, 16],
                "optimizer.learning_rate": 1e-2,
                "train.regime": "tbptt",
                "train.truncation": 20,
                "train.streams": "sequential",
                "train.epochs": 1,
                "train.evaluate_every": 1,
                "train.target_mse": None,
            }
        ),
    ),
    Plant("shut_outputs", "vanishing_gradient", _clock, _replaced_weights(_shut_outputs)),
    Plant(
        "shut_inputs",
        "vanishing_gradient",
        _changed({"network.initializer": "pytorch", "network.learned_carry": False}),
        _replaced_weights(_shut_inputs),
    ),
    Plant(
        "chaotic",
        "exploding_gradient",
        _changed({"network.initializer": "pytorch", "train.epochs": 200}),
        _replaced_weights(_chaotic),
    ),
    Plant(
        "few_starts",
        "overfitting",
        _changed(
            {
                "task.start": "random",
                "task.starts": 1,
                "task.phase_scale": [0.02, 0.05],
                "task.noise": "fixed",
                "optimizer.learning_rate": 1e-2,
            }
        ),
    ),
    Plant(
        "every_fifth",
        "decimated_stream",
        _changed(_SLOW_ROWS),
        _files(_decimate, stretch=_STRIDE),
    ),
    Plant("interleaved", "decimated_stream", _changed(_SLOW_ROWS), _files(_interleave)),
    Plant("spikes", "bad_data", _changed(_SLOW_ROWS), _files(_spike)),
    Plant("stuck", "bad_data", _changed(_SLOW_ROWS), _files(_stick)),
    Plant("late_targets", "bad_data", _changed(_SLOW_ROWS), _files(_delay)),
    Plant("blown", "non_finite", _changed({"optimizer.learning_rate": 1e30})),
    Plant(
        "blown_sgd",
        "non_finite",
        _changed(
            {
                "optimizer.name": "sgd",
                "optimizer.clip_norm": None,
                "optimizer.learning_rate": [1e9, 1e10],
                "optimizer.schedule": "constant",
            }
        ),
    ),
)


def describe(folder: Path, seconds: float) -> str:
    """Format the numbers of a trained plant as a line."""
    values = json.loads((folder / "summary.json").read_text())
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    norms = [row["grad_norm_max"] for row in rows if row["grad_norm_max"] is not None]

    def show(values: Any) -> str:
        if isinstance(values, list):
            return " ".join(map(show, values))
        return "-" if values is None else f"{values:.3g}"

    tones = values["test"]["tones"]
    parts = {
        "": f"{seconds:.1f} s, {values['stop_reason']}",
        "test": show(values["test"]["mse_per_frequency"]),
        "after 1 s": show(values["test"].get("mse_after_1s_per_frequency")),
        "train": show(values["train"]["mse_per_frequency"]),
        "prequential": show(values["prequential_mse_per_frequency"]),
        "norms": show([min(norms, default=None), max(norms, default=None)]),
        "correlation": show([t["correlation"] for t in tones]),
        "amplitude": show([t["amplitude_ratio"] for t in tones]),
    }
    return folder.name + "".join(f" | {key} {value}" for key, value in parts.items())


def main() -> None:
    """Train every plant at each seed in a folder, and print its numbers."""
    folder, *seeds = sys.argv[1:]
    for plant in PLANTS:
        for seed in map(int, seeds or ("0",)):
            grown = Path(folder) / f"{plant.name}-{seed}"
            began = time.perf_counter()
            grow(plant, seed, grown)
            print(describe(grown, time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
