"""Sample-by-sample processing of a signal by a trained network, with one component selected."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.deploy.trained import Trained
from freqjax.errors import UserError
from freqjax.networks import require_streams
from freqjax.networks.network import Carry, Params
from freqjax.tasks import Extraction

# N, samples of one call. Longer calls are not faster and delay the first output.
_MOST = 4096


def select(task: Extraction, text: str | None) -> int:
    """Return the group of the frequency in `text`, Hz.

    Raises:
      UserError: `text` is missing, not a number, or not a frequency of the task.
    """
    known = ", ".join(f"{hz:g}" for hz in task.selected_hz)
    if text is None:
        raise UserError(
            f"--select is missing: it must be a frequency of the task, one of {known} Hz."
        )
    try:
        wanted = float(text)
    except ValueError:
        wanted = np.nan
    for group, hz in enumerate(task.selected_hz):
        if np.isclose(wanted, hz, rtol=1e-6, atol=0):
            return group
    raise UserError(f"--select is {text!r}: it must be a frequency of the task, one of {known} Hz.")


class ComponentStream:
    """A network with its carry and a fixed selector.

    Every call runs the same compiled loop over `Network.step`, whose number of iterations is the number of
    samples: the outputs do not depend on how a signal is split into calls, and nothing is compiled twice.

    Attributes:
      task: turns samples into inputs.
      group: index of the selected component.
    """

    def __init__(self, trained: Trained, task: Extraction, group: int) -> None:
        """Start a stream and compile the loop.

        Raises:
          UserError: the network is not causal.
        """
        self.task, self.group = task, group
        self._trained, self._network = trained, require_streams(trained.network)
        self._loop = jax.jit(self._follow)
        self.restart()
        self.advance(np.zeros(0))

    def restart(self) -> None:
        """Begin a new stream."""
        self._carry = self._trained.init_carry(1)

    def advance(self, samples: np.ndarray) -> np.ndarray:
        """Process the next samples [n] of the stream and return outputs [n], float32."""
        samples = np.asarray(samples, np.float32)
        outputs = np.empty(len(samples), np.float32)
        # A call without samples runs no iteration, but compiles the loop.
        for first in range(0, max(len(samples), 1), _MOST):
            part = samples[first : first + _MOST]
            padded = np.zeros(_MOST, np.float32)
            padded[: len(part)] = part
            self._carry, found = self._loop(self._trained.params, self._carry, padded, len(part))
            outputs[first : first + _MOST] = np.asarray(found)[: len(part)]
        return outputs

    def _follow(
        self, params: Params, carry: Carry, samples: jax.Array, count: jax.Array
    ) -> tuple[Carry, jax.Array]:
        """Process the first `count` of samples [N]; return carry and outputs [N], valid up to `count`."""
        xs = self.task.inputs_of(samples, self.group)

        def body(t: jax.Array, state: tuple[Carry, jax.Array]) -> tuple[Carry, jax.Array]:
            carry, ys = state
            x = jax.lax.dynamic_index_in_dim(xs, t, keepdims=True)
            carry, y = self._network.step(params, carry, x)
            return carry, ys.at[t].set(y[0, 0])

        return jax.lax.fori_loop(0, count, body, (carry, jnp.zeros(len(samples))))
