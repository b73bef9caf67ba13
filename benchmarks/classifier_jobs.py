"""Job of training updates of the published sequence classifier.

Windows of 60 samples of two modalities, 72 and 2 channels, in batches of 16; a token for each, and 4 layers
of attention of 256 features. AdamW, in PyTorch fused. Neither engine drops features.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contenders import Absent, Contender
from benchmarks.update_jobs import Updates
from freqjax import ClassifierConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig
from freqjax.deploy.torch import attention
from freqjax.networks import Network
from freqjax.networks.network import Params
from freqjax.tasks.classifier.task import Classifier
from freqjax.training.streams import Stream

_RATE, _DECAY, _CLIP = 1e-3, 0.01, 1.0
_CHANNELS = {"pose": 72, "trajectory": 2}


class Shape(NamedTuple):
    """Sizes of the job: batches of B windows of L samples, and layers of M features and A heads."""

    batch: int = 16
    samples: int = 60
    features: int = 256
    layers: int = 4
    heads: int = 8


def contenders(updates: int, platform: str, shape: Shape | None = None) -> list[Contender | Absent]:
    """Prepare both engines; a run does `updates` updates."""
    return job(updates, shape or Shape()).contenders(platform)


class Drawn(NamedTuple):
    """The network with drawn weights, and noise as its windows.

    Attributes:
      network, task, config, shape: as in a run.
      params: weights.
      inputs: [U, 1, B, D], the windows as the network reads them.
      targets: [U, 1, B, 2], their classes.
      windows: {modality: [U, B, L, F]}, the same windows.
    """

    network: Network
    task: Classifier
    config: Config
    shape: Shape
    params: Params
    inputs: np.ndarray
    targets: np.ndarray
    windows: dict[str, np.ndarray]

    def pytorch(self, device: str) -> Any:
        """Make the network in PyTorch, with the same weights."""
        from benchmarks import classifier_torch  # an optional dependency

        shape = self.shape
        model = classifier_torch.Classifier(_CHANNELS, shape.features, shape.layers, shape.heads)
        classifier_torch.load(model, attention.from_params(self.params))
        return model.to(device)


def draw(batches: int, shape: Shape) -> Drawn:
    """Draw weights, and the windows of U = `batches` batches."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "windows.npz"
        np.savez(path, **_windows(batches * shape.batch, shape.samples))  # pyright: ignore[reportArgumentType]
        config = _config(path, shape)
        assert isinstance(config.task, ClassifierConfig)
        task = Classifier(config.task)
    network = task.network(config.network, None)
    batch = task.split("train")
    assert batch is not None
    rows = task.sequences(batch)
    inputs = np.asarray(rows.inputs).reshape(batches, 1, shape.batch, -1)
    targets = np.asarray(rows.targets).reshape(batches, 1, shape.batch, -1)
    windows = {
        name: np.asarray(batch.inputs[name]).reshape(batches, shape.batch, shape.samples, -1)
        for name in _CHANNELS
    }
    params = network.init(jax.random.key(0))
    return Drawn(network, task, config, shape, params, inputs, targets, windows)


def job(updates: int, shape: Shape) -> Updates:
    """Draw weights and U = `updates` batches of windows."""
    drawn = draw(updates, shape)
    none = jnp.zeros(drawn.targets.shape[:3], bool)
    stream = Stream(
        jnp.asarray(drawn.inputs),
        jnp.asarray(drawn.targets),
        none.astype(jnp.int32),
        ~none,
        jnp.ones(none.shape),
    )

    def pytorch(device: str) -> Callable[[int], Any]:
        from benchmarks import classifier_torch  # an optional dependency

        labels = drawn.targets[:, 0].argmax(axis=-1)
        model = drawn.pytorch(device)
        return classifier_torch.make_update(model, drawn.windows, labels, _RATE, _DECAY, _CLIP)

    return Updates(drawn.network, drawn.task, drawn.config, drawn.params, stream, pytorch)


def _config(path: Path, shape: Shape) -> Config:
    return Config(
        task=ClassifierConfig(
            data=str(path),
            encoder="pooled",
            layers=shape.layers,
            heads=shape.heads,
            derived=False,
            dropout=0.0,
        ),
        network=NetworkConfig(hidden_size=shape.features),
        optimizer=OptimizerConfig(
            name="adamw",
            learning_rate=_RATE,
            weight_decay=_DECAY,
            clip_norm=_CLIP,
        ),
        train=TrainConfig(regime="examples", batch=shape.batch),
    )


def _windows(count: int, samples: int) -> dict[str, np.ndarray]:
    """Draw arrays of a data file: `count` windows to train on, and two of each other part."""
    random = np.random.default_rng(0)
    rows = count + 4
    parts = ["train"] * count + ["validation"] * 2 + ["test"] * 2
    found = {
        name: random.normal(size=(rows, samples, channels)).astype(np.float32)
        for name, channels in _CHANNELS.items()
    }
    return found | {
        "label": np.arange(rows) % 2,
        "group": np.array([f"of {part}" for part in parts]),
        "split": np.array(parts),
    }
