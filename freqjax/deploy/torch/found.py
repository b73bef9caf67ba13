"""State_dicts within what `torch.save` wrote, and what it tells of them.

Training scripts save a state_dict beside an optimiser's, Lightning beside its hyper-parameters; and a whole
module holds its parameters and modules as attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from freqjax.deploy.torch.saved_objects import Saved, children
from freqjax.errors import UserError

# The first weights of a recurrent module, or those of a cell or of attention.
_FIRST = re.compile(r".*weight_[ih]h(?:_l0)?|.*in_proj_weight")
# What nn.RNN and nn.RNNCell say of themselves, and scripts among their hyper-parameters.
_NONLINEARITY = {
    ("nonlinearity", "tanh"): "tanh",
    ("nonlinearity", "relu"): "relu",
    ("mode", "RNN_TANH"): "tanh",
    ("mode", "RNN_RELU"): "relu",
}


class Found(NamedTuple):
    """A state_dict.

    Attributes:
      tensors: by name.
      nonlinearity: of a simple recurrent network, tanh or relu; None where nothing says it.
    """

    tensors: dict[str, Any]
    nonlinearity: str | None


def state_dict_in(content: Any, torch: Any, source: str) -> Found:
    """Find the one state_dict with a recurrent module or attention in `content`, else the first tensors.

    Args:
      content: what `saved_objects.read` returned.
      torch: the module.
      source: the name of the file in error messages.

    Raises:
      UserError: there are several.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    others: list[dict[str, Any]] = []
    said = set()
    for value, path in _walk(content):
        fields = dict(children(value))
        said |= {_NONLINEARITY[k, v] for k, v in fields.items() if _known(k, v)}
        if path is not None and path.in_module:
            continue
        held = _parameters(value, torch) if _is_module(value) else _tensors(fields, torch)
        if any(_FIRST.fullmatch(name) for name in held):
            found.append((_name(path), held))
        elif held:
            others.append(held)
    if len(found) > 1:
        names = ", ".join(name or "the top level" for name, _ in found)
        raise UserError(
            f"{source}: it holds {len(found)} state_dicts, under {names}: it must hold one, so save one "
            "alone."
        )
    tensors = found[0][1] if found else others[0] if others else {}
    return Found(tensors, said.pop() if len(said) == 1 else None)


class _Path(NamedTuple):
    """Place of a value: under `key` of the value at `above`; `in_module` if that is, or is in, a module."""

    key: str
    above: _Path | None
    in_module: bool


def _walk(content: Any) -> Iterator[tuple[Any, _Path | None]]:
    """Yield everything in `content` that can hold more, once each, from the outside in.

    A saved object may hold itself, and be nested to any depth.
    """
    seen: set[int] = set()
    left: list[tuple[Any, _Path | None]] = [(content, None)]
    while left:
        value, path = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value, path
        in_module = _is_module(value) or (path is not None and path.in_module)
        below = [
            (inside, _Path(key, path, in_module))
            for key, inside in children(value)
            if isinstance(inside, (Mapping, list, tuple, Saved))
        ]
        left += reversed(below)


def _known(key: str, value: Any) -> bool:
    return isinstance(value, str) and (key, value) in _NONLINEARITY


def _is_module(value: Any) -> bool:
    return isinstance(value, Saved) and {"_parameters", "_modules"} <= value.state.keys()


def _name(path: _Path | None) -> str:
    keys = []
    while path is not None:
        keys.append(path.key)
        path = path.above
    return ".".join(reversed(keys))


def _tensors(fields: Mapping[str, Any], torch: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if isinstance(value, torch.Tensor)}


def _parameters(module: Any, torch: Any) -> dict[str, Any]:
    """Return the state_dict of a module, a module that is in it twice once."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    left = [("", module)]
    while left:
        prefix, module = left.pop()
        if id(module) in seen or not _is_module(module):
            continue
        seen.add(id(module))
        passing = module.state.get("_non_persistent_buffers_set") or ()
        for part in ("_parameters", "_buffers"):
            held = _tensors(dict(children(module.state.get(part))), torch)
            found |= {f"{prefix}{k}": v for k, v in held.items() if k not in passing}
        below = [(f"{prefix}{key}.", m) for key, m in children(module.state["_modules"])]
        left += reversed(below)
    return found
