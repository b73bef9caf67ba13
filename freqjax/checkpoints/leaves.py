"""Conversion of trees to named arrays on the host, and back.

orbax is given flat dicts of numpy arrays, so that neither a device nor a class is part of a
checkpoint; and every dtype is checked here, since orbax casts dtypes silently.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.errors import UserError
from freqjax.text import printable

# So many leaves that differ are named.
_NAMED = 5


class Misfit(UserError):
    """Leaves that differ from those of a template.

    Attributes:
      clauses: one for every leaf that differs.
    """

    def __init__(self, sentence: str, clauses: Sequence[str]) -> None:
        """Keep the clauses beside the sentence that names the first of them."""
        super().__init__(sentence)
        self.clauses = clauses


class Leaf(NamedTuple):
    """Name and type of one array; a template must match both exactly."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    key_impl: str | None  # the generator of a typed PRNG key, else None

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def parse(values: Any) -> list[Leaf]:
    """Return the leaves that JSON `values` describe: [[name, shape, dtype, key_impl], ...].

    Raises:
      ValueError: they describe none; the message says why.
    """
    if not isinstance(values, list):
        raise ValueError("leaves must be a list")
    leaves = [_parse(value) for value in values]
    names = {leaf.name for leaf in leaves}
    if len(names) < len(leaves):
        raise ValueError("two leaves have the same name")
    return leaves


def _parse(value: Any) -> Leaf:
    if not (isinstance(value, list) and len(value) == 4 and isinstance(value[0], str) and value[0]):
        raise ValueError("a leaf must be its name, shape, dtype and key_impl")
    name, shape, dtype, key_impl = value
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"the shape of leaf {name!r} must be a list of whole numbers")
    if key_impl is None:
        is_right = isinstance(dtype, str) and _is_dtype(dtype)
    else:
        is_right = isinstance(key_impl, str) and _key_dtype(key_impl) == dtype
    if not is_right:
        raise ValueError(f"leaf {name!r} has a dtype that JAX does not have")
    return Leaf(name, tuple(shape), dtype, key_impl)


def _is_dtype(name: str) -> bool:
    try:
        dtype = jnp.dtype(name)
    except (TypeError, ValueError):
        return False
    return dtype.name == name and dtype.kind not in "OSUMm" and dtype.fields is None


@functools.cache
def _key_dtype(key_impl: str) -> str | None:
    """Return the dtype of keys of a generator; None if there is no such generator."""
    try:
        return str(jax.eval_shape(lambda: jax.random.key(0, impl=key_impl)).dtype)
    except ValueError:
        return None


def size_of(leaves: Sequence[Leaf]) -> int:
    """Return how many bytes the arrays take, keys aside, which are small."""
    return sum(math.prod(x.shape) * jnp.dtype(x.dtype).itemsize for x in leaves if not x.key_impl)


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
        array = jax.device_put(arrays[leaf.name])  # `jnp.array` loads a program for every shape
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
        f"{printable(name)} is {had.get(name, 'absent')} there and {wanted.get(name, 'absent')} here"
        for name in sorted(had.keys() | wanted.keys())
        if had.get(name) != wanted.get(name)
    ]


def require_match(folder: Path, item: str, saved: Sequence[Leaf], template: Any) -> None:
    """Check that the leaves have the template's names, shapes and dtypes.

    Raises:
      Misfit: some differ; the first five are named.
    """
    clauses = differences(saved, template)
    if clauses:
        named = "; ".join(f"{item} {clause}" for clause in clauses[:_NAMED])
        more = f"; and {len(clauses) - _NAMED} more" if len(clauses) > _NAMED else ""
        raise Misfit(
            f"checkpoint {printable(str(folder))} does not fit this configuration in {len(clauses)} "
            f"leaves: {named}{more}.",
            clauses,
        )
