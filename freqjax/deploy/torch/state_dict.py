"""State_dicts of a recurrent module and a linear head: arrays by PyTorch's names, and in structures.

A state_dict of `nn.LSTM`, `nn.GRU` or `nn.RNN` holds, for layer k and, with the suffix `_reverse`, for
its second direction,

    <prefix>weight_ih_lk  [G·H, D]    D the layer's inputs: the network's, or H a direction below
    <prefix>weight_hh_lk  [G·H, H]
    <prefix>bias_ih_lk, <prefix>bias_hh_lk  [G·H]

with the gates stacked in the order i, f, g, o (LSTM, G = 4) or r, z, n (GRU, G = 3; RNN, G = 1), and for
the head `<stem>.weight` [O, H a direction] and `<stem>.bias` [O]. Prefixes and stems are arbitrary. That of
a cell, `nn.LSTMCell` and so on, holds the same without `_lk`; without biases, all of a module's are zero.
Parameters that PyTorch's modules do not have are stored under keys of freqjax:

    carry  [layers·directions, H]  the learned initial carry: c of an LSTM, whose h starts at zero, or h
    film.scale_lk, film.shift_lk  [N, S]  FiLM of S selectors on the N features of layer k; D of the
           first layer then excludes the selectors

The state_dict of an `nn.RNN` does not hold its nonlinearity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from freqjax.deploy.torch import keys
from freqjax.deploy.torch.keys import CARRY, DirectionNames
from freqjax.errors import UserError

# G by cell.
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


class Direction(NamedTuple):
    """One layer in one direction, as PyTorch lays it out.

    Attributes:
      weight_ih: [G·H, D].
      weight_hh: [G·H, H].
      bias_ih: [G·H].
      bias_hh: [G·H].
    """

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray
    bias_hh: np.ndarray


class Film(NamedTuple):
    """Feature-wise modulation of one layer's features by the selector.

    Attributes:
      scale: [N, S], of which γ − 1 = scale s.
      shift: [N, S], of which β = shift s.
    """

    scale: np.ndarray
    shift: np.ndarray


class StateDict(NamedTuple):
    """A whole network, float32.

    Attributes:
      cell: lstm, gru or rnn.
      layers: the one or two directions of each layer, forward first.
      head_weight: [O, H·directions].
      head_bias: [O].
      film: of each layer, or None if the selector is an input.
      carry: [layers·directions, H], or None if the initial carry is zero.
      nonlinearity: of an rnn, tanh or relu; None where nothing says it, and for other cells.
      told: what a reader should be told of how the file was read, a line each.
    """

    cell: str
    layers: tuple[tuple[Direction, ...], ...]
    head_weight: np.ndarray
    head_bias: np.ndarray
    film: tuple[Film, ...] | None
    carry: np.ndarray | None
    nonlinearity: str | None = None
    told: tuple[str, ...] = ()

    @property
    def hidden_size(self) -> int:
        """H, number of hidden units."""
        return self.layers[0][0].weight_hh.shape[1]

    @property
    def input_size(self) -> int:
        """D, number of inputs of the first layer."""
        return self.layers[0][0].weight_ih.shape[1]

    @property
    def output_size(self) -> int:
        """O, number of outputs."""
        return self.head_weight.shape[0]

    @property
    def bidirectional(self) -> bool:
        """True if every layer has two directions."""
        return len(self.layers[0]) == 2


def to_arrays(network: StateDict) -> dict[str, np.ndarray]:
    """Return the arrays by name, with the prefixes `lstm.`, `gru.` or `rnn.` and `fc.`."""
    arrays = {
        f"{network.cell}.{part}_l{layer}{suffix}": array
        for layer, directions in enumerate(network.layers)
        for suffix, direction in zip(("", "_reverse"), directions, strict=False)
        for part, array in direction._asdict().items()
    }
    arrays |= {"fc.weight": network.head_weight, "fc.bias": network.head_bias}
    for layer, film in enumerate(network.film or ()):
        arrays |= {f"film.{part}_l{layer}": array for part, array in film._asdict().items()}
    if network.carry is not None:
        arrays[CARRY] = network.carry
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray], source: str) -> StateDict:
    """Find the recurrent module and the head by their keys, and check every size against the others.

    Args:
      arrays: the state_dict; float32, or another floating type whose values float32 holds exactly.
      source: their origin in error messages.

    Raises:
      UserError: a key is missing, there are two modules or heads, or further tensors; a shape does not
        match the others; a value is not finite or not a float32; or there is not enough memory.
    """
    names = keys.find(arrays, source)
    layers, films = names.layers, names.film
    weight, bias = names.head_weight, names.head_bias
    wanted = _shapes(layers, arrays, source)
    outputs = _matrix(weight, arrays, source)[0]
    hidden = wanted[layers[0][0].weight_hh][1]
    features = hidden * len(layers[0])
    wanted |= {weight: (outputs, features), bias: (outputs,)}
    if films:
        selectors = _matrix(films[0].scale, arrays, source)[1]
        wanted |= {key: (features, selectors) for film in films for key in film}
    if CARRY in arrays:
        wanted[CARRY] = (len(layers) * len(layers[0]), hidden)
    _require_shapes(wanted, (*layers[0][0][:2], weight), arrays, source)
    try:
        held = {
            key: single(key, arrays[key], source) if key in arrays else np.zeros(shape, np.float32)
            for key, shape in wanted.items()
        }
    except MemoryError:
        raise UserError(
            f"{source}: there is not enough memory for its hidden size, {hidden:,}."
        ) from None
    return StateDict(
        cell=_cell(wanted[layers[0][0].weight_hh]),
        layers=tuple(
            tuple(Direction(*(held[key] for key in direction)) for direction in directions)
            for directions in layers
        ),
        head_weight=held[weight],
        head_bias=held[bias],
        film=tuple(Film(*(held[key] for key in film)) for film in films) or None,
        carry=held.get(CARRY),
        told=tuple(_told(names.without_biases, source)),
    )


def _told(without_biases: tuple[str, ...], source: str) -> Iterator[str]:
    if without_biases:
        yield (
            f"{source}: it has no biases (bias=False) in {' and '.join(without_biases)}: they are zero, "
            "which changes no output; a training would move them."
        )


def _shapes(
    names: list[list[DirectionNames]], arrays: Mapping[str, np.ndarray], source: str
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the recurrent module must have, given D and H of its first layer."""
    first = names[0][0]
    stacked, hidden = _matrix(first.weight_hh, arrays, source)
    if stacked not in [gates * hidden for gates in GATES.values()]:
        raise UserError(
            f"{source}: {first.weight_hh} has shape {arrays[first.weight_hh].shape}: its rows must be "
            "4 (LSTM), 3 (GRU) or 1 (RNN) times its columns."
        )
    inputs = _matrix(first.weight_ih, arrays, source)[1]
    shapes: dict[str, tuple[int, ...]] = {}
    for directions in names:
        for direction in directions:
            shapes[direction.weight_ih] = (stacked, inputs)
            shapes[direction.weight_hh] = (stacked, hidden)
            shapes[direction.bias_ih] = shapes[direction.bias_hh] = (stacked,)
        inputs = hidden * len(directions)
    return shapes


def _cell(shape: tuple[int, ...]) -> str:
    """Return the cell whose weight_hh has this shape, which `_shapes` has checked."""
    return next(cell for cell, gates in GATES.items() if gates * shape[1] == shape[0])


def _require_shapes(
    wanted: Mapping[str, tuple[int, ...]],
    determining: tuple[str, ...],
    arrays: Mapping[str, np.ndarray],
    source: str,
) -> None:
    """Raise UserError for the first shape that does not match those of the keys in `determining`."""
    for key, shape in wanted.items():
        if key in arrays and arrays[key].shape != shape:
            others = ", ".join(f"{name} is {arrays[name].shape}" for name in determining)
            raise UserError(
                f"{source}: {key} has shape {arrays[key].shape}: it must be {shape}, since {others}."
            )


def _matrix(key: str, arrays: Mapping[str, np.ndarray], source: str) -> tuple[int, int]:
    """Return the rows and columns of `key`, which must be a matrix that is not empty."""
    array = arrays[key]
    if array.ndim != 2 or not array.size:
        raise UserError(f"{source}: {key} has shape {array.shape}: it must be a matrix.")
    return array.shape


def single(key: str, array: np.ndarray, source: str) -> np.ndarray:
    """Convert `array` to float32, which must hold all its values exactly.

    Raises:
      UserError: it does not, or a value is not finite.
    """
    # NumPy has no kind for bfloat16: it is recognised by its name.
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise UserError(
            f"{source}: {key} holds {array.dtype}: it must hold floating-point numbers."
        )
    if not np.isfinite(array).all():
        raise UserError(f"{source}: {key} holds a value that is not finite.")
    with np.errstate(over="ignore", under="ignore"):
        found = np.array(array, np.float32, order="C")  # a copy: `array` may be a part of the file
    if not (found.astype(array.dtype) == array).all():
        raise UserError(
            f"{source}: {key} holds {array.dtype} values that float32 cannot hold exactly: round them "
            "first, as model.float() does."
        )
    return found
