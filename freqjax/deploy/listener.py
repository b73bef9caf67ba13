"""A trained network that follows one signal: samples come in, as many outputs come out."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.deploy.trained import Trained
from freqjax.errors import UserError
from freqjax.networks import require_streams
from freqjax.tasks import Extraction

# N, samples of one call. Longer ones are not faster, and the first answer would wait for them.
_MOST = 4096


def select(task: Extraction, text: str | None) -> int:
    """The group whose selector stands for the frequency `text`, Hz.

    Raises:
      UserError: no number, or none of the task's.
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


class Listener:
    """A network with its carry and one selector held.

    Every call runs the same compiled loop over `Network.step`, which goes round as often as there are
    samples: one sample at a time gives what many at once give, and nothing is ever compiled twice.

    Attributes:
      task: the task that says how samples become inputs.
      group: which component is asked for.
    """

    def __init__(self, trained: Trained, task: Extraction, group: int) -> None:
        """Start a stream, and compile.

        Raises:
          UserError: a network that cannot go sample by sample.
        """
        self.task, self.group = task, group
        self._trained, self._network = trained, require_streams(trained.network)
        self._loop = jax.jit(self._follow)
        self.restart()
        self.hear(np.zeros(0))

    def restart(self) -> None:
        """Begin a new stream."""
        self._carry = self._trained.init_carry(1)

    def hear(self, samples: np.ndarray) -> np.ndarray:
        """The next samples [n] of the stream → outputs [n] float32."""
        heard = np.asarray(samples, np.float32)
        outputs = np.empty(len(heard), np.float32)
        # An empty call goes round the loop no time: it compiles.
        for first in range(0, max(len(heard), 1), _MOST):
            part = heard[first : first + _MOST]
            padded = np.zeros(_MOST, np.float32)
            padded[: len(part)] = part
            self._carry, found = self._loop(self._trained.params, self._carry, padded, len(part))
            outputs[first : first + _MOST] = np.asarray(found)[: len(part)]
        return outputs

    def _follow(
        self, params: Any, carry: Any, samples: jax.Array, count: jax.Array
    ) -> tuple[Any, jax.Array]:
        """The first `count` of samples [N] → carry, outputs [N], of which so many are meant."""
        xs = self.task.inputs_of(samples, self.group)

        def body(t: jax.Array, state: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
            carry, ys = state
            x = jax.lax.dynamic_index_in_dim(xs, t, keepdims=True)
            carry, y = self._network.step(params, carry, x)
            return carry, ys.at[t].set(y[0, 0])

        return jax.lax.fori_loop(0, count, body, (carry, jnp.zeros(len(samples))))
