"""Conversion between freqjax's parameters and a PyTorch state_dict: the same numbers, transposed.

Both stack the gates in the same order and keep two bias vectors, so that nothing is merged or rounded:
weight_ih and weight_hh are the transposed kernels, the head's weight is the transposed kernel of the head.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from freqjax.config.sections import Config, NetworkConfig
from freqjax.deploy.torch.state_dict import GATES, Direction, Film, StateDict
from freqjax.errors import UserError
from freqjax.networks.network import Params
from freqjax.networks.rotors import UNITS
from freqjax.networks.weights import coupled_mask
from freqjax.tasks import Extraction, Task


def has_names(config: NetworkConfig) -> bool:
    """Return whether PyTorch has the cell and the sum of its layers, and so names for its weights."""
    return config.cell in GATES and not config.residual


def by_place(params: Params) -> dict[str, np.ndarray]:
    """Return the arrays of `params` by their place in it: recurrence.nu for params["recurrence"]["nu"]."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf)
        for path, leaf in leaves
    }


def require_names(config: NetworkConfig, source: str) -> None:
    """Raise UserError if the weights in a file of `source`, by its config, have no names in PyTorch."""
    if config.cell not in GATES:
        raise UserError(
            f"{source}: it holds a network of network.cell {config.cell}, which PyTorch does not have; it "
            f"must be one of {', '.join(GATES)} to be read from a file of weights."
        )
    if config.residual:
        raise UserError(
            f"{source}: it holds a network of network.residual {config.residual}, which PyTorch does not "
            "have; it must be False to be read from a file of weights."
        )


def from_params(params: Params, config: NetworkConfig) -> StateDict:
    """Convert parameters of `freqjax.networks.make_network(config, …)` to a state_dict.

    Raises:
      UserError: PyTorch has no such cell, so that the file would be read as another one.
    """
    if config.cell not in GATES:
        raise UserError(
            f"network.cell is {config.cell}: it must be one of {', '.join(GATES)} to be written in "
            "PyTorch's names."
        )
    if config.residual:
        raise UserError(
            f"network.residual is {config.residual}: it must be False to be written in PyTorch's names, "
            "whose modules do not add a layer's input to its output."
        )
    params = _on_host(params)
    layers = _layers(params, config)
    cells = [cell for directions in layers for cell in directions]
    film = None
    if config.conditioning == "film":
        films = [params[f"layer_{k}"]["film"] for k in range(config.layers)]
        film = tuple(Film(layer["scale"].T, layer["shift"].T) for layer in films)
    return StateDict(
        cell=config.cell,
        layers=tuple(tuple(_direction(cell) for cell in directions) for directions in layers),
        head_weight=params["head"]["kernel"].T,
        head_bias=params["head"]["bias"],
        film=film,
        carry=np.stack([cell["carry"] for cell in cells]) if config.learned_carry else None,
        nonlinearity=config.nonlinearity if config.cell == "rnn" else None,
    )


def to_params(network: StateDict, config: NetworkConfig) -> Params:
    """Invert `from_params`, for a `config` that `require_fit` has checked.

    If `config.learned_carry` is set and the file has no carry, the carry is zero, as in PyTorch.
    """
    layers = [[_cell(direction) for direction in directions] for directions in network.layers]
    if config.learned_carry:
        cells = [cell for directions in layers for cell in directions]
        zeros = np.zeros((len(cells), network.hidden_size), np.float32)
        for cell, carry in zip(
            cells, zeros if network.carry is None else network.carry, strict=True
        ):
            cell["carry"] = carry
    params: dict[str, Any] = {"head": {"kernel": network.head_weight.T, "bias": network.head_bias}}
    if not config.beyond_one_lstm:
        carry = layers[0][0].pop("carry", None)
        return params | {"cell": layers[0][0]} | ({} if carry is None else {"carry": carry})
    for k, directions in enumerate(layers):
        both = {"forward": directions[0], "backward": directions[-1]}
        params[f"layer_{k}"] = both if network.bidirectional else directions[0]
        if network.film is not None:
            film = network.film[k]
            params[f"layer_{k}"]["film"] = {"scale": film.scale.T, "shift": film.shift.T}
    return params


def with_sizes(config: Config, network: StateDict) -> Config:
    """Set the network fields of `config` that the state_dict determines, in place, and return it."""
    for field, value in _settled(network).items():
        setattr(config.network, field, value)
    config.network.learned_carry |= network.carry is not None
    return config


def require_fit(network: StateDict, config: NetworkConfig, task: Task, source: str) -> None:
    """Raise UserError if the state_dict from `source` does not match the network of `config` and `task`."""
    for field, value in _settled(network).items():
        asked = getattr(config, field)
        if asked != value:
            raise UserError(f"network.{field} is {asked}: it must be {value}, as in {source}.")
    if network.carry is not None and not config.learned_carry:
        raise UserError(
            f"network.learned_carry is false: it must be true, since {source} holds a carry."
        )
    selectors = 0 if network.film is None else network.film[0].scale.shape[1]
    inputs = network.input_size + selectors
    if inputs != task.input_size or (network.film and selectors != len(task.selectors)):
        if not isinstance(task, Extraction):
            raise UserError(f"{source}: it has {inputs} inputs: it must have {task.input_size}.")
        raise UserError(
            f"task.frequencies holds {len(task.selected_hz)}: with the mixture these are {task.input_size} "
            f"inputs, but {source} has {inputs}."
        )
    if config.recurrence == "pairs" and not _is_of_pairs(network):
        raise UserError(
            f"network.recurrence is pairs: it must be dense, since {source} has recurrent weights between "
            "pairs."
        )
    if network.output_size != task.output_size:
        raise UserError(
            f"{source}: its head has {network.output_size} outputs: it must have {task.output_size}."
        )


def _is_of_pairs(network: StateDict) -> bool:
    """Return whether all recurrent weights between two pairs of units are 0."""
    mask = coupled_mask(network.hidden_size, 4, UNITS)
    kernel = np.asarray(network.layers[0][0].weight_hh).T
    return kernel.shape == mask.shape and not kernel[~mask].any()


def _settled(network: StateDict) -> dict[str, Any]:
    """Return the fields of `NetworkConfig` that a state_dict determines."""
    settled = {
        "cell": network.cell,
        "hidden_size": network.hidden_size,
        "layers": len(network.layers),
        "residual": False,
        "bidirectional": network.bidirectional,
        "conditioning": "input" if network.film is None else "film",
    }
    if network.nonlinearity is not None:
        settled["nonlinearity"] = network.nonlinearity
    return settled


def _layers(params: Params, config: NetworkConfig) -> list[list[Any]]:
    """Return each layer's cells by direction, {input, recurrent}, with the carry if it is learned."""
    if not config.beyond_one_lstm:
        return [[params["cell"] | {key: params[key] for key in params if key == "carry"}]]
    layers = [params[f"layer_{k}"] for k in range(config.layers)]
    if config.bidirectional:
        return [[layer["forward"], layer["backward"]] for layer in layers]
    return [[layer] for layer in layers]


def _direction(cell: Any) -> Direction:
    return Direction(
        weight_ih=cell["input"]["kernel"].T,
        weight_hh=cell["recurrent"]["kernel"].T,
        bias_ih=cell["input"]["bias"],
        bias_hh=cell["recurrent"]["bias"],
    )


def _cell(direction: Direction) -> Any:
    return {
        "input": {"kernel": direction.weight_ih.T, "bias": direction.bias_ih},
        "recurrent": {"kernel": direction.weight_hh.T, "bias": direction.bias_hh},
    }


def _on_host(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _on_host(value) for name, value in tree.items()}
    return np.asarray(tree)
