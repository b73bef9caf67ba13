"""Recurrent decoders: a cell that the code begins, fed with its own last output or, in training, the target.

    x_t = [y_{t−1}, c, position t, what is read of the slots]      y_{−1} is learned
    h_t = cell(h_{t−1}, x_t),  y_t = readout(h_t, what is read)

What is read of the slots is attended to from h_{t−1}: nothing, the code's S slots, or, a leak, the encoder's
states. Axes: T samples, B sequences, D dimensions, K numbers of a code, H hidden, S slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from freqjax.networks import Cell
from freqjax.networks.arrays import AnyArray
from freqjax.networks.network import Carry
from freqjax.networks.weights import LayerInitializer, LayerSetting
from freqjax.tasks.autoencoder.network.decoders import NOTHING, Beside, Forced
from freqjax.tasks.autoencoder.network.layers import (
    attend,
    init_attention,
    init_product,
    product,
    sinusoidal_positions,
)
from freqjax.tasks.autoencoder.network.readout import Readout


@dataclass(frozen=True, eq=False)
class RecurrentDecoder:
    """Decoder of one recurrent cell.

    Attributes:
      cell: class of the cell.
      hidden: H.
      initializer: of the cell's weights.
      longest: T of the longest sequence.
      numbers: K.
      readout: of H features, or of H + N if it attends.
      slots: S of the code, 0 for none.
      heads: of the attention.
      states: width of the encoder's states if they are attended to, 0 if not.
      positions: features of sinusoidal positions, 0 for none.
      always_forced: whether every sample of training reads the target before it.
    """

    cell: type[Cell]
    hidden: int
    initializer: LayerInitializer
    longest: int
    numbers: int
    readout: Readout
    slots: int = 0
    heads: int = 1
    states: int = 0
    positions: int = 0
    always_forced: bool = False
    feeds_back: bool = True

    @property
    def leaks(self) -> bool:
        """Whether the encoder's states are read besides the code."""
        return self.states > 0

    @property
    def attends(self) -> bool:
        """Whether slots of any kind are read."""
        return self.slots > 0 or self.leaks

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Draw fresh parameters."""
        keys = jax.random.split(key, 5)
        hidden, dimensions = self.hidden, self.readout.dimensions
        inputs = dimensions + self.numbers + self.positions + (hidden if self.attends else 0)
        gates, keeps, admits = self.cell.gates, self.cell.keeps, self.cell.admits
        setting = LayerSetting(inputs, hidden, gates, keeps, admits, self.longest)
        fields = len(self.cell.carry._fields)
        params: dict[str, Any] = {
            "start": jnp.zeros(dimensions),
            "cell": self.initializer(keys[0], setting),
            "begin": init_product(keys[1], self.numbers, fields * hidden),
            "read": self.readout.init(keys[2]),
        }
        if self.slots:
            params["slots"] = init_product(keys[3], self.numbers, self.slots * hidden)
        if self.attends:
            params["attention"] = init_attention(keys[4], hidden, self.states or hidden, hidden)
        return params

    def __call__(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: int, beside: Beside = NOTHING
    ) -> Float[Array, "T B D"]:
        """Return T = `samples` outputs of each code."""
        return self.attended(params, codes, samples, beside)[0]

    def attended(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: int, beside: Beside = NOTHING
    ) -> tuple[Float[Array, "T B D"], Float[Array, "T B S"] | None]:
        """Return outputs, and the weights with which each attended to the slots; None if there are none."""
        slots, there = self._slots(params, codes, beside)
        fixed = self._fixed(codes, samples)
        carry = self._begin(params, codes)
        start = jnp.broadcast_to(params["start"], (len(codes), self.readout.dimensions))
        forced = beside.forced
        if forced is None:
            return self._alone(params, carry, start, fixed, slots, there)
        read = jnp.concatenate([start[None], forced.vectors[:-1]])
        if self.always_forced:
            return self._driven(params, carry, read, fixed, slots, there)
        return self._mixed(params, carry, start, read, fixed, slots, there, forced)

    def _begin(self, params: Any, codes: AnyArray) -> Carry:
        """Return the carry that the code begins."""
        parts = jnp.split(product(params["begin"], codes), len(self.cell.carry._fields), axis=-1)
        values = dict(zip(self.cell.carry._fields, parts, strict=True))
        return self.cell.carry(**values | {"h": jnp.tanh(values["h"])})

    def _slots(
        self, params: Any, codes: AnyArray, beside: Beside
    ) -> tuple[Float[Array, "B S N"] | None, Bool[Array, "B S"] | None]:
        """Return what is attended to, and which of it is present."""
        if self.leaks:
            assert beside.states is not None and beside.present is not None
            return jnp.swapaxes(beside.states, 0, 1), jnp.swapaxes(beside.present, 0, 1)
        if not self.slots:
            return None, None
        return product(params["slots"], codes).reshape(len(codes), self.slots, -1), None

    def _fixed(self, codes: AnyArray, samples: int) -> Float[Array, "T B M"]:
        """Return the inputs that no output changes: the code at every sample, and the position."""
        parts = [jnp.broadcast_to(codes, (samples, *codes.shape))]
        if self.positions:
            places = sinusoidal_positions(samples, self.positions)[:, None]
            parts.append(jnp.broadcast_to(places, (samples, len(codes), self.positions)))
        return jnp.concatenate(parts, axis=-1)

    def _advance(
        self, params: Any, carry: Carry, last: Any, fixed: Any, slots: Any, there: Any
    ) -> tuple[Carry, jax.Array, jax.Array | None]:
        """Advance one sample: the carry, the features that are read out, and the attention."""
        x, weights, heard = jnp.concatenate([last, fixed], axis=-1), None, None
        if slots is not None:
            heard, weights = attend(params["attention"], carry.h[:, None], slots, self.heads, there)
            heard, weights = heard[:, 0], weights[:, 0]
            x = jnp.concatenate([x, heard], axis=-1)
        cell = params["cell"]
        carry = self.cell.combine(
            carry, product(cell["input"], x), product(cell["recurrent"], carry.h)
        )
        features = carry.h if heard is None else jnp.concatenate([carry.h, heard], axis=-1)
        return carry, features, weights

    def _alone(
        self, params: Any, carry: Carry, start: Any, fixed: Any, slots: Any, there: Any
    ) -> tuple[jax.Array, jax.Array | None]:
        """Run on its own outputs."""

        def body(state: Any, row: Any) -> Any:
            carry, last = state
            carry, features, weights = self._advance(params, carry, last, row, slots, there)
            y = self.readout(params["read"], features)
            return (carry, y), (y, weights)

        return jax.lax.scan(body, (carry, start), fixed)[1]

    def _driven(
        self, params: Any, carry: Carry, read: Any, fixed: Any, slots: Any, there: Any
    ) -> tuple[jax.Array, jax.Array | None]:
        """Run on targets alone: all outputs are read out at once, after the scan."""
        if slots is None:
            xs = jnp.concatenate([read, fixed], axis=-1)
            flags = jnp.zeros(xs.shape[:2], bool)
            features = self.cell.scan(params["cell"], carry, carry, xs, flags)[1]
            return self.readout(params["read"], features), None

        def body(carry: Carry, row: Any) -> Any:
            last, own = row
            carry, features, weights = self._advance(params, carry, last, own, slots, there)
            return carry, (features, weights)

        features, weights = jax.lax.scan(body, carry, (read, fixed))[1]
        return self.readout(params["read"], features), weights

    def _mixed(
        self,
        params: Any,
        carry: Carry,
        start: Any,
        read: Any,
        fixed: Any,
        slots: Any,
        there: Any,
        forced: Forced,
    ) -> tuple[jax.Array, jax.Array | None]:
        """Run on targets and its own outputs, chosen anew at each sample of each sequence."""
        chosen = jax.random.bernoulli(forced.key, forced.share, (*read.shape[:2], 1))

        def body(state: Any, row: Any) -> Any:
            (carry, last), (target, own, flag) = state, row
            last = jnp.where(flag, target, last)
            carry, features, weights = self._advance(params, carry, last, own, slots, there)
            y = self.readout(params["read"], features)
            return (carry, y), (y, weights)

        return jax.lax.scan(body, (carry, start), (read, fixed, chosen))[1]
