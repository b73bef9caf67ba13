"""freqjax's parameters as a PyTorch state_dict, and back: the same numbers, transposed.

Both stack the gates in the same order and keep two bias vectors, so that nothing is merged or rounded:
weight_ih and weight_hh transpose into the kernels, the head's weight into the head's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from freqjax.config import Config, NetworkConfig
from freqjax.errors import UserError
from freqjax.interop.state_dict import Direction, StateDict
from freqjax.tasks import Task


def from_params(params: Any, config: NetworkConfig) -> StateDict:
    """The state_dict of parameters that `freqjax.networks.make_network(config, …).init` lays out."""
    params = _on_host(params)
    cell, head, carry = params["cell"], params["head"], params.get("carry")
    return StateDict(
        cell=config.cell,
        layers=((_direction(cell),),),
        head_weight=head["kernel"].T,
        head_bias=head["bias"],
        carry=None if carry is None else carry[None],
    )


def to_params(network: StateDict, config: NetworkConfig) -> Any:
    """The inverse of `from_params`, for a `config` that `require_fit` has passed.

    Where `config.learned_carry` is set and there is no carry it starts at zero, as PyTorch's does.
    """
    params: dict[str, Any] = {
        "cell": _cell(network.layers[0][0]),
        "head": {"kernel": network.head_weight.T, "bias": network.head_bias},
    }
    if config.learned_carry:
        zeros = np.zeros((1, network.hidden_size), np.float32)
        params["carry"] = (zeros if network.carry is None else network.carry)[0]
    return params


def with_sizes(config: Config, network: StateDict) -> Config:
    """`config`, changed in place, with the network fields that the state_dict settles."""
    config.network.cell = network.cell
    config.network.hidden_size = network.hidden_size
    config.network.learned_carry |= network.carry is not None
    return config


def require_fit(network: StateDict, config: NetworkConfig, task: Task, source: str) -> None:
    """Raises UserError where the state_dict from `source` is not of the network of `config` and `task`."""
    for field, asked, has in (
        ("cell", config.cell, network.cell),
        ("hidden_size", config.hidden_size, network.hidden_size),
        ("layers", 1, len(network.layers)),
        ("bidirectional", False, network.bidirectional),
    ):
        if asked != has:
            raise UserError(f"network.{field} is {asked}: it must be {has}, as in {source}.")
    if network.carry is not None and not config.learned_carry:
        raise UserError(
            f"network.learned_carry is false: it must be true, since {source} holds a carry."
        )
    if network.input_size != task.input_size:
        raise UserError(
            f"task.frequencies holds {len(task.selected_hz)}: with the mixture these are {task.input_size} "
            f"inputs, where {source} has {network.input_size}."
        )
    if network.output_size != task.output_size:
        raise UserError(
            f"{source}: its head has {network.output_size} outputs: it must have {task.output_size}."
        )


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


def _on_host(params: Any) -> Any:
    return (
        {k: _on_host(v) for k, v in params.items()}
        if isinstance(params, dict)
        else np.asarray(params)
    )
