"""The published sequence classifier in PyTorch: the network of `benchmarks.classifier_jobs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from benchmarks.update_jobs import torch_update


class Classifier(nn.Module):
    """Tokens of modalities, read by post-norm attention; modules as `freqjax.deploy.torch.attention` lists.

    Nothing is dropped, and no sample is missing.
    """

    def __init__(self, channels: Mapping[str, int], size: int, layers: int, heads: int) -> None:
        """Make the layers for modalities of so many channels, M = `size` features, and two classes."""
        super().__init__()
        self.reader = nn.Parameter(torch.zeros(size))
        self.kinds = nn.Parameter(torch.zeros(len(channels), size))
        self.tokens = nn.ModuleDict(
            {name: _convolutions(count, size) for name, count in channels.items()}
        )
        self.last = nn.ModuleDict({name: nn.Linear(size, size) for name in channels})
        layer = nn.TransformerEncoderLayer(size, heads, 4 * size, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(size), nn.Linear(size, 2)

    def forward(self, parts: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Compute logits [B, 2] of windows, {modality: [B, F, L]}."""
        count = next(iter(parts.values())).shape[0]
        tokens = [self.reader.expand(count, 1, -1)]
        for kind, (name, values) in zip(self.kinds, parts.items(), strict=True):
            mean = self.tokens[name](values).mean(dim=2)
            tokens.append((self.last[name](mean) + kind)[:, None])
        return self.head(self.norm(self.encoder(torch.cat(tokens, dim=1))[:, 0]))


def load(model: Classifier, arrays: Mapping[str, np.ndarray]) -> None:
    """Copy weights that have the names of the modules; every one must be there."""
    model.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})


def _convolutions(count: int, size: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(count, size // 2, 3, padding=1),
        nn.ReLU(),
        nn.Conv1d(size // 2, size, 3, padding=1),
        nn.ReLU(),
    )


def make_forward(
    model: Classifier, windows: Mapping[str, np.ndarray]
) -> Callable[[int], torch.Tensor]:
    """Make the function of the logits [B, 2] of a batch of {modality: [U, B, L, F]}, by its number."""
    rows = _rows(model, windows)
    model.eval()

    def forward(number: int) -> torch.Tensor:
        with torch.no_grad():
            return model({name: values[number] for name, values in rows.items()})

    return forward


def _rows(model: Classifier, windows: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Return {modality: [U, B, F, L]} on the device of a model."""
    return {
        name: torch.from_numpy(np.ascontiguousarray(values.swapaxes(2, 3))).to(model.reader.device)
        for name, values in windows.items()
    }


def make_update(
    model: Classifier,
    windows: Mapping[str, np.ndarray],
    labels: np.ndarray,
    rate: float,
    decay: float,
    clip: float,
) -> Callable[[int], torch.Tensor]:
    """Make the function of an update: forward, cross-entropy, backward, clipping, fused AdamW.

    Args:
      model: on its device.
      windows: {modality: [U, B, L, F]}.
      labels: [U, B].
      rate: of AdamW.
      decay: of weights.
      clip: largest norm of a gradient.
    """
    parameters = list(model.parameters())
    adam = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=True)
    rows = _rows(model, windows)
    wanted = torch.from_numpy(labels).to(model.reader.device)

    def loss(number: int) -> torch.Tensor:
        logits = model({name: values[number] for name, values in rows.items()})
        return nn.functional.cross_entropy(logits, wanted[number])

    return torch_update(loss, parameters, adam, clip)
