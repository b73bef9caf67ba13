"""Probabilities of frozen weights for the test windows with a part of each hidden.

Hidden samples are missing before channels are derived from them, so that no mean over time holds them still.
Axes: N windows, C classes, T samples, S stretches of a window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from freqjax.tasks.classifier.dataset import Part

# Stretches that a window is divided into.
_STRETCHES = 8


class Hidden(NamedTuple):
    """Probabilities on the test windows when something of each is hidden.

    Attributes:
      without: modality → [N, C], where it is missing; empty if there is one modality alone.
      edges: [S + 1], the first sample of each stretch, and T.
      stretches: "all" or modality → [S, N, C], where it is missing in a stretch.
    """

    without: Mapping[str, Float[np.ndarray, "N C"]]
    edges: Int[np.ndarray, " _"]
    stretches: Mapping[str, Float[np.ndarray, "S N C"]]


def hide(part: Part, names: tuple[str, ...], first: int, last: int) -> Part:
    """Return windows of which samples first ≤ t < last of some modalities are missing."""
    inputs, masks = dict(part.inputs), dict(part.masks)
    for name in names:
        masks[name] = masks[name].copy()
        masks[name][:, first:last] = False
        inputs[name] = np.where(masks[name][..., None], inputs[name], np.float32(0))
    return part._replace(inputs=inputs, masks=masks)


def hidden(part: Part, probabilities: Callable[[Part], Float[np.ndarray, "N C"]]) -> Hidden:
    """Hide each modality, and each stretch of a window in all modalities and in each.

    Args:
      part: the test windows.
      probabilities: of windows.
    """
    names = tuple(part.inputs)
    samples = next(iter(part.masks.values())).shape[1]
    edges = np.linspace(0, samples, min(_STRETCHES, samples) + 1).round().astype(np.int64)
    single = {name: (name,) for name in names} if len(names) > 1 else {}
    without = {name: probabilities(hide(part, own, 0, samples)) for name, own in single.items()}
    stretches = {
        kind: np.stack(
            [
                probabilities(hide(part, own, first, last))
                for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
            ]
        )
        for kind, own in {"all": names, **single}.items()
    }
    return Hidden(without, edges, stretches)
