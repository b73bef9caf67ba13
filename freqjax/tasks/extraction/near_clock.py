"""The clock as the solution of extraction, exact or nearly right: what `Constructible` asks for.

An exact clock solves the task where every stream starts at a known phase. One that is off by Δf, with
Δf·T = 0.3, is well inside of the basin in which descent mends it, and far beyond the accuracy needed.
Axes: F frequencies, T samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from freqjax.config.sections import NetworkConfig
from freqjax.networks import Network, SingleLstm, make_network
from freqjax.tasks.constructible import NearSolution
from freqjax.tasks.extraction.clock import Clock

if TYPE_CHECKING:
    from freqjax.tasks.extraction.task import Extraction

# Δf·T of a clock that is nearly right.
_OFF = 0.3
# By this share of Δf a frequency is moved to find the direction that mends it.
_STEP = 1e-2


class ClockSolution:
    """The exact clock of `freqjax.tasks.extraction.clock`, for the frequencies of a task."""

    name, along = "clock", "a frequency"

    def __init__(self, task: Extraction) -> None:
        """Keep `task`; nothing is constructed yet."""
        self._task, self._clock = task, task.constructed()

    def params_of(self, network: Network) -> Any | None:
        """Return the exact clock as parameters of `network`: one LSTM layer with 3 units a frequency."""
        if not isinstance(network, SingleLstm):
            return None
        if network.setting.hidden_size < self._clock.units:
            return None
        return _params(network, self._clock)

    def nearly(self, samples: int) -> NearSolution:
        """Return a clock whose frequencies are all off by Δf = 0.3 / T.

        A direction is ∂weights/∂f of one of the F frequencies.
        """
        network = make_network(NetworkConfig(hidden_size=self._clock.units), self._task)
        assert isinstance(network, SingleLstm)  # as the defaults say
        off = _OFF / samples
        clock = self._clock.moved(off)
        params = _params(network, clock)
        steps = _STEP * off * np.eye(len(clock.cycles))
        hertz = off * self._task.sampling_rate
        return NearSolution(
            network=network,
            params=params,
            directions=[
                jax.tree.map(_difference, _params(network, clock.moved(step)), params)
                for step in steps
            ],
            words=f"a clock that is {1e3 * hertz:.3g} mHz off",
            evidence={"clock_off_hz": hertz},
        )


def _params(network: SingleLstm, clock: Clock) -> Any:
    return network.tree(clock.weights(network.setting))


def _difference(a: Any, b: Any) -> np.ndarray:
    """Return a − b in float64, where the difference of two float32 is exact."""
    return np.asarray(a, np.float64) - np.asarray(b, np.float64)
