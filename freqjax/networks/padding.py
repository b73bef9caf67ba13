"""Padding of parameters to a larger hidden size, so that sizes can share one program.

A unit whose incoming and outgoing weights are all zero stays at h = 0 in a cell whose candidate is then 0
(`Cell.rests`), and gets a gradient of exactly zero: outputs and gradients of the padded network are those of
the small one, and an update rule that maps a zero gradient to a zero step keeps the padding zero. Gates and
directions are side by side along an axis, in blocks of H, and each block is padded separately.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from freqjax.networks.network import Params

# A tree like the parameters: for each array one int per axis, the number of blocks of H in the axis; 0 if
# its length does not depend on H.
HiddenAxes = Any


def pad_hidden(params: Params, axes: HiddenAxes, hidden: int, wider: int) -> Any:
    """Pad `params` of H = `hidden` with zeros for the units up to `wider`; also moments and gradients.

    Args:
      params: arrays in the layout of `Network.init`.
      axes: `Paddable.hidden_axes()`.
      hidden: present H.
      wider: new H, at least `hidden`.

    Raises:
      ValueError: `wider` is below `hidden`, or an array does not consist of blocks of `hidden`.
    """
    _check(hidden, wider)
    return jax.tree.map(lambda a, blocks: _resize(a, blocks, hidden, wider), params, axes)


def crop_hidden(params: Params, axes: HiddenAxes, hidden: int, wider: int) -> Any:
    """Undo `pad_hidden`: return the first `hidden` units of parameters that have `wider`.

    Raises:
      ValueError: as `pad_hidden`.
    """
    _check(hidden, wider)
    return jax.tree.map(lambda a, blocks: _resize(a, blocks, wider, hidden), params, axes)


def _check(hidden: int, wider: int) -> None:
    if wider < hidden:
        raise ValueError(f"wider is {wider}: it must be at least hidden, {hidden}.")


def _resize(array: Any, blocks: tuple[int, ...], before: int, after: int) -> Any:
    """Truncate or zero-pad every block of `before` to `after`, along the axes that have blocks."""
    if (
        tuple(n * before or size for n, size in zip(blocks, array.shape, strict=True))
        != array.shape
    ):
        raise ValueError(f"An array {array.shape} is not {blocks} blocks of H = {before}.")
    for axis, count in enumerate(blocks):
        if count == 0:
            continue
        head, tail = array.shape[:axis], array.shape[axis + 1 :]
        array = array.reshape(*head, count, before, *tail)
        if after < before:
            array = jax.lax.slice_in_dim(array, 0, after, axis=axis + 1)
        else:
            width = [(0, 0)] * array.ndim
            width[axis + 1] = (0, after - before)
            array = jnp.pad(array, width)
        array = array.reshape(*head, count * after, *tail)
    return array
