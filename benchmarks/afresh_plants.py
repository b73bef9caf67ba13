"""Faults planted afresh: in cells, regimes, rates and sizes unlike those of `benchmarks.planted`.

Every fault has its labels here, before any diagnosis of it is seen, and the change that mends it, which is
tried as well: a label whose change does not mend the run is not proven. A seed draws frequencies, rates,
widths and the size of the fault, so that a run of one seed has no setting in common with a run of another.
A third of the faults are borderline, or two at once.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.latch import LatchConfig
from benchmarks.planted import rows_of_file
from freqjax import Config
from freqjax.networks.initializers import INITIALIZERS
from freqjax.networks.weights import gate_columns
from freqjax.tasks.extraction import datasets
from freqjax.tasks.extraction.task import Extraction

Changes = dict[str, Any]
# (generator, mixtures [B, T], targets [B, T]) → both, changed.
Tamper = Callable[[np.random.Generator, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Draw:
    """Settings of a run, by its seed."""

    def __init__(self, seed: int, name: str) -> None:
        """Draw from `seed` and the name of a fault, so that two faults of a seed differ."""
        self.seed = seed
        self.generator = np.random.default_rng([seed, zlib.crc32(name.encode())])

    def of(self, *values: Any) -> Any:
        """Return one of `values`."""
        return values[self.generator.integers(len(values))]

    def within(self, low: float, high: float) -> float:
        """Return a number between two, uniform in its logarithm, with three digits."""
        return float(f"{np.exp(self.generator.uniform(np.log(low), np.log(high))):.3g}")

    def apart(self, count: int, low: float, high: float) -> tuple[float, ...]:
        """Return so many rising frequencies between two, none close to another."""
        edges = np.linspace(low, high, count + 1)
        width = edges[1] - edges[0]
        return tuple(
            round(float(edge + self.generator.uniform(0.1, 0.6) * width), 1) for edge in edges[:-1]
        )


@dataclass(frozen=True)
class Fault:
    """A run with one fault, with two, or with none.

    Attributes:
      name: of the fault.
      causes: what a diagnosis must name: none, one first, or two among the first three.
      base: draws the run as it is without the fault.
      changes: draws the fields that plant it.
      tamper: spoils the rows of its training file; None where no file is needed.
      test_tamper: the same of the test file.
      weights: spoils its first weights.
      kind: plain, borderline or compound.
      mend: fields that mend it, where leaving out `changes`, files and weights would not do.
      provable: whether the run without the fault is expected to reach its goal.
    """

    name: str
    causes: tuple[str, ...]
    base: Callable[[Draw], Changes]
    changes: Callable[[Draw], Changes] = field(default=lambda draw: {})
    tamper: Tamper | None = None
    test_tamper: Tamper | None = None
    weights: Callable[[Any, Any], Any] | None = None
    kind: str = "plain"
    mend: Callable[[Draw], Changes] | None = None
    provable: bool = True

    def config(self, seed: int, *, mended: bool = False) -> Config:
        """Return the config of the run of a seed, or of the run without the fault."""
        draw = Draw(seed, self.name)
        fields = self.base(draw)
        planted = self.changes(draw)
        if mended:
            planted = {} if self.mend is None else planted | self.mend(draw)
        return _made(fields | planted, seed)

    @contextlib.contextmanager
    def planted(self, folder: Path, seed: int, *, mended: bool = False) -> Iterator[Config]:
        """Yield the config to train in `folder`, with what it cannot express spoiled meanwhile."""
        config = self.config(seed, mended=mended)
        if mended:
            yield config
            return
        if self.tamper is not None or self.test_tamper is not None:
            _write_files(self, folder, config, seed)
        weights = self.weights
        if weights is None:
            yield config
            return
        name = config.network.initializer
        honest = INITIALIZERS[name]

        def spoiled(key: Any, setting: Any) -> Any:
            return weights(jax.random.fold_in(key, 1), honest(key, setting))

        INITIALIZERS[name] = spoiled
        try:
            yield config
        finally:
            INITIALIZERS[name] = honest


def _made(fields: Changes, seed: int) -> Config:
    config = (
        Config(task=LatchConfig(name="benchmarks.latch:Latch"))
        if fields.pop("latch", False)
        else Config()
    )
    fields = {
        "task.train_seed": 2 * seed + 1,
        "task.test_seed": 2 * seed + 2,
        "train.seed": seed,
    } | fields
    for name, value in fields.items():
        section, key = name.split(".")
        setattr(getattr(config, section), key, value)
    return config


def _write_files(fault: Fault, folder: Path, config: Config, seed: int) -> None:
    """Write the rows of the run, spoiled, beside its folder, and name them in its config."""
    task: Any = config.task
    honest = Extraction(task)
    for split, tamper in (("train", fault.tamper), ("test", fault.test_tamper)):
        rows = honest.rows(split)
        inputs, targets = np.array(rows.inputs), np.array(rows.targets[..., 0])
        if tamper is not None:
            generator = np.random.default_rng([seed, 7])
            inputs[..., 0], targets = tamper(generator, inputs[..., 0].copy(), targets)
        changed = rows._replace(inputs=inputs, targets=targets[..., None])
        path = folder.parent / f"{folder.name}-{split}.npz"
        path.unlink(missing_ok=True)
        datasets.write_rows(path, rows_of_file(changed), task.sampling_rate, task.samples)
        setattr(task, f"{split}_path", str(path))
    if fault.name == "tested_on_training":
        task.test_path = task.train_path


# --- runs that learn ---------------------------------------------------------------------------------


def clock(draw: Draw) -> Changes:
    """Rotors that are to become clocks: a block of a second or two at an odd rate."""
    return {
        "task.frequencies": draw.apart(2, 1.5, 5.0),
        "task.sampling_rate": draw.of(36.0, 44.0, 60.0, 64.0),
        "task.duration": draw.of(1.25, 1.5),
        "task.noise": "fresh",
        "task.rotor_low": 0.8,
        "task.rotor_high": 8.0,
        "network.hidden_size": draw.of(8, 10, 14),
        "network.initializer": "spectral",
        "network.learned_carry": True,
        "optimizer.learning_rate": draw.within(1e-2, 2e-2),
        "optimizer.schedule": "cosine",
        "train.regime": "full",
        "train.streams": "parallel",
        "train.epochs": 400,
        "train.evaluate_every": 20,
        "train.divergence_factor": None,
    }


def slow_clock(draw: Draw) -> Changes:
    """Blocks of less than two periods, whose spectral peaks the loader of files does not check."""
    return clock(draw) | {
        "task.frequencies": draw.apart(2, 0.7, 1.3),
        "task.phase_scale": draw.within(0.03, 0.08),
        "task.noise": "fixed",
        "task.rotor_low": 0.3,
        "task.rotor_high": 2.5,
    }


def listener(draw: Draw) -> Changes:
    """Networks that find an unknown start in the mixture: gated cells of two and one gate."""
    return {
        "task.frequencies": draw.apart(2, 1.5, 4.5),
        "task.sampling_rate": draw.of(40.0, 50.0),
        "task.duration": 3.0,
        "task.start": "random",
        "task.starts": 12,
        "task.phase_scale": draw.within(0.01, 0.04),
        "task.noise": "fresh",
        "task.reset": "block",
        "network.cell": draw.of("gru", "lstm"),
        "network.hidden_size": draw.of(14, 18),
        "optimizer.learning_rate": draw.within(8e-3, 1.4e-2),
        "train.regime": "tbptt",
        "train.truncation": 30,
        "train.streams": "parallel",
        "train.epochs": 120,
        "train.evaluate_every": 20,
        "train.divergence_factor": None,
    }


def latch(draw: Draw) -> Changes:
    """Two signs to remember: whole sequences in shuffled batches."""
    return {
        "latch": True,
        "task.steps": draw.of(8, 12),
        "task.count": 32,
        "network.cell": draw.of("lstm", "gru"),
        "network.hidden_size": draw.of(6, 8),
        "optimizer.learning_rate": draw.within(1.5e-2, 3e-2),
        "train.regime": "examples",
        "train.batch": 16,
        "train.epochs": 150,
        "train.evaluate_every": 10,
        "train.divergence_factor": None,
    }


def ordered_latch(draw: Draw) -> Changes:
    """The same, all sequences side by side."""
    return latch(draw) | {
        "train.regime": "full",
        "train.streams": "parallel",
        "task.reset": "block",
        "train.epochs": 300,
    }


def both(first: Callable[[Draw], Changes], **more: Any) -> Callable[[Draw], Changes]:
    """Return a base with some fields changed; `section__field` stands for section.field."""
    fixed = {name.replace("__", ".", 1): value for name, value in more.items()}
    return lambda draw: first(draw) | fixed


def put(**fields: Any) -> Callable[[Draw], Changes]:
    """Return changes of fields: a value, a pair (low, high) to draw from, or a list to choose from."""

    def changes(draw: Draw) -> Changes:
        made = {}
        for name, value in fields.items():
            if isinstance(value, tuple):
                value = draw.within(*value)
            elif isinstance(value, list):
                value = draw.of(*value)
            made[name.replace("__", ".", 1)] = value
        return made

    return changes


# --- what is spoiled -----------------------------------------------------------------------------------


def larger(low: float, high: float) -> Tamper:
    """Multiply the targets."""
    return lambda g, s, y: (s, y * np.float32(g.uniform(low, high)))


def offset(low: float, high: float) -> Tamper:
    """Add a constant to the targets."""
    return lambda g, s, y: (s, y + np.float32(g.uniform(low, high)))


def negated(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
    """Change the sign of the targets."""
    return s, -y


def late(low: int, high: int) -> Tamper:
    """Delay the targets by some samples, as sines: the block begins with earlier ones."""

    def tamper(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
        count = int(g.integers(low, high))
        before = (
            2 * y[:, :1] - y[:, count:0:-1] if count else y[:, :0]
        )  # odd about the first sample
        return s, np.concatenate([before, y[:, : y.shape[1] - count]], axis=1)

    return tamper


def outlier(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
    """Make one target of the file too large."""
    y[g.integers(len(y)), g.integers(y.shape[1])] = g.uniform(15, 40)
    return s, y


def decimated(every: int) -> Tamper:
    """Order the rows as an unshuffled batch of so many streams reads them."""

    def tamper(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
        samples = y.shape[1] // every * every
        order = np.arange(samples).reshape(-1, every).T.reshape(-1)
        order = np.concatenate([order, np.arange(samples, y.shape[1])])
        return s[:, order], y[:, order]

    return tamper


def swapped(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
    """Exchange the targets of the two selectors."""
    return s, y.reshape(-1, 2, y.shape[1])[:, ::-1].reshape(y.shape)


def too_fast(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
    """Give the targets a frequency that is not the selector's: the block in fewer samples, then mirrored."""
    samples = y.shape[1]
    places = np.linspace(0, (samples - 1) / g.uniform(1.25, 1.4), samples)
    return s, np.stack([np.interp(places, np.arange(samples), row) for row in y]).astype(np.float32)


def mixture_negated(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
    """Change the sign of the mixtures."""
    return -s, y


def mixture_late(low: int, high: int) -> Tamper:
    """Delay the mixtures by some samples."""

    def tamper(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
        return np.roll(s, int(g.integers(low, high)), axis=1), y

    return tamper


def mixture_exchanged(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
    """Put the mixture of each start beside the targets of the next one."""
    return np.roll(s, 2, axis=0), y


def mixture_constant(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
    """Leave nothing in the mixtures."""
    return np.zeros_like(s) + np.float32(g.uniform(-0.5, 0.5)), y


def also(*tampers: Tamper) -> Tamper:
    """Spoil rows in several ways."""

    def tamper(g: np.random.Generator, s: np.ndarray, y: np.ndarray):
        for one in tampers:
            s, y = one(g, s, y)
        return s, y

    return tamper


def chaotic(size: float) -> Callable[[Any, Any], Any]:
    """Draw recurrent weights of that standard deviation."""

    def change(key: Any, weights: Any) -> Any:
        shape = weights.recurrent_kernel.shape
        return weights._replace(recurrent_kernel=size * jax.random.normal(key, shape))

    return change


def loud(size: float) -> Callable[[Any, Any], Any]:
    """Multiply the weights of the output."""

    def change(key: Any, weights: Any) -> Any:
        return weights._replace(head_kernel=size * weights.head_kernel)

    return change


def shut(gate: str, by: float) -> Callable[[Any, Any], Any]:
    """Close a gate by a bias."""

    def change(key: Any, weights: Any) -> Any:
        hidden = weights.recurrent_kernel.shape[0]
        first = gate_columns(hidden)[gate]
        columns = slice(first, first + hidden)
        return weights._replace(input_bias=weights.input_bias.at[columns].set(-by))

    return change
