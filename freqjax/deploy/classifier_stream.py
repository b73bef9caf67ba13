"""Live answers of a classifier: rows of samples in, a probability of each class out.

An answer is that of a window of the last L samples, prepared, read and calibrated as in evaluation. It comes
with the last sample of each window, every `task.stride` samples, and after every sample where the encoder is
recurrent and causal; the first L − 1 of these are of the samples so far. Windows of context are those that
end a stride, two strides, … before; no answer depends on a later sample. A window of which nothing is present
is answered by NaN.
Axes: n samples, F channels of all modalities, L samples of a window, m answers, C classes.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from freqjax.config.task import TaskConfig
from freqjax.deploy.trained import Trained
from freqjax.errors import UserError
from freqjax.networks import require_streams
from freqjax.tasks.classifier.calibration import probabilities_of
from freqjax.tasks.classifier.config import ClassifierConfig
from freqjax.tasks.classifier.dataset import Part
from freqjax.tasks.classifier.network.classifier import ClassifierNetwork
from freqjax.tasks.classifier.network.ensemble import Ensemble
from freqjax.tasks.classifier.task import Classifier
from freqjax.training.prepared import Prepared


class ClassifierStream:
    """A classifier with the samples and the context of one recording.

    Attributes:
      task: with the data, by which channels are normalised.
      fields: F, numbers of a row in the order of `channels`; NaN is missing.
      channels: modality → its number of channels.
      each_sample: whether there is an answer after every sample.
    """

    def __init__(self, trained: Trained, task: Classifier, temperature: float) -> None:
        """Start a recording.

        Args:
          trained: weights.
          task: their task.
          temperature: by which logits are divided.

        Raises:
          UserError: the network reads windows behind a window.
        """
        require_past(task.config)
        require_streams(trained.network)
        network = trained.network
        assert isinstance(network, ClassifierNetwork | Ensemble)  # as the task makes it
        self.task, self._trained, self._temperature = task, trained, temperature
        self.channels = {name: x.shape[2] for name, x in task.dataset.train.inputs.items()}
        self.fields = sum(self.channels.values())
        self.each_sample = network.reads_samples
        self._length = task.layout.samples
        self._stride = task.config.stride or self._length
        self.restart()

    @classmethod
    def of(cls, trained: Trained) -> ClassifierStream:
        """Start a recording, calibrated as an evaluation of the weights is.

        Raises:
          UserError: as `ClassifierStream`, or the data of the task cannot be read.
        """
        prepared = Prepared(trained.config)
        assert isinstance(prepared.task, Classifier)
        temperature = prepared.task.judged(prepared.frozen(trained.params)).temperature
        return cls(trained, prepared.task, temperature)

    def restart(self) -> None:
        """Begin a new recording."""
        self._count = 0
        self._rows = np.full((self._length, self.fields), np.nan, np.float32)
        # Windows that end at other places among those of a stride are no context of each other.
        self._carries = [self._trained.init_carry() for _ in range(self._stride)]

    def advance(self, samples: Float[np.ndarray, "n F"]) -> Float[np.ndarray, "m C"]:
        """Process the next samples, NaN where missing; return the answers that they complete."""
        answers = [self._next(row) for row in np.asarray(samples, np.float32)]
        found = [answer for answer in answers if answer is not None]
        return np.array(found).reshape(len(found), self.task.classes)

    def _next(self, row: Float[np.ndarray, " F"]) -> Float[np.ndarray, " C"] | None:
        """Process a sample; return the answer that it completes, or None."""
        self._rows = np.concatenate([self._rows[1:], row[None]])
        self._count += 1
        since, phase = self._count - self._length, (self._count - self._length) % self._stride
        if not self.each_sample and (since < 0 or phase):
            return None
        window = self._window(self._rows[-min(self._count, self._length) :])
        x = self.task.step_of(self.task.reading(window))
        if since < 0:
            _, outputs = self._trained.step(self._trained.init_carry(), x)
        else:
            self._carries[phase], outputs = self._trained.step(self._carries[phase], x)
        if not any(mask.any() for mask in window.masks.values()):
            return np.full(self.task.classes, np.nan)
        logits = self.task.without_balance(np.asarray(outputs))
        return probabilities_of(logits / self._temperature)[0]

    def _window(self, rows: Float[np.ndarray, "l F"]) -> Part:
        """Return samples as a part of one window, padded behind with what is missing."""
        padded = np.full((1, self._length, self.fields), np.nan, np.float32)
        padded[0, : len(rows)] = rows
        inputs, masks, first = {}, {}, 0
        for name, count in self.channels.items():
            values = padded[..., first : first + count]
            first += count
            masks[name] = ~np.isnan(values).any(axis=2)
            inputs[name] = np.where(masks[name][..., None], values, np.float32(0))
        zero = np.zeros(1, np.int32)
        return Part(inputs, masks, zero, zero, zero, zero, zero)


def require_past(config: TaskConfig) -> None:
    """Check that the windows of context are before a window, and at a distance in time that is known.

    Raises:
      UserError: they are not.
    """
    if not isinstance(config, ClassifierConfig):
        return
    if config.samples_ahead:
        raise UserError(
            f"task.context is {config.context}: it must be none or past for a stream, which cannot wait for "
            "the windows behind a window."
        )
    if config.samples_before and config.length is None:
        raise UserError(
            f"task.context is {config.context}: it must be none for a stream where task.length is none, "
            "since nothing tells how far apart in time the windows of task.data begin."
        )
