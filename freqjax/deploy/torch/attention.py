"""Classifiers of attention and PyTorch state_dicts: the same numbers, transposed.

The arrays of a classifier whose encoder is a transformer have the names of these modules:

    tokens.<modality>        pooled: nn.Sequential(nn.Conv1d(F, M/2, 3, padding=1), nn.ReLU(),
                             nn.Conv1d(M/2, M, 3, padding=1), nn.ReLU()); else nn.Linear(4 (F + 1), M)
    last.<modality>          pooled: nn.Linear(M, M), of the mean over time
    reader [M], kinds [K, M] the learned token, and what is added to those of each modality
    encoder                  nn.TransformerEncoder of layers of width 4 M: after normalisation and ReLU if it
                             is pooled, else norm_first, exact GELU, and a last nn.LayerNorm
    norm, head               nn.LayerNorm(M), nn.Linear
    past, behind             nn.LSTMCell, nn.GRUCell or nn.RNNCell, the readers of context

A bias of the keys, which PyTorch has, adds the same to all scores of a query: it is written as 0, and left
out when it is read, which changes no output. Axes: M features, F channels, K modalities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from freqjax.config.sections import Config, NetworkConfig
from freqjax.deploy.torch.state_dict import GATES, single
from freqjax.errors import UserError
from freqjax.networks import Network
from freqjax.networks.network import Params
from freqjax.tasks.classifier.config import ATTENDING, ClassifierConfig
from freqjax.tasks.classifier.network.classifier import ClassifierNetwork
from freqjax.tasks.classifier.network.transformer import Transformer

Arrays = dict[str, np.ndarray]
# Parts of attention that PyTorch stacks, in its order.
_STACKED = ("query", "key", "value")
# Places of the convolutions of a pooled modality in their nn.Sequential.
_CONVOLUTIONS = ((0, "first"), (2, "second"))
_CELL = {"input": "ih", "recurrent": "hh"}


def has_names(network: Network, config: NetworkConfig) -> bool:
    """Return whether a network is a classifier whose arrays PyTorch's modules have."""
    if not isinstance(network, ClassifierNetwork) or not isinstance(network.encoder, Transformer):
        return False
    return network.past is None or config.cell in GATES


def require_names(network: Network, config: Config, source: str) -> None:
    """Check that `to_params` can fill the network of a config, whose task makes it.

    Raises:
      UserError: it is another network, or has weights that no module of PyTorch has.
    """
    task = config.task
    if isinstance(task, ClassifierConfig) and task.members != 1:
        raise UserError(
            f"task.members is {task.members}: it must be 1 to take the weights of {source}, which are of one "
            "network."
        )
    if not isinstance(network, ClassifierNetwork) or not isinstance(task, ClassifierConfig):
        raise UserError(
            f"task.name is {task.name}: it must be classifier, or a task whose network is layers of a cell, "
            f"to take the weights of {source}."
        )
    if not isinstance(network.encoder, Transformer):
        raise UserError(
            f"task.encoder is {task.encoder}: it must be {' or '.join(ATTENDING)} to take the weights of "
            f"{source}."
        )
    if not has_names(network, config.network):
        raise UserError(
            f"network.cell is {config.network.cell}: it must be one of {', '.join(GATES)}, which PyTorch "
            f"has, to take the weights of {source}."
        )
    if task.pretraining:
        raise UserError(
            f"task.pretraining is {task.pretraining}: it must be 0 to take the weights of {source}, since "
            "they learn their classes without it."
        )


def require_no_attention(arrays: Mapping[str, np.ndarray], source: str) -> None:
    """Check that a file of arrays needs no config to tell its network.

    Raises:
      UserError: it holds layers of attention, and so not the number of their heads.
    """
    found = [name for name in arrays if name.endswith("self_attn.in_proj_weight")]
    if found:
        raise UserError(
            f"{source}: it holds {min(found)}, of attention, and no config: there must be a config of the "
            "classifier that it is, with its task.encoder, task.layers, task.heads and task.data."
        )


def describe(config: Config) -> str:
    """Return the kind and the sizes of a network that `require_names` accepts, in words."""
    task = config.task
    assert isinstance(task, ClassifierConfig)
    return (
        f"{task.encoder} classifier, layers: {task.layers}, heads: {task.heads}, hidden units: "
        f"{config.network.hidden_size}"
    )


def from_params(params: Params) -> Arrays:
    """Convert parameters of a network that `has_names` accepts to a state_dict."""
    tree: Any = jax.tree.map(np.asarray, params)
    encoder = tree["encoder"]
    arrays: Arrays = {"reader": encoder["reader"], "kinds": encoder["kinds"]}
    for key, layer in encoder.items():
        kind, _, name = key.partition("_")
        if kind == "tokens":
            arrays |= _from_tokens(name, layer)
        if kind == "layer":
            arrays |= _from_layer(f"encoder.layers.{name}", layer)
    if "norm" in encoder:
        arrays |= _from_norm("encoder.norm", encoder["norm"])
    arrays |= _from_norm("norm", tree["norm"]) | _from_product("head", tree["head"])
    for name in ("past", "behind"):
        for part, letter in _CELL.items() if name in tree else ():
            arrays[f"{name}.weight_{letter}"] = tree[name][part]["kernel"].T
            arrays[f"{name}.bias_{letter}"] = tree[name][part]["bias"]
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def to_params(arrays: Mapping[str, np.ndarray], shapes: Params, source: str) -> Params:
    """Invert `from_params`.

    Args:
      arrays: the state_dict.
      shapes: the parameters of the network that is to have them, or their shapes alone.
      source: where the arrays come from, for error messages.

    Raises:
      UserError: an array is missing, there is one more, a shape is another one, or float32 does not hold a
        value.
    """
    blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes)
    wanted = from_params(blank)
    for name, array in wanted.items():
        if name not in arrays:
            raise UserError(f"{source}: it has no {name}: it must hold all arrays of the network.")
        if arrays[name].shape != array.shape:
            raise UserError(
                f"{source}: {name} has shape {arrays[name].shape}: it must be {array.shape}, as the config "
                "makes it."
            )
    for name in arrays:
        if name not in wanted:
            raise UserError(f"{source}: it holds {name}, which is none of the network.")
    return _filled(blank, {name: single(name, array, source) for name, array in arrays.items()})


def _filled(blank: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the parameters with the numbers of a state_dict that has all of them."""
    encoder = dict(blank["encoder"]) | {"reader": arrays["reader"], "kinds": arrays["kinds"]}
    for key, layer in encoder.items():
        kind, _, name = key.partition("_")
        if kind == "tokens":
            encoder[key] = _to_tokens(name, layer, arrays)
        if kind == "layer":
            encoder[key] = _to_layer(f"encoder.layers.{name}", arrays)
    if "norm" in encoder:
        encoder["norm"] = _to_norm("encoder.norm", arrays)
    tree = {
        "encoder": encoder,
        "norm": _to_norm("norm", arrays),
        "head": _to_product("head", arrays),
    }
    for name in ("past", "behind"):
        if name in blank:
            tree[name] = {
                part: {
                    "kernel": arrays[f"{name}.weight_{letter}"].T,
                    "bias": arrays[f"{name}.bias_{letter}"],
                }
                for part, letter in _CELL.items()
            }
    return jax.tree.map(lambda array: np.ascontiguousarray(array, np.float32), tree)


def _from_tokens(name: str, layer: Any) -> Arrays:
    if "kernel" in layer:
        return _from_product(f"tokens.{name}", layer)
    arrays = _from_product(f"last.{name}", layer["last"])
    for place, part in _CONVOLUTIONS:
        kernel = layer[part]["kernel"]
        taps = kernel.reshape(3, -1, kernel.shape[1])
        arrays[f"tokens.{name}.{place}.weight"] = taps.transpose(2, 1, 0)
        arrays[f"tokens.{name}.{place}.bias"] = layer[part]["bias"]
    return arrays


def _to_tokens(name: str, blank: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if "kernel" in blank:
        return _to_product(f"tokens.{name}", arrays)
    layer = {"last": _to_product(f"last.{name}", arrays)}
    for place, part in _CONVOLUTIONS:
        weight = arrays[f"tokens.{name}.{place}.weight"]
        kernel = weight.transpose(2, 1, 0).reshape(-1, len(weight))
        layer[part] = {"kernel": kernel, "bias": arrays[f"tokens.{name}.{place}.bias"]}
    return layer


def _from_layer(name: str, layer: Any) -> Arrays:
    among = layer["among"]
    size = among["key"]["kernel"].shape[1]
    biases = [among[part].get("bias", np.zeros(size, np.float32)) for part in _STACKED]
    arrays = {
        f"{name}.self_attn.in_proj_weight": np.concatenate(
            [among[part]["kernel"].T for part in _STACKED]
        ),
        f"{name}.self_attn.in_proj_bias": np.concatenate(biases),
    }
    arrays |= _from_product(f"{name}.self_attn.out_proj", among["out"])
    arrays |= _from_product(f"{name}.linear1", layer["wide"])
    arrays |= _from_product(f"{name}.linear2", layer["narrow"])
    for number, own in enumerate(layer["norms"], start=1):
        arrays |= _from_norm(f"{name}.norm{number}", own)
    return arrays


def _to_layer(name: str, arrays: Mapping[str, np.ndarray]) -> Any:
    weights = np.split(arrays[f"{name}.self_attn.in_proj_weight"], 3)
    biases = np.split(arrays[f"{name}.self_attn.in_proj_bias"], 3)
    among = {
        part: {"kernel": weight.T, "bias": bias}
        for part, weight, bias in zip(_STACKED, weights, biases, strict=True)
    }
    del among["key"]["bias"]
    return {
        "among": among | {"out": _to_product(f"{name}.self_attn.out_proj", arrays)},
        "wide": _to_product(f"{name}.linear1", arrays),
        "narrow": _to_product(f"{name}.linear2", arrays),
        "norms": [_to_norm(f"{name}.norm{number}", arrays) for number in (1, 2)],
    }


def _from_product(name: str, layer: Any) -> Arrays:
    return {f"{name}.weight": layer["kernel"].T, f"{name}.bias": layer["bias"]}


def _to_product(name: str, arrays: Mapping[str, np.ndarray]) -> Any:
    return {"kernel": arrays[f"{name}.weight"].T, "bias": arrays[f"{name}.bias"]}


def _from_norm(name: str, layer: Any) -> Arrays:
    return {f"{name}.weight": layer["gain"], f"{name}.bias": layer["bias"]}


def _to_norm(name: str, arrays: Mapping[str, np.ndarray]) -> Any:
    return {"gain": arrays[f"{name}.weight"], "bias": arrays[f"{name}.bias"]}
