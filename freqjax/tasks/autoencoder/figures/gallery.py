"""All figures that an autoencoder allows."""

from __future__ import annotations

from collections.abc import Sequence
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


def draw_all(
    record: Record, practice: Practice, rows: Sequence[dict[str, Any]], folder: Path
) -> list[Path]:
    """Draw every figure: attention and curve of a decoder that has one, and forcing where there was any.

    Args:
      record: the evaluation on test sequences.
      practice: how the network was trained.
      rows: parsed metrics.jsonl; empty for an evaluation without training.
      folder: of the PNGs.

    Returns:
      The paths written, in reading order.
    """
    paths = [
        reconstructions(record, folder),
        cosine_by_position(record, folder),
        bits(record, folder),
        code(record, folder),
        latent(record, folder),
    ]
    if record.attention is not None:
        paths.append(attention(record, record.attention, folder))
    if record.curve is not None:
        paths.append(curve(record, record.curve, folder))
    if practice.forcing:
        paths.append(forcing(practice, record.outputs.shape[1], rows, folder))
    return paths
