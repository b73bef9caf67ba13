"""Jobs of classifying with the sequence classifier: windows in batches, and the samples of a stream.

A unit is a window of a batch of 256, by the convolutions of configs/watch.py or by the attention of
`benchmarks.classifier_jobs`; or a sample of a stream, which the same config with a recurrent encoder answers
as `--mode stream` does, one after another. Weights are drawn: no answer means anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from benchmarks import classifier_jobs
from benchmarks.contenders import Absent, Contender, cores, repeated, timed
from benchmarks.update_jobs import in_pytorch
from freqjax import Config
from freqjax.config import overrides, shipped
from freqjax.deploy.classifier_stream import ClassifierStream
from freqjax.deploy.trained import Trained
from freqjax.networks.network import Params
from freqjax.tasks.classifier.task import Classifier
from freqjax.training.prepared import Prepared

_BATCH = 256


class Windows(NamedTuple):
    """Batches of windows to classify.

    Attributes:
      unroll: (params, inputs [1, B, D]) → logits [1, B, O].
      params: weights.
      batches: [U, 1, B, D].
    """

    unroll: Callable[[Params, jax.Array], jax.Array]
    params: Params
    batches: Float[np.ndarray, "U 1 B D"]

    def contender(self) -> Contender:
        """Prepare freqjax, which classifies the U batches one after another."""
        compiled = jax.jit(self.unroll)
        batches = [jnp.asarray(batch) for batch in self.batches]

        def work() -> None:
            jax.block_until_ready([compiled(self.params, batch) for batch in batches])

        return Contender("freqjax", timed(work, self.batches[..., 0].size), cores())


def watch(batches: int, platform: str) -> list[Contender | Absent]:
    """Prepare the convolutions of configs/watch.py; a run classifies so many batches of windows."""
    del platform
    return [watch_windows(batches).contender()]


def watch_windows(batches: int) -> Windows:
    """Take windows that configs/watch.py trains on."""
    prepared = Prepared(_watch())
    inputs = np.asarray(prepared.rows("train").inputs)[:_BATCH].swapaxes(0, 1)
    network, params = prepared.network, prepared.initial_params()
    return Windows(unrolled(network), params, np.repeat(inputs[None], batches, axis=0))


def published(
    batches: int, platform: str, shape: classifier_jobs.Shape | None = None
) -> list[Contender | Absent]:
    """Prepare both engines with the published network; a run classifies so many batches of windows."""
    shape = shape or classifier_jobs.Shape(batch=_BATCH)
    drawn = classifier_jobs.draw(batches, shape)
    windows = Windows(unrolled(drawn.network), drawn.params, drawn.inputs)

    def pytorch(device: str) -> Callable[[int], Any]:
        from benchmarks import classifier_torch  # an optional dependency

        return classifier_torch.make_forward(drawn.pytorch(device), drawn.windows)

    return [windows.contender(), *in_pytorch(pytorch, batches, platform, each=shape.batch)]


def stream(samples: int, platform: str) -> list[Contender | Absent]:
    """Prepare a stream of configs/watch.py with a recurrent encoder; a run answers so many samples."""
    del platform
    answers, rows = watch_stream(), np.random.default_rng(0).normal(size=(samples, 1))
    rows = np.repeat(rows, answers.fields, axis=1).astype(np.float32)

    def work(number: int) -> None:
        answers.advance(rows[number : number + 1])

    return [Contender("freqjax", repeated(work, samples), cores())]


def watch_stream() -> ClassifierStream:
    """Begin a stream of the classifier of configs/watch.py, with a recurrent encoder."""
    config = _watch()
    config = dataclasses.replace(config, task=dataclasses.replace(config.task, encoder="recurrent"))
    prepared = Prepared(config)
    assert isinstance(prepared.task, Classifier)
    return ClassifierStream(Trained(config, prepared.initial_params()), prepared.task, 1.0)


def _watch() -> Config:
    return overrides.load(shipped.config("watch"))


def unrolled(network: Any) -> Callable[[Params, jax.Array], jax.Array]:
    """Return (params, inputs [1, B, D]) → logits, from a fresh carry."""

    def unroll(params: Params, inputs: jax.Array) -> jax.Array:
        carry = network.init_carry(params, inputs.shape[1])
        return network.unroll(params, carry, inputs, jnp.zeros(inputs.shape[:2], bool))[1]

    return unroll
