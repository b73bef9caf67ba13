"""Recurrent decoders: a cell that the code begins, fed with its own last output or, in training, the target.

    x_t = [y_{t−1}, c, position t, what is read of the slots]      y_{−1} is learned
    h_t = cell(h_{t−1}, x_t),  y_t = readout(h_t, what is read)

What is read of the slots is attended to from h_{t−1}: nothing, the code's S slots, or, a leak, the encoder's
states. With sinusoidal positions the queries have W p_t added, and the keys of the encoder's states W p_s,
with one W for both, so that a query begins by preferring the states near its own sample.
Axes: T samples, B sequences, D dimensions, K numbers of a code, H hidden, S slots.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from freqjax.networks import Cell
from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.layers import (
    Read,
    init_attention,
    init_product,
    product,
    sinusoidal_positions,
    slots_to_read,
    weigh,
)
from freqjax.networks.network import Carry
from freqjax.networks.scan_products import Multiply, scan_products
from freqjax.networks.weights import LayerInitializer, LayerSetting
from freqjax.tasks.autoencoder.network.decoders import NOTHING, Beside, Forced
from freqjax.tasks.autoencoder.network.readout import Readout


class Fixed(NamedTuple):
    """What no output changes, sample by sample.

    Attributes:
      inputs: the code, and the position.
      places: W p_t, which is added to the queries; None without positions or attention.
    """

    inputs: Float[Array, "T B M"]
    places: Float[Array, "T 1 H"] | None


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

    @property
    def scans(self) -> bool:
        """Whether training scans the cell over targets alone, and never over its own outputs."""
        return self.always_forced and not self.attends

    def with_cell(self, cell: type[Cell]) -> Self:
        """Return the decoder with another implementation of its cell: see `networks.cell.OfCell`."""
        return replace(self, cell=cell)

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
            if self.positions:
                own = init_product(jax.random.fold_in(key, 5), self.positions, hidden)
                params["places"] = {"kernel": own["kernel"]}
        return params

    def __call__(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: Size, beside: Beside = NOTHING
    ) -> Float[Array, "T B D"]:
        """Return T = `samples` outputs of each code."""
        return self.attended(params, codes, samples, beside)[0]

    def attended(
        self, params: Any, codes: Float[AnyArray, "B K"], samples: Size, beside: Beside = NOTHING
    ) -> tuple[Float[Array, "T B D"], Float[Array, "T B S"] | None]:
        """Return outputs, and the weights with which each attended to the slots; None if there are none."""
        slots = self._slots(params, codes, beside)
        fixed = self._fixed(params, codes, samples)
        carry = self._begin(params, codes)
        start = jnp.broadcast_to(params["start"], (codes.shape[0], self.readout.dimensions))
        forced = beside.forced
        if forced is None:
            return self._alone(params, carry, start, fixed, slots)
        read = jnp.concatenate([start[None], forced.vectors[:-1]])
        if self.always_forced:
            return self._driven(params, carry, read, fixed, slots)
        return self._mixed(params, carry, start, read, fixed, slots, forced)

    def _begin(self, params: Any, codes: AnyArray) -> Carry:
        """Return the carry that the code begins."""
        parts = jnp.split(product(params["begin"], codes), len(self.cell.carry._fields), axis=-1)
        values = dict(zip(self.cell.carry._fields, parts, strict=True))
        return self.cell.carry(**values | {"h": jnp.tanh(values["h"])})

    def _slots(self, params: Any, codes: AnyArray, beside: Beside) -> Read | None:
        """Return keys and values of what is attended to, which are the same at every sample."""
        if not self.attends:
            return None
        attention = params["attention"]
        if self.leaks:
            assert beside.states is not None and beside.present is not None
            states, present = (jnp.swapaxes(a, 0, 1) for a in (beside.states, beside.present))
            read = slots_to_read(attention, states, self.heads, present)
            if not self.positions:
                return read
            places = self._places(params, states.shape[1]).reshape(1, *read.keys.shape[1:])
            return read._replace(keys=read.keys + places)
        slots = product(params["slots"], codes).reshape(codes.shape[0], self.slots, -1)
        return slots_to_read(attention, slots, self.heads)

    def _places(self, params: Any, samples: Size) -> Float[Array, "T 1 H"]:
        """Return W p_t."""
        return product(params["places"], self._waves(samples)[:, None])

    def _waves(self, samples: Size) -> Float[Array, "T N"]:
        """Return p_t; cut from those of the longest sequence, since T may be symbolic."""
        return jnp.asarray(sinusoidal_positions(self.longest, self.positions))[:samples]

    def _fixed(self, params: Any, codes: AnyArray, samples: Size) -> Fixed:
        """Return what no output changes."""
        parts = [jnp.broadcast_to(codes, (samples, *codes.shape))]
        if self.positions:
            each = self._waves(samples)[:, None]
            parts.append(jnp.broadcast_to(each, (samples, codes.shape[0], self.positions)))
        places = self._places(params, samples) if "places" in params else None
        return Fixed(jnp.concatenate(parts, axis=-1), places)

    def _advance(
        self, multiply: Multiply, slots: Read | None, carry: Carry, last: Any, fixed: Fixed
    ) -> tuple[Carry, jax.Array, jax.Array | None]:
        """Advance one sample: the carry, the features that are read out, and the attention."""
        x, weights, attended = jnp.concatenate([last, fixed.inputs], axis=-1), None, None
        if slots is not None:
            asked = multiply("query", carry.h[:, None])
            asked = asked if fixed.places is None else asked + fixed.places[None]
            found, weights = weigh(asked, slots)
            attended, weights = multiply("out", found)[:, 0], weights[:, 0]
            x = jnp.concatenate([x, attended], axis=-1)
        carry = self.cell.combine(carry, multiply("input", x), multiply("recurrent", carry.h))
        features = carry.h if attended is None else jnp.concatenate([carry.h, attended], axis=-1)
        return carry, features, weights

    def _products(self, params: Any) -> dict[str, Any]:
        """Return the layers by which `_advance` multiplies."""
        attention = {name: params["attention"][name] for name in ("query", "out") if self.attends}
        return dict(params["cell"]) | attention

    def _alone(
        self, params: Any, carry: Carry, start: Any, fixed: Fixed, slots: Read | None
    ) -> tuple[jax.Array, jax.Array | None]:
        """Run on its own outputs."""
        return self._fed_back(params, (carry, start), (fixed,), slots)

    def _driven(
        self, params: Any, carry: Carry, read: Any, fixed: Fixed, slots: Read | None
    ) -> tuple[jax.Array, jax.Array | None]:
        """Run on targets alone: all outputs are read out at once, after the scan."""
        if slots is None:
            xs = jnp.concatenate([read, fixed.inputs], axis=-1)
            flags = jnp.zeros(xs.shape[:2], bool)
            features = self.cell.scan(params["cell"], carry, carry, xs, flags)[1]
            return self.readout(params["read"], features), None

        def step(multiply: Multiply, slots: Any, carry: Carry, row: Any) -> Any:
            carry, features, weights = self._advance(multiply, slots, carry, *row)
            return carry, (features, weights)

        products = self._products(params)
        features, weights = scan_products(step, products, slots, carry, (read, fixed))[1]
        return self.readout(params["read"], features), weights

    def _mixed(
        self,
        params: Any,
        carry: Carry,
        start: Any,
        read: Any,
        fixed: Fixed,
        slots: Read | None,
        forced: Forced,
    ) -> tuple[jax.Array, jax.Array | None]:
        """Run on targets and its own outputs, chosen anew at each sample of each sequence."""
        chosen = jax.random.bernoulli(forced.key, forced.share, (*read.shape[:2], 1))
        return self._fed_back(params, (carry, start), (fixed, read, chosen), slots)

    def _fed_back(
        self, params: Any, state: Any, rows: Any, slots: Read | None
    ) -> tuple[jax.Array, jax.Array | None]:
        """Run from a carry and a last output over rows of fixed inputs and perhaps targets and choices."""

        def step(multiply: Multiply, constants: Any, state: Any, row: Any) -> Any:
            (slots, weights), (carry, last), (own, *shown) = constants, state, row
            if shown:
                target, flag = shown
                last = jnp.where(flag, target, last)
            carry, features, attention = self._advance(multiply, slots, carry, last, own)
            y = self.readout.settled(weights, multiply("read", features))
            return (carry, y), (y, attention)

        weights = dict(params["read"])
        products = self._products(params) | {"read": weights.pop("out")}
        return scan_products(step, products, (slots, weights), state, rows)[1]
