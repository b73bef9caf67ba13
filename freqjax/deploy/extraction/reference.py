"""Levels of the signals that a network was trained on, and how its output depends on its input."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from freqjax.deploy.component_stream import ComponentStreams
from freqjax.deploy.extraction.numbers import numbers_of
from freqjax.tasks.separation import SIGNAL, training_rows

# Samples of a training signal that are enough to measure how the output depends on the input.
_PROBE_SAMPLES = 20_000
# Without the signal, the output of a clock changes by less than this share of its rms.
_INDEPENDENT = 0.2


class Reference(NamedTuple):
    """Levels of the training data, and how the output depends on the input.

    Attributes:
      input_rms, output_rms: of the training signals and targets, in their units; with I/Q of both parts
        together.
      dependence: rms change of the output when a training signal is replaced by silence, relative to the
        rms of the output; the largest of the selected components.
    """

    input_rms: float
    output_rms: float
    dependence: float

    @property
    def is_clock(self) -> bool:
        """True if the output does not depend on the input."""
        return self.dependence < _INDEPENDENT


def measure_reference(streams: ComponentStreams) -> Reference:
    """Run the network on a training signal of each selected component, and on silence of the same length."""
    task = streams.task
    samples = min(task.samples, _PROBE_SAMPLES)
    batch = training_rows(task, samples)
    inputs, groups = np.asarray(batch.inputs[SIGNAL]), np.asarray(batch.group)
    silence = np.zeros((samples, streams.columns))
    silent = _outputs(streams, silence)
    changes = []
    for place, group in enumerate(streams.groups):
        own = np.flatnonzero(groups == group)[0]
        usual = _outputs(streams, inputs[own])[:, place]
        changes.append(rms(usual - silent[:, place]) / max(rms(usual), 1e-30))
    return Reference(
        rms(numbers_of(inputs)), rms(numbers_of(np.asarray(batch.targets))), max(changes)
    )


def _outputs(streams: ComponentStreams, signal: np.ndarray) -> np.ndarray:
    """Return outputs [T, G, O] for a signal [T, I] in all channels; the streams begin anew on both sides."""
    streams.restart()
    everywhere = np.repeat(signal[:, None], streams.channels, axis=1)
    outputs = streams.process(everywhere)[:, 0]
    streams.restart()
    return outputs


def rms(values: np.ndarray | jax.Array) -> float:
    """Return the root of the mean square of `values`."""
    return float(np.sqrt(np.mean(np.square(np.abs(values), dtype=np.float64))))
