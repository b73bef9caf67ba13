"""Exact and nearly exact clocks as solutions of extraction, for `Constructible`.

An exact clock solves the task if every stream starts at a known phase. A clock with a frequency error Δf,
Δf·T = 0.3, is well inside the basin of attraction of the solution, and far from the accuracy needed.
Axes: F frequencies, T samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np

from freqjax.config.sections import NetworkConfig
from freqjax.networks import Network, SingleLstm, make_network
from freqjax.networks.arrays import EitherArray
from freqjax.networks.network import Params
from freqjax.tasks.constructible import NearSolution
from freqjax.tasks.extraction.clock import Clock
from freqjax.tasks.extraction.config import ExtractionConfig
from freqjax.tasks.extraction.limits.linear import linear_mmse

if TYPE_CHECKING:
    from freqjax.tasks.extraction.task import Extraction

# Δf·T of a nearly exact clock.
_OFF = 0.3
# A mixture whose best linear estimate has an error below this, a fifth of that of zero, can be followed.
_HEARD = 0.1
# Step of the finite difference by a frequency, relative to Δf.
_STEP = 1e-2


def needs_clock(config: ExtractionConfig) -> bool:
    """Tell whether the mixture says too little of the phases to be followed, so that only a clock is left."""
    return config.start == "zero" and float(linear_mmse(config).mean()) > _HEARD


class ClockSolution:
    """Exact clock of `freqjax.tasks.extraction.clock` for the frequencies of a task."""

    name, along = "clock", "a frequency"

    def __init__(self, task: Extraction) -> None:
        """Keep `task` and the frequencies of its clock."""
        self._task, self._clock = task, task.constructed()
        self.is_only = needs_clock(task.config)

    def params_of(self, network: Network) -> Params | None:
        """Return the exact clock as parameters of `network`: one LSTM layer with 3 units a frequency."""
        if not isinstance(network, SingleLstm):
            return None
        if network.setting.hidden_size < self._clock.units:
            return None
        return _params(network, self._clock)

    def nearly(self, samples: int) -> NearSolution:
        """Return a clock whose frequencies all have the error Δf = 0.3 / T.

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


def _params(network: SingleLstm, clock: Clock) -> Params:
    return network.tree(clock.weights(network.setting))


def _difference(a: EitherArray, b: EitherArray) -> np.ndarray:
    """Return a − b in float64, where the difference of two float32 is exact."""
    return np.asarray(a, np.float64) - np.asarray(b, np.float64)
