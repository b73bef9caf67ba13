"""Autoencoders for tests of their use: initial weights of small networks in the folder of a run."""

import json
import math
from pathlib import Path

import numpy as np

from freqjax.checkpoints import store as checkpoints
from freqjax.config import sections
from freqjax.config.sections import Config
from freqjax.config.validation import validate
from freqjax.deploy.autoencoder import TrainedAutoencoder, load_autoencoder
from freqjax.deploy.autoencoder_training import set_fields
from freqjax.tasks.autoencoder.presets import preset
from freqjax.training.prepared import Prepared

# Sequences, samples of each, dimensions of a vector, numbers of a code.
N, T, D, K = 40, 6, 4, 3
KNOWN = ["sea", "sky", "stone", "tree", "wind", "rain"]
LINEAR = {"encoder": "linear", "decoder": "linear"}


def sequences(count: int, samples: int = T, seed: int = 0) -> np.ndarray:
    """Draw sequences [N, T, D] of normal vectors about one direction, the same of each seed."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, samples, D)) + 1).astype(np.float32)


def write_sequences(folder: Path) -> Path:
    """Write N sequences, every other of which has two vectors less."""
    np.savez(folder / "own.npz", sequences=sequences(N), lengths=np.tile([T, T - 2], N // 2))
    return folder / "own.npz"


def write_text(folder: Path) -> dict[str, str]:
    """Write poems of six words and the vectors of these; return the fields that name the files."""
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(KNOWN, T)) for _ in range(30)]
    (folder / "poems.json").write_text(json.dumps(texts))
    table = np.random.default_rng(2).standard_normal((len(KNOWN), D))
    lines = [f"{word} {' '.join(map(str, row))}" for word, row in zip(KNOWN, table, strict=True)]
    (folder / "vectors.txt").write_text("\n".join(lines) + "\n")
    return {"data": str(folder / "poems.json"), "vectors": str(folder / "vectors.txt")}


def config_of(data: dict[str, str], **fields) -> Config:
    """Return the config of a small network, with `fields` by their names."""
    config = preset()
    set_fields(config, {"numbers": K, "hidden_size": 8, "heads": 2, "length": T} | fields)
    for name, value in data.items():
        setattr(config.task, name, value)
    return validate(config)


def untrained(folder: Path, data: dict[str, str], **fields) -> TrainedAutoencoder:
    """Write the initial weights of a network to `folder`, and load them."""
    config = config_of(data, **fields)
    params = Prepared(config).initial_params()
    values = sections.to_dict(config)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(values))
    checkpoints.save_params_only(folder, 0, params, {"config": values}, metric=math.inf, warn=print)
    return load_autoencoder(folder)
