"""Gradients of frozen weights: truncated after K samples, as in a run, and through the whole block.

Axes: T samples, B sequences, D inputs, O outputs, N directions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.networks import Network
from freqjax.networks.arrays import EitherArray
from freqjax.networks.network import Carry, Params
from freqjax.tasks import Sequences, Task
from freqjax.tasks.constructible import NearSolution

# Most rows of a full gradient, whose memory and time are linear in them.
MOST_ROWS = 80_000


class Comparison(NamedTuple):
    """Comparison of a gradient truncated after K samples with the full gradient through T samples.

    Attributes:
      cosine: cosine of the angle between the two; None if one of them is zero or not finite.
      norm_ratio: norm of the truncated gradient / norm of the full one; None in the same cases.
      truncation: K.
      samples: T.
    """

    cosine: float | None
    norm_ratio: float | None
    truncation: int
    samples: int


def compare(
    network: Network, task: Task, params: Params, rows: Sequences, truncation: int
) -> Comparison:
    """Compare the truncated and the full gradient at `params`, each the mean over all `rows`."""
    samples = rows.inputs.shape[1]
    cut, whole = cut_and_whole(network, task, params, rows, truncation)
    norms = float(np.linalg.norm(cut)), float(np.linalg.norm(whole))
    if not (np.isfinite(norms).all() and min(norms) > 0):
        return Comparison(None, None, min(truncation, samples), samples)
    cosine = float((cut / norms[0]) @ (whole / norms[1]))
    return Comparison(cosine, norms[0] / norms[1], min(truncation, samples), samples)


def norm_at(network: Network, task: Task, params: Any, rows: Sequences, truncation: int) -> float:
    """Return the norm of the gradient at `params` as a run that cuts it takes it; it may not be finite."""
    return float(np.linalg.norm(_mean_gradient(network, task, params, rows, truncation)))


def slope_seen(near: NearSolution, task: Task, rows: Sequences, truncation: int) -> list[float]:
    """Compute [N], slope of the truncated gradient / slope of the full one, along each direction of `near`.

    Near a solution the full slope accumulates over T samples, so that a gradient truncated after K samples
    has at most about K / T of it.
    """
    cut, whole = cut_and_whole(near.network, task, near.params, rows, truncation)
    mends = [_flat(direction) for direction in near.directions]
    return [float(cut @ mend) / float(whole @ mend) for mend in mends]


def affordable(rows: Sequences) -> Sequences:
    """Select at most `MOST_ROWS` rows: fewer sequences first, in full cycles of groups, then fewer samples.

    If rows have weights, the only target may be at the end, so that samples are not removed.
    """
    streams, samples = rows.inputs.shape[:2]
    groups = len(np.unique(np.asarray(rows.groups)))
    if rows.weights is not None:
        streams = max(1, min(streams, MOST_ROWS // samples))
        return jax.tree.map(lambda array: array[:streams], rows)
    streams = max(groups, min(streams, MOST_ROWS // samples // groups * groups))
    samples = min(samples, max(1, MOST_ROWS // streams))
    return Sequences(
        rows.inputs[:streams, :samples], rows.targets[:streams, :samples], rows.groups[:streams]
    )


def cut_and_whole(
    network: Network, task: Task, params: Params, rows: Sequences, truncation: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradient truncated after `truncation` samples and the full one, as flat vectors."""
    samples = rows.inputs.shape[1]
    whole = _mean_gradient(network, task, params, rows, samples)
    if truncation >= samples:
        return whole, whole
    return _mean_gradient(network, task, params, rows, truncation), whole


class _Window(NamedTuple):
    """Rows of windows of K samples: inputs [·, K, B, D], targets [·, K, B, O], weights [·, K, B] or None."""

    inputs: jax.Array
    targets: jax.Array
    weights: jax.Array | None


def _mean_gradient(
    network: Network, task: Task, params: Params, rows: Sequences, window: int
) -> np.ndarray:
    """Return the mean over the rows of the gradient truncated at each window's start, as a flat vector.

    Samples after the last complete window are excluded; if rows have weights, those before the first one.
    """
    count = rows.inputs.shape[1] // window
    windows = _windows(rows, count, window)
    divisor = count if windows.weights is None else jnp.sum(windows.weights)
    streams = rows.inputs.shape[0]
    resets = jnp.zeros((window, streams), bool)

    def loss(params: Params, carry: Carry, part: _Window):
        carry, outputs = network.unroll(params, carry, part.inputs, resets)
        losses = task.objective.row_loss(outputs, part.targets)
        if part.weights is None:
            return jnp.mean(losses), carry
        return jnp.sum(jnp.where(part.weights > 0, part.weights * losses, 0)), carry

    @jax.jit
    def run(params: Params) -> Any:
        def body(state: tuple[Any, Any], part: _Window):
            carry, gradient = state
            more, carry = jax.grad(loss, has_aux=True)(params, carry, part)
            return (carry, jax.tree.map(jnp.add, gradient, more)), None

        # The first window's gradient includes a learned initial carry; later ones stop at their start.
        first = jax.tree.map(lambda a: a[0], windows)
        rest = jax.tree.map(lambda a: a[1:], windows)
        gradient, carry = jax.grad(
            lambda p: loss(p, network.init_carry(p, streams), first), has_aux=True
        )(params)
        (_, gradient), _ = jax.lax.scan(body, (carry, gradient), rest)
        return jax.tree.map(lambda g: g / divisor, gradient)

    return _flat(run(params))


def _windows(rows: Sequences, count: int, window: int) -> _Window:
    kept = slice(0, count * window) if rows.weights is None else slice(-count * window, None)

    def cut(array: EitherArray) -> jax.Array:
        array = jnp.swapaxes(jnp.asarray(array), 0, 1)[kept]
        return array.reshape(count, window, *array.shape[1:])

    weights = None if rows.weights is None else cut(rows.weights)
    return _Window(cut(rows.inputs), cut(rows.targets), weights)


def _flat(params: Params) -> np.ndarray:
    return np.concatenate(
        [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(params)]
    )
