"""Conversion of trees to named arrays on the host, and back.

orbax is given flat dicts of numpy arrays, so that neither a device nor a class is part of a
checkpoint; and every dtype is checked here, since orbax casts dtypes silently.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.errors import UserError


class Leaf(NamedTuple):
    """Name and type of one array; a template must match both exactly."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    key_impl: str | None  # the generator of a typed PRNG key, else None

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def _named(tree: Any) -> list[tuple[str, Any]]:
    """Return the leaves, with names such as `Dense_0/kernel`, in the tree's order."""
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    named = []
    for path, leaf in paths:
        name = jax.tree_util.keystr(path, simple=True, separator="/") or "array"
        if not isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct)):
            original, leaf = np.asarray(leaf), jnp.asarray(leaf)
            if leaf.dtype != original.dtype:  # a Python number, or 64 bits that JAX would cut
                raise TypeError(f"leaf {name} is {original.dtype}, which JAX would not keep")
        named.append((name, leaf))
    if len({name for name, _ in named}) < len(named):
        raise TypeError(f"two leaves have the same name: {sorted(name for name, _ in named)}")
    return named


def _is_key(leaf: jax.Array | jax.ShapeDtypeStruct) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def describe(tree: Any) -> list[Leaf]:
    """Return name and type of every leaf.

    Raises:
      TypeError: a leaf is not an array of a dtype that JAX supports.
    """
    described = []
    for name, leaf in _named(tree):
        key = isinstance(leaf, jax.Array) and _is_key(leaf)  # a struct does not know its generator
        key_impl = str(jax.random.key_impl(leaf)) if key else None
        described.append(Leaf(name, tuple(leaf.shape), str(leaf.dtype), key_impl))
    return described


def to_host(tree: Any) -> dict[str, np.ndarray]:
    """Return the leaves by name; keys as their data, and without empty arrays."""
    data = {
        name: np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        for name, leaf in _named(tree)
    }
    # orbax rejects empty arrays; their type, in the manifest, describes them completely.
    return {name: array for name, array in data.items() if array.size}


def to_device(saved: Sequence[Leaf], arrays: Mapping[str, np.ndarray], template: Any) -> Any:
    """Return the template's structure with the saved arrays, which `require_match` has checked."""
    by_name = {leaf.name: leaf for leaf in saved}

    def put(leaf: Leaf) -> jax.Array:
        if leaf.key_impl is not None:
            return jax.random.wrap_key_data(jnp.array(arrays[leaf.name]), impl=leaf.key_impl)
        if leaf.name not in arrays:
            return jnp.zeros(leaf.shape, leaf.dtype)
        array = jnp.array(arrays[leaf.name])
        if str(array.dtype) != leaf.dtype:  # 64 bits, saved with jax_enable_x64
            raise UserError(f"leaf {leaf.name} is {leaf}, which this JAX would cut: enable x64.")
        return array

    leaves = [put(by_name[name]) for name, _ in _named(template)]
    return jax.tree.unflatten(jax.tree.structure(template), leaves)


def nested_template(leaves: Sequence[Leaf]) -> dict[str, Any]:
    """Return the nested dict of linen parameters given by the names of the leaves."""
    root: dict[str, Any] = {}
    for leaf in leaves:
        *parents, last = leaf.name.split("/")
        parent = functools.reduce(lambda node, name: node.setdefault(name, {}), parents, root)
        parent[last] = jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
    return root


def differences(saved: Sequence[Leaf], template: Any) -> list[str]:
    """Return a clause for every leaf that differs from the template's in name, shape or dtype."""
    had = {leaf.name: str(leaf) for leaf in saved}
    wanted = {leaf.name: str(leaf) for leaf in describe(template)}
    return [
        f"{name} is {had.get(name, 'absent')} there and {wanted.get(name, 'absent')} here"
        for name in sorted(had.keys() | wanted.keys())
        if had.get(name) != wanted.get(name)
    ]


def require_match(folder: Path, item: str, saved: Sequence[Leaf], template: Any) -> None:
    """Check that the leaves have the template's names, shapes and dtypes.

    Raises:
      UserError: some differ; the first five are named.
    """
    differing = [f"{item} {clause}" for clause in differences(saved, template)]
    if differing:
        more = f"; and {len(differing) - 5} more" if len(differing) > 5 else ""
        raise UserError(
            f"checkpoint {folder} does not fit this configuration in {len(differing)} of "
            f"{len(describe(template))} leaves: {'; '.join(differing[:5])}{more}."
        )
