"""PyTorch state_dicts of a recurrent module and a linear head, or of a classifier of attention.

    from freqjax.deploy import torch as interop

    trained = interop.load("model.pt", config)
    interop.save("model.safetensors", trained)

Whole modules and the checkpoints of training scripts are read as well. A .safetensors also holds the config,
and reading it does not need PyTorch. A classifier is read under its config: see
`freqjax.deploy.torch.attention` for its names.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.sections import Config
from freqjax.deploy.torch import attention, layout, state_dict, weight_files
from freqjax.deploy.torch.state_dict import StateDict
from freqjax.deploy.trained import Trained
from freqjax.errors import UserError
from freqjax.networks import GivesNetwork
from freqjax.tasks import make_task
from freqjax.training.prepared import assemble, param_shapes

# Key of the text in a .safetensors that holds the config, as JSON.
CONFIG = "freqjax_config"


def load(
    path: str | Path, config: Config | None = None, warn: Callable[[str], None] = print
) -> Trained:
    """Load the network in a file of `torch.save` or a .safetensors, ready to use.

    Args:
      path: a file with one state_dict; `freqjax.deploy.torch.state_dict` documents the keys.
      config: the config that the file must match; without one, that in the file, else the default config
        with the sizes of the file.
      warn: is told, in a line each, what the file leaves open.

    Raises:
      UserError: the file cannot be read, does not hold one recurrent module and one linear head, or
        does not match the config.
    """
    path = Path(path)
    if config is not None:
        network = assemble(validation.validate(config)).network
        if attention.has_names(network, config.network):
            arrays = weight_files.read(path, str(path)).arrays
            params = attention.to_params(arrays, param_shapes(network), str(path))
            return Trained(config, jax.tree.map(jnp.asarray, params))
    network, base = read(path, str(path))
    config = validation.validate(base if config is None else config)
    trained = fit(network, config, str(path))
    for line in open_questions(network, config, str(path)):
        warn(line)
    return trained


def save(path: str | Path, trained: Trained) -> None:
    """Write a new .pt, .pth or .safetensors; a .safetensors also holds the config.

    Raises:
      UserError: another suffix, the file exists already or cannot be written, or PyTorch has no such
        network.
    """
    weight_files.write(Path(path), _arrays(trained), _text(trained.config))


def to_safetensors(trained: Trained) -> bytes:
    """Return the bytes that `save` writes to a .safetensors.

    The arrays of a network that PyTorch does not have are named by their place in the parameters.
    """
    arrays = _arrays(trained) if has_names(trained) else layout.by_place(trained.params)
    return weight_files.to_safetensors(arrays, _text(trained.config))


def has_names(trained: Trained) -> bool:
    """Return whether PyTorch has the modules of a network, and so names for its weights."""
    if isinstance(make_task(trained.config.task), GivesNetwork):
        return attention.has_names(trained.network, trained.config.network)
    return layout.has_names(trained.config.network)


def read(path: Path, source: str) -> tuple[StateDict, Config]:
    """Read the state_dict in a file and its config, which is the one that `load` uses by default.

    Args:
      path: the file.
      source: its name in error messages.

    Raises:
      UserError: as `load`.
    """
    content = weight_files.read(path, source)
    nonlinearity, config = content.nonlinearity, Config()
    if CONFIG in content.text:
        try:
            values = json.loads(content.text[CONFIG])
        except (ValueError, RecursionError) as error:
            raise UserError(f"{source}: its config is not JSON ({error}).") from None
        config = validation.from_dict(values, source)
        nonlinearity = config.network.nonlinearity
        layout.require_names(config.network, source)
    network = state_dict.from_arrays(content.arrays, source)
    network = network._replace(told=content.told + network.told)
    if network.cell == "rnn":
        network = network._replace(nonlinearity=nonlinearity)
    return network, layout.with_sizes(config, network)


def open_questions(network: StateDict, config: Config, source: str) -> list[str]:
    """Return what a reader should be told of `network` as it is taken under `config`, a line each."""
    open_ = network.cell == "rnn" and network.nonlinearity is None
    if not open_ or config.network.nonlinearity != "tanh":
        return list(network.told)
    return [
        *network.told,
        f"{source}: it does not say whether its nn.RNN applies tanh or relu: tanh, PyTorch's default, is "
        "assumed; --config.network.nonlinearity=relu takes relu.",
    ]


def fit(network: StateDict, config: Config, source: str) -> Trained:
    """Convert `network` to a trained network under `config`.

    Raises:
      UserError: the two do not match.
    """
    layout.require_fit(network, config.network, make_task(config.task), source)
    params = jax.tree.map(jnp.asarray, layout.to_params(network, config.network))
    return Trained(config, params)


def _arrays(trained: Trained) -> dict[str, np.ndarray]:
    if attention.has_names(trained.network, trained.config.network):
        return attention.from_params(trained.params)
    return state_dict.to_arrays(layout.from_params(trained.params, trained.config.network))


def _text(config: Config) -> dict[str, str]:
    return {CONFIG: json.dumps(configs.to_dict(config))}


__all__ = [
    "StateDict",
    "fit",
    "has_names",
    "load",
    "open_questions",
    "read",
    "save",
    "to_safetensors",
]
