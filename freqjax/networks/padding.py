"""Padding of parameters to a larger hidden size, so that sizes can share one program.

A unit whose weights are all zero, out of it as well as into it, stays at h = 0 in a cell whose candidate is
then 0 (`Cell.rests`), and gets a gradient of exactly zero: outputs and gradients of the padded network are
those of the small one, and an update rule that maps a zero gradient to a zero step keeps the padding zero.
Gates and directions stand side by side along an axis, in blocks of H, and each block is padded by itself.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from freqjax.networks.network import Carry, Params

# A tree like the parameters: of each array one int an axis, the number of blocks of H that the axis
# is made of; 0 where it does not grow with H.
HiddenAxes = Any


def pad_hidden(params: Params, axes: HiddenAxes, hidden: int, wider: int) -> Any:
    """Pad `params` of H = `hidden` with zeros for the units up to `wider`; also moments and gradients.

    Args:
      params: arrays as `Network.init` lays them out.
      axes: `Paddable.hidden_axes()`.
      hidden: H as it is.
      wider: H as it is to be, at least `hidden`.

    Raises:
      ValueError: `wider` is below `hidden`, or an array is not made of blocks of `hidden`.
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


def pad_carry(carry: Carry, hidden: int, wider: int) -> Any:
    """Pad a carry, whose leaves are [..., H], as `pad_hidden` does."""
    return pad_hidden(carry, _last_axis(carry), hidden, wider)


def crop_carry(carry: Carry, hidden: int, wider: int) -> Any:
    """Undo `pad_carry`."""
    return crop_hidden(carry, _last_axis(carry), hidden, wider)


def _last_axis(carry: Carry) -> HiddenAxes:
    return jax.tree.map(lambda a: (0,) * (a.ndim - 1) + (1,), carry)


def _check(hidden: int, wider: int) -> None:
    if wider < hidden:
        raise ValueError(f"wider is {wider}: it must be at least hidden, {hidden}.")


def _resize(array: Any, blocks: tuple[int, ...], before: int, after: int) -> Any:
    """Cut every block of `before` along the axes that have some to `after`, or fill it with zeros."""
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
