"""One damped Gauss-Newton step (Levenberg 1944, Marquardt 1963), solved by conjugate gradients.

The loss L(θ) = ℓ(y(θ)) is convex in the outputs y. Near θ its curvature is that of the outputs'
Jacobian J, the Gauss-Newton matrix JᵀℓʺJ (Schraudolph 2002), and the step is

    d = −(JᵀℓʺJ + λ S⁻²)⁻¹ Jᵀℓ′

with S the typical size of a change of each parameter. Products with J and Jᵀ come from one linearisation of
the network, so the matrix is never formed. The method is useful for learning an oscillator: the curvatures
along its rate and its phase differ by T², and first-order steps have one learning rate for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from freqjax.networks import Linearization
from freqjax.networks.network import Params
from freqjax.training.chunks import change_ratios

# The largest damping; the tolerance of conjugate gradients, relative to the squared first residual, and their
# least number of iterations; and the step lengths tried, in order, the last of which is no step.
_MOST_DAMPING = 1e3
_TOLERANCE = 1e-6
_FEWEST_ITERATIONS = 8
_SHARES = (1.0, 0.5, 0.25, 0.1, 0.0)


# Scalar array.
Scalar = Float[Array, ""]
# Outputs of a network, and the loss of each row of them; rows may be along several axes.
Outputs = Float[Array, "*rows O"]
RowLosses = Float[Array, "*rows"]


class StepInfo(NamedTuple):
    """Report of a step.

    Attributes:
      loss: before the step.
      squared_norms: [P] squared gradient norm of each parameter array, before the step.
      share: share of the proposed step that was taken; 0 if no share lowered the loss.
      gain: decrease of the loss / decrease predicted by the quadratic model.
      solver_steps: conjugate-gradient iterations.
      update_ratios: [P] norm of the change / norm of the array before.
    """

    loss: Scalar
    squared_norms: Float[Array, " P"]
    share: Scalar
    gain: Scalar
    solver_steps: Int[Array, ""]
    update_ratios: Float[Array, " P"]


def step(
    linearize: Callable[[Params], Linearization],
    predict: Callable[[Params], Outputs],
    row_losses: Callable[[Outputs], RowLosses],
    weights: RowLosses,
    params: Params,
    scales: Params,
    damping: Scalar,
    damping_floor: float,
    solver_steps: int,
) -> tuple[Params, Scalar, StepInfo, tuple[RowLosses, RowLosses]]:
    """Take one step on the weighted sum of the rows' losses; traceable.

    Args:
      linearize: params → outputs with the Jacobian there; called once.
      predict: params → the same outputs without the Jacobian.
      row_losses: outputs → the loss of every row, convex in the outputs.
      weights: weight of every row in the loss; they sum to 1.
      params: the present parameters.
      scales: S, in the layout of `params`.
      damping: λ.
      damping_floor: lower bound of λ.
      solver_steps: largest number of conjugate-gradient iterations.

    Returns:
      New params, new damping, the report, and the loss of every row before and after.
    """
    linear = linearize(params)

    def total(row_losses: RowLosses) -> Scalar:
        return jnp.sum(weights * row_losses)

    def mean_loss(outputs: Outputs) -> Scalar:
        return total(row_losses(outputs))

    loss, gradient, proposal = _propose(linear, mean_loss, scales, damping, solver_steps)
    direction, promised, used = proposal

    def moved(share: Scalar) -> Params:
        # If no share lowered the loss, the parameters do not change, even if the direction is NaN.
        return jax.tree.map(lambda p, d: jnp.where(share > 0, p + share * d, p), params, direction)

    def losses_at(share: Scalar) -> RowLosses:
        return row_losses(predict(moved(share)))

    tried, new_losses = _backtrack(losses_at, total, loss)
    share = jnp.asarray(_SHARES)[tried]
    gain = (loss - total(new_losses)) / promised
    squared_norms = jnp.stack([jnp.sum(jnp.square(g)) for g in jax.tree.leaves(gradient)])
    new_params = moved(share)
    info = StepInfo(
        loss=loss,
        squared_norms=squared_norms,
        share=share,
        gain=gain,
        solver_steps=used,
        update_ratios=change_ratios(params, new_params),
    )
    following = _next_damping(damping, damping_floor, tried, gain)
    return new_params, following, info, (row_losses(linear.outputs), new_losses)


def _propose(
    linear: Linearization,
    mean_loss: Callable[[Outputs], Scalar],
    scales: Params,
    damping: Scalar,
    solver_steps: int,
) -> tuple[Scalar, Params, tuple[Params, Scalar, Int[Array, ""]]]:
    """Solve for the step d; return loss, gradient, and (d, the predicted decrease, iterations)."""
    outputs, tangent, adjoint = linear
    loss, output_gradient = jax.value_and_grad(mean_loss)(outputs)
    gradient = adjoint(output_gradient)

    def curvature(v: Params) -> Params:
        """Compute (S JᵀℓʺJ S + λ) v, in parameters divided by their scales."""
        change = tangent(_times(v, scales))
        curved = jax.jvp(jax.grad(mean_loss), (outputs,), (change,))[1]
        return _add(damping, v, _times(adjoint(curved), scales))

    downhill = jax.tree.map(lambda g, s: -g * s, gradient, scales)
    scaled, remainder, used = _conjugate_gradients(curvature, downhill, solver_steps)
    # The model's decrease bᵀd − ½dᵀAd, with Ad = b − remainder.
    promised = 0.5 * (_dot(downhill, scaled) + _dot(scaled, remainder))
    promised += 0.5 * damping * _dot(scaled, scaled)
    return loss, gradient, (_times(scaled, scales), promised, used)


def _conjugate_gradients(
    matrix: Callable[[Params], Params], target: Params, most: int
) -> tuple[Params, Params, Int[Array, ""]]:
    """Solve matrix x = target from zero; return x, target − matrix x and the number of iterations."""
    goal = jnp.maximum(_TOLERANCE * _dot(target, target), jnp.finfo(jnp.float32).tiny)

    def unfinished(state):
        count, _, _, _, squared = state
        return (count < most) & ((count < _FEWEST_ITERATIONS) & (squared > 0) | (squared > goal))

    def iterate(state):
        count, x, remainder, search, squared = state
        product = matrix(search)
        length = squared / _dot(search, product)
        x, remainder = _add(length, search, x), _add(-length, product, remainder)
        following = _dot(remainder, remainder)
        return count + 1, x, remainder, _add(following / squared, search, remainder), following

    zero = jax.tree.map(jnp.zeros_like, target)
    start = (jnp.zeros((), jnp.int32), zero, target, target, _dot(target, target))
    count, x, remainder, _, _ = jax.lax.while_loop(unfinished, iterate, start)
    return x, remainder, count


def _backtrack(
    losses_at: Callable[[Scalar], RowLosses],
    total: Callable[[RowLosses], Scalar],
    loss: Scalar,
) -> tuple[Int[Array, ""], RowLosses]:
    """Find the first share that lowers the loss, or the last, 0; return its index and the rows' losses."""
    shares = jnp.asarray(_SHARES)

    def worse(state):
        tried, losses = state
        # Negated so that NaN counts as worse.
        return ~(total(losses) < loss) & (tried < len(_SHARES) - 1)

    def shorten(state):
        tried, _ = state
        return tried + 1, losses_at(shares[tried + 1])

    start = (jnp.zeros((), jnp.int32), losses_at(shares[0]))
    return jax.lax.while_loop(worse, shorten, start)


def _next_damping(damping: Scalar, floor: float, tried: Int[Array, ""], gain: Scalar) -> Scalar:
    """Lower the damping if the model was right; raise it if the step was shortened, most if it failed."""
    factor = jnp.where((tried == 0) & (gain > 0.5), 1 / 3, 1.0)
    factor = jnp.where((tried > 0) | (gain < 0.1), 3.0, factor)
    factor = jnp.where(tried == len(_SHARES) - 1, 10.0, factor)
    return jnp.clip(damping * factor, floor, _MOST_DAMPING)


def _dot(a: Params, b: Params) -> Scalar:
    return sum(jax.tree.leaves(jax.tree.map(jnp.vdot, a, b)), jnp.zeros(()))


def _add(scale: Scalar | float, a: Params, b: Params) -> Params:
    return jax.tree.map(lambda u, v: scale * u + v, a, b)


def _times(a: Params, b: Params) -> Params:
    return jax.tree.map(lambda u, v: u * v, a, b)
