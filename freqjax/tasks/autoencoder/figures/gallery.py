"""All figures that an autoencoder allows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from freqjax.tasks.autoencoder.figures.attention import attention
from freqjax.tasks.autoencoder.figures.code import bits, code
from freqjax.tasks.autoencoder.figures.curve import curve
from freqjax.tasks.autoencoder.figures.forcing import forcing
from freqjax.tasks.autoencoder.figures.latent import latent
from freqjax.tasks.autoencoder.figures.positions import cosine_by_position
from freqjax.tasks.autoencoder.figures.reconstructions import reconstructions
from freqjax.tasks.autoencoder.figures.record import Record
from freqjax.tasks.autoencoder.network.autoencoder import Practice
from freqjax.tasks.drawing import Draw


def drawings(
    record: Record, practice: Practice, rows: Sequence[dict[str, Any]], folder: Path
) -> list[Draw]:
    """Return what draws every figure: attention and curve of a decoder that has one, forcing if any was.

    Args:
      record: the evaluation on test sequences.
      practice: how the network was trained.
      rows: parsed metrics.jsonl; empty for an evaluation without training.
      folder: of the PNGs.

    Returns:
      The drawings, in reading order.
    """
    found: list[Draw] = [
        partial(draw, record, folder)
        for draw in (reconstructions, cosine_by_position, bits, code, latent)
    ]
    if record.attention is not None:
        found.append(partial(attention, record, record.attention, folder))
    if record.curve is not None:
        found.append(partial(curve, record, record.curve, folder))
    if practice.forcing:
        found.append(partial(forcing, practice, record.outputs.shape[1], rows, folder))
    return found
