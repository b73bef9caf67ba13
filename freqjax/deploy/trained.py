"""Trained networks: run one sample at a time, or over a whole signal."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.checkpoints import store as checkpoints
from freqjax.checkpoints.records import Origin, Record
from freqjax.config import shipped, validation
from freqjax.config.sections import Config
from freqjax.networks import require_streams
from freqjax.networks.network import Carry, Params
from freqjax.system import devices
from freqjax.training.prepared import assemble, param_shapes


class Trained:
    """Frozen weights with their config.

    Attributes:
      config: the config they were trained under.
      params: the parameters, a nested dictionary of arrays.
      initializer: the initialiser of the weights before any training, as in `network.initializer`.
      weights: which weights of a run they are: best (by frozen loss), last, or step N.
      origin: the checkpoint that the run began with (`train.init_from`); None if weights were drawn.
    """

    def __init__(
        self,
        config: Config,
        params: Params,
        initializer: str | None = None,
        weights: str = "last",
        origin: Origin | None = None,
    ) -> None:
        """Store `params`, in the layout of `init` of the network of `config`.

        `initializer` is None if they were initialised as `config` states.
        """
        self.config, self.params = config, params
        self.initializer = initializer or config.network.initializer
        self.weights, self.origin = weights, origin
        self.network = assemble(config).network
        self._unroll = jax.jit(self.network.unroll)

    @functools.cached_property
    def _step(self) -> Callable[..., tuple[Carry, jax.Array]]:
        return jax.jit(require_streams(self.network).step)

    def init_carry(self, streams: int = 1) -> Carry:
        """Return the initial carry of B = `streams` streams."""
        return self.network.init_carry(self.params, streams)

    def step(self, carry: Carry, x: np.ndarray | jax.Array) -> tuple[Carry, jax.Array]:
        """Advance one sample: carry, x [B, D] → carry, y [B, O].

        Raises:
          UserError: the network is not causal.
        """
        return self._step(self.params, carry, jnp.asarray(x, jnp.float32))

    def unroll(
        self, xs: np.ndarray | jax.Array, carry: Carry | None = None
    ) -> tuple[Carry, jax.Array]:
        """Run T samples: xs [T, B, D] → carry, ys [T, B, O]; from `init_carry` unless a carry is given."""
        xs = jnp.asarray(xs, jnp.float32)
        if carry is None:
            carry = self.init_carry(xs.shape[1])
        return self._unroll(self.params, carry, xs, jnp.zeros(xs.shape[:2], bool))


def load(path: str | Path, warn: Callable[[str], None] = print) -> Trained:
    """Load trained weights from a run's folder (its best), or from the folder of one step.

    JAX is set up as for a run, with products of full precision: see `freqjax.system.devices.select`.

    Args:
      path: the folder, or the name of a checkpoint that ships.
      warn: called with a sentence for each damaged checkpoint that is skipped, and for a config of
        version 0.1.

    Raises:
      UserError: the path is missing, damaged, or not a checkpoint.
    """
    devices.select(None)
    path = shipped.checkpoint(path, "the checkpoint")
    source = f"the checkpoint {path}"
    templates: dict[str, Any] = {}  # a run that goes on gives another step, of the same config

    def template_of(found: checkpoints.Described) -> Any:
        config = Record.from_json(found.meta, source).config
        text = json.dumps(config, sort_keys=True)
        if text not in templates:
            templates[text] = param_shapes(assemble(validation.from_dict(config, source)).network)
        return templates[text]

    restored = checkpoints.restore_described(path, template_of, warn=warn)
    record = Record.from_json(restored.meta, source)
    # Shipped checkpoints may be of version 0.1, too; their users need no warning.
    say = None if shipped.is_shipped(path) else warn
    config = validation.from_dict(record.config, source, say)
    chosen = "best" if math.isfinite(restored.metric) else "last"
    weights = chosen if (path / "checkpoints").is_dir() else f"step {restored.step}"
    return Trained(config, restored.params, record.initializer, weights, record.origin)
