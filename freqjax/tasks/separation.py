"""Interface of tasks whose networks separate a signal into components, for use on recordings and streams."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import jax
import numpy as np

from freqjax.config.task import TaskConfig
from freqjax.networks import Network, Streams
from freqjax.tasks.batch import Batch
from freqjax.tasks.task import Input, TimeUnit
from freqjax.tasks.usage import Command

# Name of the input that holds the signal.
SIGNAL = "signal"


@runtime_checkable
class Separates(Protocol):
    """Task of a signal that holds components, one of which is selected.

    Attributes:
      inputs: the named inputs; that named signal has one column, or two (I/Q: real and imaginary part), and
        a target as many.
      samples: T, samples of a training signal.
      time: the unit of time, which has `samples` of the sampling rate.
      group_names: names of the components in texts.
      selected_hz: their frequencies, in cycles per unit of time.
      true_strength: whether a target is as strong as its component is in the input; False where all targets
        have amplitude 1.
      detuning: the share of its frequency by which a component may be beside it.
    """

    inputs: tuple[Input, ...]
    samples: int
    time: TimeUnit
    group_names: tuple[str, ...]
    selected_hz: tuple[float, ...]
    true_strength: bool
    detuning: float

    @property
    def config(self) -> TaskConfig:
        """Section of the config."""
        ...

    def inputs_of(self, samples: np.ndarray | jax.Array, group: int) -> jax.Array:
        """Return the inputs [T, D] for a signal, [T] or [T, 2] for I/Q, with component `group` selected."""
        ...

    def split(self, name: str) -> Batch | None:
        """Return the rows of train, validation or test; None if there is no such split."""
        ...

    def sample(self, key: jax.Array, samples: int) -> Batch:
        """Draw training rows from `key`; their first T = `samples` samples."""
        ...


@runtime_checkable
class DrawsWithoutFiles(Protocol):
    """Task that can draw rows as strong as those of training without the files that it draws them with."""

    def sample_without_files(self, key: jax.Array, samples: int) -> Batch:
        """Draw rows from `key`; their first T = `samples` samples."""
        ...


def training_rows(task: Separates, samples: int) -> Batch:
    """Return the first T = `samples` samples of rows that a network was trained on, of a file or drawn.

    Recordings of noise that a task draws rows with are not needed for it.

    Raises:
      UserError: the file of rows cannot be read.
    """
    if not task.config.train_path:
        without = isinstance(task, DrawsWithoutFiles)
        draw = task.sample_without_files if without else task.sample
        return draw(jax.random.key(0), samples)
    rows = task.split("train")
    assert rows is not None  # every task has training rows
    return jax.tree.map(lambda array: array[:, :samples] if array.ndim > 1 else array, rows)


def signal_columns(task: Separates) -> int:
    """Return the number of columns of the input that holds the signal: 1, or 2 for I/Q."""
    return next(part.size for part in task.inputs if part.name == SIGNAL)


def separating_commands(task: Separates, network: Network) -> list[Command]:
    """Return the commands that take a component out of a stream, if the network can, and of a recording."""
    select = f"{task.selected_hz[0]:g}"
    given = ("--checkpoint", ".", "--select", select)
    found = []
    if isinstance(network, Streams):
        paths = ("--input", "in.wav", "--output", "out.wav", "--resample")
        channels = () if signal_columns(task) == 1 else ("--channel", "1,2")
        if not channels:
            found.append(
                Command("answers numbers of standard input, one a line", ("stream", *given))
            )
        taken = ("extract", *given, *paths, *channels)
        found.append(Command("takes a component out of a recording", taken))
    return found
