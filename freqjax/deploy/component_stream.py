"""Sample-by-sample processing of signals by a trained network, with components selected."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from freqjax.deploy.trained import Trained
from freqjax.errors import UserError
from freqjax.networks import require_streams
from freqjax.networks.network import Carry, Params
from freqjax.tasks.separation import Separates, signal_columns

# Relative precision of the six digits with which messages show a frequency.
_DIGITS = 5e-6
# N, samples of one call. Longer calls are not faster and delay the first output.
_MOST = 4096


def select(task: Separates, text: str | None) -> int:
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
    group = int(np.argmin(np.abs(np.array(task.selected_hz) - wanted)))
    if np.isclose(wanted, task.selected_hz[group], rtol=_DIGITS, atol=0):
        return group
    raise UserError(f"--select is {text!r}: it must be a frequency of the task, one of {known} Hz.")


def select_all(task: Separates, text: str | None) -> tuple[int, ...]:
    """Return the groups of the frequencies in `text`, Hz, separated by commas.

    Raises:
      UserError: as `select`, or one is given twice.
    """
    if text is None:
        return (select(task, None),)
    groups = tuple(select(task, part.strip()) for part in text.split(","))
    if len(set(groups)) < len(groups):
        raise UserError(f"--select is {text!r}: it must hold each frequency once.")
    return groups


class ComponentStreams:
    """A network with the carries of all C channels of a signal and all G components selected of each.

    Every call runs the same compiled loop over `Network.step`, whose number of iterations is the number of
    samples: the outputs do not depend on how a signal is split into calls, and nothing is compiled twice.

    Attributes:
      task: turns samples into inputs.
      groups: indices of the selected components, G of them.
      channels: C.
      columns: I, columns of the task's signal: 1, or 2 for I/Q.
    """

    def __init__(
        self, trained: Trained, task: Separates, groups: Sequence[int], channels: int = 1
    ) -> None:
        """Start the streams and compile the loop.

        Raises:
          UserError: the network is not causal.
        """
        self.task, self.groups, self.channels = task, tuple(groups), channels
        self.columns = signal_columns(task)
        self._trained, self._network = trained, require_streams(trained.network)
        self._loop = jax.jit(self._follow)
        self._shape = (channels, self.columns)
        self.restart()
        self.process(np.zeros((0, *self._shape)))

    def restart(self) -> None:
        """Begin new streams."""
        self._carry = self._trained.init_carry(self.channels * len(self.groups))

    def process(self, samples: Float[np.ndarray, "n C I"]) -> Float[np.ndarray, "n C G O"]:
        """Process the next samples [n, C, I] of the channels; return outputs [n, C, G, O], float32."""
        samples, found = np.asarray(samples, np.float32), []
        # A call without samples runs no iteration, but compiles the loop.
        for first in range(0, max(len(samples), 1), _MOST):
            part = samples[first : first + _MOST]
            padded = np.zeros((_MOST, *self._shape), np.float32)
            padded[: len(part)] = part
            self._carry, outputs = self._loop(self._trained.params, self._carry, padded, len(part))
            found.append(np.asarray(outputs)[: len(part)])
        outputs = np.concatenate(found)
        streams = (self.channels, len(self.groups))
        return outputs.reshape(len(samples), *streams, outputs.shape[2])

    def _follow(
        self, params: Params, carry: Carry, samples: jax.Array, count: jax.Array
    ) -> tuple[Carry, jax.Array]:
        """Process the first `count` of samples [N, C, I].

        Returns:
          The carry and outputs [N, C · G, O], valid up to `count`.
        """
        signals = samples[:, :, 0] if self.columns == 1 else samples
        streams = [
            self.task.inputs_of(signals[:, channel], group)
            for channel in range(self.channels)
            for group in self.groups
        ]
        xs = jnp.stack(streams, axis=1)
        _, y = jax.eval_shape(self._network.step, params, carry, xs[0])

        def body(t: jax.Array, state: tuple[Carry, jax.Array]) -> tuple[Carry, jax.Array]:
            carry, ys = state
            x = jax.lax.dynamic_index_in_dim(xs, t, keepdims=False)
            carry, y = self._network.step(params, carry, x)
            return carry, ys.at[t].set(y)

        return jax.lax.fori_loop(0, count, body, (carry, jnp.zeros((len(samples), *y.shape))))


class ComponentStream(ComponentStreams):
    """A network with its carry, for one signal and a fixed selector.

    Attributes:
      group: index of the selected component.
    """

    fields = None  # each line is one number, which must be there

    def __init__(self, trained: Trained, task: Separates, group: int) -> None:
        """Start a stream and compile the loop.

        Raises:
          UserError: the network is not causal.
        """
        self.group = group
        super().__init__(trained, task, (group,))

    def advance(self, samples: np.ndarray) -> np.ndarray:
        """Process the next samples [n] of the stream, or [n, 2] of I/Q; return outputs [n] or [n, O]."""
        outputs = self.process(np.reshape(samples, (len(samples), *self._shape)))[:, 0, 0]
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs
