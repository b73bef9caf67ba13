"""The recurrent sequence autoencoder in PyTorch: the network of `benchmarks.autoencoder_jobs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.update_jobs import torch_update

_CELL = {"weight_ih": ("input", "kernel"), "weight_hh": ("recurrent", "kernel")}
_CELL |= {"bias_ih": ("input", "bias"), "bias_hh": ("recurrent", "bias")}


class Autoencoder(nn.Module):
    """Encoder, code and decoder of `freqjax.tasks.autoencoder`, for sequences without padding.

    `nn.LSTM` runs the encoder, and the decoder where it reads targets alone; else `nn.LSTMCell` steps it.
    """

    def __init__(self, shape: Any, share: float) -> None:
        """Make the layers; `share` is the probability with which the decoder reads a target."""
        super().__init__()
        inputs, hidden = shape.dimensions + shape.numbers, shape.hidden
        self.share = share
        self.encoder = nn.LSTM(shape.dimensions, hidden)
        self.states = nn.Linear(hidden, hidden)
        self.code = nn.Linear(2 * hidden, shape.numbers)
        self.begin = nn.Linear(shape.numbers, 2 * hidden)
        self.start = nn.Parameter(torch.zeros(shape.dimensions))
        self.decoder = nn.LSTM(inputs, hidden) if share == 1 else nn.LSTMCell(inputs, hidden)
        self.read = nn.Linear(hidden, shape.dimensions)

    def load(self, params: Any) -> None:
        """Copy the weights of freqjax's network: gates and biases are the same, kernels are transposed."""
        encoder, decoder = params["encoder"], params["decoder"]
        recurrent = encoder["recurrent"]
        first = next(name for name in recurrent if name != "head")
        self._load_cell(self.encoder, recurrent[first], "_l0")
        self._load_cell(self.decoder, decoder["cell"], "_l0" if self.share == 1 else "")
        layers = {self.states: recurrent["head"], self.code: encoder["read"]}
        layers |= {self.begin: decoder["begin"], self.read: decoder["read"]["out"]}
        with torch.no_grad():
            for layer, values in layers.items():
                layer.weight.copy_(tensor(values["kernel"]).T)
                layer.bias.copy_(tensor(values["bias"]))
            self.start.copy_(tensor(decoder["start"]))

    def _load_cell(self, cell: nn.Module, params: Any, end: str) -> None:
        with torch.no_grad():
            for name, (part, kind) in _CELL.items():
                # Of a kernel its transpose, of a bias itself.
                getattr(cell, name + end).copy_(tensor(np.transpose(params[part][kind])))

    def forward(self, xs: torch.Tensor) -> torch.Tensor:
        """Compute outputs [T, B, D] of sequences of the same shape."""
        states = self.states(self.encoder(xs)[0])
        code = torch.tanh(self.code(torch.cat([states[-1], states.mean(0)], dim=-1)))
        c, h = self.begin(code).chunk(2, dim=-1)
        c, h = c.contiguous(), torch.tanh(h)
        start = self.start.expand(xs.shape[1], -1)
        if self.share == 1:
            read = torch.cat([start[None], xs[:-1]])
            inputs = torch.cat([read, code.expand(len(xs), -1, -1)], dim=-1)
            return self.read(self.decoder(inputs, (h[None], c[None]))[0])
        flags = torch.rand(*xs.shape[:2], 1, device=xs.device) < self.share
        last, target, outputs = start, start, []
        for x, flag in zip(xs, flags, strict=True):
            inputs = torch.cat([torch.where(flag, target, last), code], dim=-1)
            h, c = self.decoder(inputs, (h, c))
            last, target = self.read(h), x
            outputs.append(last)
        return torch.stack(outputs)


def tensor(values: Any) -> torch.Tensor:
    """Copy an array."""
    return torch.from_numpy(np.array(values))


def cosine_distance(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Compute the mean of 1 − cos over the rows."""
    return 1 - nn.functional.cosine_similarity(outputs, targets, dim=-1).mean()


def make_update(
    model: Autoencoder, batches: np.ndarray, rate: float, clip: float
) -> Callable[[int], torch.Tensor]:
    """Make the function of an update on a batch of [U, T, B, D]: forward, backward, clipping, Adam."""
    parameters = list(model.parameters())
    adam = torch.optim.Adam(parameters, lr=rate, fused=True)
    rows = tensor(batches).to(parameters[0].device)

    return torch_update(
        lambda number: cosine_distance(model(rows[number]), rows[number]), parameters, adam, clip
    )
