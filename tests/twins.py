"""Slow, plain NumPy versions of what the package does in JAX."""

import functools

import numpy as np

from freqjax import Config, NetworkConfig, TaskConfig, TrainConfig
from freqjax.networks import LstmSetting, RotorSetting
from freqjax.tasks import Batch, Extraction, Sequences, Task, make_task
from freqjax.tasks.extraction.config import extraction_of

# The main job's: one mixture, four selectors.
ROTORS = RotorSetting(band=(0.0005, 0.02), peaks=(0.001, 0.003, 0.005, 0.007))
SETTING = LstmSetting(
    input_size=5,
    hidden_size=64,
    output_size=1,
    selectors=(1, 2, 3, 4),
    longest=10_000,
    rotors=ROTORS,
)


def tiny_config(**sections) -> Config:
    """Return the config of a minimal run: two frequencies, 20 rows per block, 4 hidden units, online."""
    config = Config(
        task=TaskConfig(frequencies=(1.0, 3.0), sampling_rate=20.0, duration=1.0),
        network=NetworkConfig(hidden_size=4),
        train=TrainConfig(epochs=2, diagnose=False),
    )
    for section, fields in sections.items():
        for name, value in fields.items():
            setattr(getattr(config, section), name, value)
    return config


@functools.cache
def tiny_rows() -> Sequences:
    """Return the training rows of `tiny_config()`: 40, in two blocks."""
    return make_task(tiny_config().task).rows("train")


def extraction(config: Config) -> Extraction:
    """Return the task of a config, which is extraction."""
    return make_task(extraction_of(config))


def split_of(task: Task, name: str) -> Batch:
    """Return the rows of a split that the task has."""
    batch = task.split(name)
    assert batch is not None
    return batch


def sigmoid(x):
    """Compute the logistic function."""
    return 1 / (1 + np.exp(-x))


def lstm_step(params, c, h, x):
    """Compute one LSTM step and head in float64: c, h [B, H], x [B, D] → c, h, y [B, O]."""
    cell, head = params["cell"], params["head"]
    size = c.shape[1]
    z = np.zeros((len(x), 4 * size))
    for part, value in (("input", x), ("recurrent", h)):
        kernel = np.asarray(cell[part]["kernel"], np.float64)
        z += value @ kernel + np.asarray(cell[part]["bias"], np.float64)
    i, f, g, o = (z[:, k * size : (k + 1) * size] for k in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    y = h @ np.asarray(head["kernel"], np.float64) + np.asarray(head["bias"], np.float64)
    return c, h, y
