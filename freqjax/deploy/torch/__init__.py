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
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.names import task_class
from freqjax.config.sections import Config
from freqjax.deploy.torch import attention, layout, state_dict, weight_files
from freqjax.deploy.torch.state_dict import GATES, StateDict
from freqjax.deploy.torch.weight_files import Content
from freqjax.deploy.trained import Trained
from freqjax.errors import UserError
from freqjax.networks import GivesNetwork
from freqjax.tasks import make_task
from freqjax.tasks.classifier.config import ATTENDING
from freqjax.training.prepared import assemble, param_shapes

# Key of the text in a .safetensors that holds the config, as JSON.
CONFIG = "freqjax_config"


class Converted(NamedTuple):
    """Network of a file of weights.

    Attributes:
      trained: the network, ready to use.
      told: what a reader should be told of the file, and of what it leaves open, a line each.
      words: its kind and sizes.
    """

    trained: Trained
    told: list[str]
    words: str


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
      UserError: the file cannot be read, does not hold one recurrent module and one linear head, or a
        classifier of attention, or does not match the config.
    """
    content = weight_files.read(Path(path), str(path))
    config = validation.validate(_base(content, str(path)) if config is None else config)
    converted = _convert(content, config, str(path))
    for line in converted.told:
        warn(line)
    return converted.trained


def base_config(path: Path, source: str, task: str | None = None) -> Config:
    """Return the config in a file, else the default one with its sizes.

    Args:
      path: the file.
      source: its name in error messages.
      task: the task that the network is to be of, where the file holds no config; None for the default.

    Raises:
      UserError: as `load`.
    """
    return _base(weight_files.read(path, source), source, task)


def convert(path: Path, config: Config, source: str) -> Converted:
    """Convert the network in a file under `config`.

    Raises:
      UserError: as `load`.
    """
    return _convert(weight_files.read(path, source), config, source)


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
    """Read the recurrent module in a file and the config which is the one that `load` uses by default.

    Args:
      path: the file.
      source: its name in error messages.

    Raises:
      UserError: as `load`.
    """
    content = weight_files.read(path, source)
    return _recurrent(content, _config_in(content, source), source)


def _config_in(content: Content, source: str) -> Config | None:
    """Return the config that freqjax wrote beside the weights; None if there is none."""
    if CONFIG not in content.text:
        return None
    try:
        values = json.loads(content.text[CONFIG])
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: its config is not JSON ({error}).") from None
    return validation.from_dict(values, source)


def _recurrent(content: Content, held: Config | None, source: str) -> tuple[StateDict, Config]:
    """Return the recurrent module of a file and `held`, the config in it or the default, with its sizes."""
    config, nonlinearity = held or Config(), content.nonlinearity
    if held is not None:
        nonlinearity = config.network.nonlinearity
        layout.require_names(config.network, source)
    network = state_dict.from_arrays(content.arrays, source)
    network = network._replace(told=content.told + network.told)
    if network.cell == "rnn":
        network = network._replace(nonlinearity=nonlinearity)
    return network, layout.with_sizes(config, network)


def _base(content: Content, source: str, task: str | None = None) -> Config:
    config = _config_in(content, source)
    if config is None and task is not None and _has_own(task):
        return configs.default_config(task)
    if config is not None and _has_own(config.task.name):
        return config
    if config is None:
        attention.require_no_attention(content.arrays, source)
    return _recurrent(content, config, source)[1]


def _has_own(task: str) -> bool:
    """Return whether a task has a kind of network of its own, whose sizes no file tells."""
    return issubclass(task_class(task), GivesNetwork)


def _convert(content: Content, config: Config, source: str) -> Converted:
    if not _has_own(config.task.name):
        network, _ = _recurrent(content, _config_in(content, source), source)
        cell = f"rnn of {config.network.nonlinearity}" if network.cell == "rnn" else network.cell
        words = f"{cell}, layers: {len(network.layers)}, hidden units: {network.hidden_size}"
        told = open_questions(network, config, source)
        return Converted(fit(network, config, source), told, words)
    network = assemble(config).network
    attention.require_names(network, config, source)
    params = attention.to_params(content.arrays, param_shapes(network), source)
    trained = Trained(config, jax.tree.map(jnp.asarray, params))
    return Converted(trained, list(content.told), attention.describe(config))


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
    if _has_own(trained.config.task.name):
        raise UserError(
            f"task.name is {trained.config.task.name}: PyTorch has no such network; it must be one of layers "
            f"of a cell, or a classifier with task.encoder {' or '.join(ATTENDING)}, task.members 1 and, "
            f"where it reads context, network.cell {' or '.join(GATES)}, to be written in PyTorch's names."
        )
    return state_dict.to_arrays(layout.from_params(trained.params, trained.config.network))


def _text(config: Config) -> dict[str, str]:
    return {CONFIG: json.dumps(configs.to_dict(config))}


__all__ = [
    "Converted",
    "StateDict",
    "base_config",
    "convert",
    "fit",
    "has_names",
    "load",
    "open_questions",
    "read",
    "save",
    "to_safetensors",
]
