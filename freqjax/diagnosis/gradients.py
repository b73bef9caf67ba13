"""Gradients of frozen weights: cut after K samples, as a run cut them, against the whole block's."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.config.sections import NetworkConfig
from freqjax.networks import Network, needs_of, network_of
from freqjax.tasks import Extraction, Sequences, Task
from freqjax.tasks.extraction.clock import Clock

# Rows through which a whole gradient is taken at most: what it needs of memory and time is linear in them.
_MOST_ROWS = 80_000
# How far the nearly right clock is off: Δf·T, well inside of the basin, far beyond the accuracy needed.
_OFF = 0.3


class Comparison(NamedTuple):
    """A gradient that is cut after K samples, against one through T.

    Attributes:
      cosine: of the angle between the two; None where one of them is zero or not finite.
      norm_ratio: norm of the cut one / norm of the whole; None there too.
      truncation: K.
      samples: T.
    """

    cosine: float | None
    norm_ratio: float | None
    truncation: int
    samples: int


class ClockSlope(NamedTuple):
    """How much of the slope that mends a frequency a cut gradient sees, at a clock that is nearly right.

    Attributes:
      share: [F] slope of the cut gradient along each component's frequency / that of the whole one.
      off_hz: by how much each frequency of the clock is off, Hz.
      truncation: K.
      samples: T.
    """

    share: list[float]
    off_hz: float
    truncation: int
    samples: int


def compare(
    network: Network, task: Task, params: Any, blocks: Sequences, truncation: int
) -> Comparison:
    """Cut and whole gradient at `params`, each the mean over all rows of `blocks`."""
    blocks = _affordable(blocks)
    samples = blocks.inputs.shape[1]
    cut, whole = _cut_and_whole(network, task, params, blocks, truncation)
    norms = float(np.linalg.norm(cut)), float(np.linalg.norm(whole))
    if not (np.isfinite(norms).all() and min(norms) > 0):
        return Comparison(None, None, min(truncation, samples), samples)
    cosine = float((cut / norms[0]) @ (whole / norms[1]))
    return Comparison(cosine, norms[0] / norms[1], min(truncation, samples), samples)


def clock_slope(clock: Clock, task: Extraction, blocks: Sequences, truncation: int) -> ClockSlope:
    """Cut against whole gradient at the constructed `clock` of `task`, off by Δf = 0.3 / T.

    The gradient is taken along ∂weights/∂f of each component, the direction in which the clock is mended.
    Were the whole gradient 1, one that is cut after K samples sees no more of the phase than what
    gathers in K samples, about K / T.
    """
    blocks = _affordable(blocks)
    samples = blocks.inputs.shape[1]
    config = NetworkConfig(hidden_size=clock.units, initializer="constructed")
    needs = needs_of(config, task)

    def written(clock: Clock) -> Any:
        return network_of(config, needs._replace(constructed=clock)).init(jax.random.key(0))

    off = _OFF / samples
    nearly = clock.moved(off)
    params = written(nearly)
    cut, whole = _cut_and_whole(network_of(config, needs), task, params, blocks, truncation)
    shares = []
    for component in np.eye(len(clock.cycles)):
        mend = _flat(written(nearly.moved(1e-2 * off * component))) - _flat(params)
        shares.append(float(cut @ mend) / float(whole @ mend))
    return ClockSlope(shares, off * task.time.samples, min(truncation, samples), samples)


def _affordable(blocks: Sequences) -> Sequences:
    """At most `_MOST_ROWS` rows: fewer streams first, whole turns of the groups, then fewer samples."""
    streams, samples = blocks.inputs.shape[:2]
    groups = len(np.unique(np.asarray(blocks.groups)))
    streams = max(groups, min(streams, _MOST_ROWS // samples // groups * groups))
    samples = min(samples, max(1, _MOST_ROWS // streams))
    weights = blocks.weights
    return Sequences(
        blocks.inputs[:streams, :samples],
        blocks.targets[:streams, :samples],
        blocks.groups[:streams],
        None if weights is None else weights[:streams, :samples],
    )


def _cut_and_whole(
    network: Network, task: Task, params: Any, blocks: Sequences, truncation: int
) -> tuple[np.ndarray, np.ndarray]:
    xs, targets = (
        jnp.swapaxes(jnp.asarray(array), 0, 1) for array in (blocks.inputs, blocks.targets)
    )
    whole = _mean_gradient(network, task, params, xs, targets, len(xs))
    if truncation >= len(xs):
        return whole, whole
    return _mean_gradient(network, task, params, xs, targets, truncation), whole


def _mean_gradient(
    network: Network, task: Task, params: Any, xs: jax.Array, targets: jax.Array, window: int
) -> np.ndarray:
    """Mean over the windows of the gradient that stops at each window's edge, as one flat vector.

    xs [T, B, D] and targets [T, B, O] are cut to whole windows.
    """
    count = len(xs) // window

    def cut(array: jax.Array) -> jax.Array:
        return array[: count * window].reshape(count, window, *array.shape[1:])

    windows = cut(xs), cut(targets)
    resets = jnp.zeros((window, xs.shape[1]), bool)

    def loss(params: Any, carry: Any, rows: tuple[jax.Array, jax.Array]):
        carry, outputs = network.unroll(params, carry, rows[0], resets)
        return jnp.mean(task.objective.row_loss(outputs, rows[1])), carry

    @jax.jit
    def run(params: Any) -> Any:
        def body(state: tuple[Any, Any], rows: tuple[jax.Array, jax.Array]):
            carry, total = state
            grads, carry = jax.grad(loss, has_aux=True)(params, carry, rows)
            return (carry, jax.tree.map(jnp.add, total, grads)), None

        # The first window's gradient reaches a learned initial carry; later ones stop at their edge.
        first, rest = (windows[0][0], windows[1][0]), (windows[0][1:], windows[1][1:])
        grads, carry = jax.grad(
            lambda p: loss(p, network.init_carry(p, xs.shape[1]), first), has_aux=True
        )(params)
        (_, total), _ = jax.lax.scan(body, (carry, grads), rest)
        return jax.tree.map(lambda g: g / count, total)

    return _flat(run(params))


def _flat(params: Any) -> np.ndarray:
    return np.concatenate(
        [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(params)]
    )
