"""Small files in place of public data that do not ship, at the places where configs look for them."""

from pathlib import Path
from typing import Any

import numpy as np

from freqjax.tasks.classifier import hapt

# Configs that read them.
CONFIGS = ("activities", "intent", "classifier_original")


def write(folder: Path) -> None:
    """Write the files of `freqjax data hapt`, made of noise, to data/ for a run in `folder`."""
    random = np.random.default_rng(0)
    recordings = []
    for person in (1, *hapt.VALIDATION[:1], *hapt.TEST[:1]):
        samples = 32 * 40
        activity = np.repeat(np.tile(np.arange(1, 13), 2), 96)[:samples]
        inputs = random.normal(size=(samples, 6)).astype(np.float32)
        recordings.append(hapt.HaptRecording(person, inputs, activity))
    (folder / "data").mkdir()
    for name in hapt.SETS:
        arrays: Any = getattr(hapt, name)(recordings)
        np.savez(folder / "data" / f"{name}.npz", **arrays)
