"""Keys of a state_dict, assigned to the recurrent module, the linear head and FiLM.

A module names its tensors `<prefix>weight_ih_lk` …, a cell (`nn.LSTMCell` …) `<prefix>weight_ih` …, in the
same layout: a cell is a module of one layer. Both may be without biases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from freqjax.errors import UserError

CARRY = "carry"

_FILM = re.compile(r"film\.(?:scale|shift)_l\d+")
_RECURRENT = re.compile(
    r"(?P<prefix>.*?)(?P<part>(?:weight|bias)_(?:ih|hh))"
    r"(?:_l(?P<layer>\d+)(?P<reverse>_reverse)?)?"
)
_PROJECTION = re.compile(r"(?:.*\.)?weight_hr_l\d+(?:_reverse)?")
_SHOWN = 6


class DirectionNames(NamedTuple):
    """The keys of one layer in one direction; fields as of `state_dict.Direction`."""

    weight_ih: str
    weight_hh: str
    bias_ih: str
    bias_hh: str


class FilmNames(NamedTuple):
    """The keys of one layer's FiLM; fields as of `state_dict.Film`."""

    scale: str
    shift: str


class Names(NamedTuple):
    """The keys of a whole network.

    Attributes:
      layers: the one or two directions of each layer, forward first.
      head_weight: of the head.
      head_bias: of the head.
      film: of each layer; none without FiLM.
      without_biases: the modules that have none, whose bias keys here are therefore not in the file.
    """

    layers: list[list[DirectionNames]]
    head_weight: str
    head_bias: str
    film: list[FilmNames]
    without_biases: tuple[str, ...]


def find(arrays: Mapping[str, np.ndarray], source: str) -> Names:
    """Find the keys of one recurrent module and one linear head, which must be all there are.

    Raises:
      UserError: a key is missing, there are two modules or heads, or further tensors.
    """
    projections = [key for key in arrays if _PROJECTION.fullmatch(key)]
    if projections:
        raise UserError(
            f"{source}: it holds {listed(projections)}, a projection of the state (proj_size), which must "
            "not be there, since no cell has one here."
        )
    found = {key: match for key in arrays if (match := _RECURRENT.fullmatch(key))}
    layers = _layers(found, arrays, source)
    films = _films(len(layers), arrays, source)
    own = {CARRY, *(key for film in films for key in film)}
    rest = [key for key in arrays if key not in found and key not in own]
    weight, bias = _head(rest, arrays, source)
    without = [] if layers[0][0].bias_ih in arrays else [layers[0][0].weight_ih]
    without += [] if bias in arrays else [weight]
    modules = tuple(key.rpartition(".")[0] or "the top level" for key in without)
    return Names(layers, weight, bias, films, modules)


def listed(names: Iterable[str]) -> str:
    """Join the first few names for a sentence, sorted since a .safetensors has no order."""
    names = sorted(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


def _layers(
    found: Mapping[str, re.Match[str]], arrays: Iterable[str], source: str
) -> list[list[DirectionNames]]:
    prefixes = sorted({match["prefix"] for match in found.values()})
    if not prefixes:
        raise UserError(
            f"{source}: it holds no recurrent module: keys that end in weight_ih_l0 and weight_hh_l0, or in "
            f"weight_ih and weight_hh, are needed, and there are {listed(arrays)}."
        )
    if len(prefixes) > 1:
        raise _several(prefixes, found, source)
    if all(match["layer"] is None for match in found.values()):
        suffixes = [[""]]
    else:
        count = len({match["layer"] for match in found.values()} - {None})
        both = any(match["reverse"] for match in found.values())
        suffixes = [[f"_l{k}", f"_l{k}_reverse"][: 1 + both] for k in range(count)]
    names = [
        [DirectionNames(*(f"{prefixes[0]}{p}{s}" for p in DirectionNames._fields)) for s in layer]
        for layer in suffixes
    ]
    wanted = {key for directions in names for direction in directions for key in direction}
    if not any(match["part"].startswith("bias") for match in found.values()):
        wanted -= {key for directions in names for direction in directions for key in direction[2:]}
    _require(wanted, found, source)
    strange = found.keys() - wanted
    if strange:
        raise UserError(
            f"{source}: it holds {listed(strange)} beside {listed(wanted)}: it must hold one module or cell."
        )
    return names


def _several(prefixes: list[str], found: Mapping[str, re.Match[str]], source: str) -> UserError:
    modules = [prefix.removesuffix(".") or "the top level" for prefix in prefixes]
    stacked = ""
    if all(match["layer"] is None for match in found.values()):
        stacked = (
            f" (cells on one another are layers of one module, with {prefixes[0]}weight_ih as "
            f"weight_ih_l0, {prefixes[1]}weight_ih as weight_ih_l1 and so on)"
        )
    return UserError(
        f"{source}: it holds {len(prefixes)} recurrent modules, {listed(modules)}: it must hold one, so "
        f"save one alone with its linear head{stacked}."
    )


def _require(wanted: Iterable[str], found: Iterable[str], source: str) -> None:
    missing = [key for key in wanted if key not in found]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(f"{source}: {listed(missing)} {verb} missing beside {listed(found)}.")


def _head(rest: list[str], arrays: Mapping[str, np.ndarray], source: str) -> tuple[str, str]:
    heads = [key for key in rest if f".{key}".endswith(".weight") and arrays[key].ndim == 2]
    if len(heads) != 1:
        which = f"{len(heads)} linear layers, {listed(heads)}" if heads else "no linear head"
        among = "" if heads else f", and there are {listed(arrays)}"
        raise UserError(
            f"{source}: it holds {which}: there must be one 2-d key that ends in .weight, alone or with "
            f"its .bias{among}."
        )
    bias = heads[0].removesuffix("weight") + "bias"
    more = [key for key in rest if key not in (heads[0], bias)]
    if more:
        raise UserError(
            f"{source}: it also holds {listed(more)}, which a recurrent module with a linear head does "
            "not have."
        )
    return heads[0], bias


def _films(layers: int, arrays: Iterable[str], source: str) -> list[FilmNames]:
    if not any(_FILM.fullmatch(key) for key in arrays):
        return []
    names = [FilmNames(f"film.scale_l{k}", f"film.shift_l{k}") for k in range(layers)]
    missing = [key for film in names for key in film if key not in arrays]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise UserError(f"{source}: {listed(missing)} {verb} missing: FiLM acts on every layer.")
    return names
