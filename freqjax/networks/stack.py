"""Stacked layers of any cell, with dropout between layers, FiLM by the selector, and a linear head.

The outputs of layer l, features [T, B, N] with N = H, or 2H if bidirectional (forward beside backward), are
the inputs of layer l + 1, and a linear head reads those of the last layer. Between layers:

    FiLM     the selector scales and shifts the features (`freqjax.networks.film`), if configured
    dropout  after every layer except the last, only in training: each feature of each sample is 0 with
             probability p, else multiplied by 1/(1 − p) (Srivastava et al. 2014, as in PyTorch)
    residual the features of layer l + 1 are what it makes of its inputs, plus the features of layer l as they
             were before dropout (He et al. 2016), if configured; both have N numbers

Layers, gates and biases are those of PyTorch's nn.LSTM, nn.GRU and nn.RNN, so that weights can be converted
both ways. Parameters are {layer_0, layer_1, …, head}. A layer is a cell {input, recurrent}, each {kernel,
bias}, and {carry: [H]} if the initial carry is learned; a bidirectional layer is {forward, backward}, a cell
each; with FiLM, it also has {film: {scale, shift}}.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from freqjax.networks.arrays import AnyArray, Size
from freqjax.networks.cell import Cell
from freqjax.networks.film import film_axes, init_film, modulate
from freqjax.networks.initializers import uniform_head
from freqjax.networks.network import Carry, Params
from freqjax.networks.padding import HiddenAxes
from freqjax.networks.sensitivities import Dense, Memory, Reading, Sensitivities
from freqjax.networks.weights import LayerInitializer, LayerSetting, LstmSetting

# (cell's parameters, carry, initial carry, xs, resets) → carry, hs: `Cell.scan` or `Cell.scan_autodiff`.
_Scan = Callable[[Any, Carry, Carry, jax.Array, jax.Array], tuple[Carry, jax.Array]]


class _Stack:
    """Base class of stacks in one direction or both.

    A subclass names its directions, and scans one layer in them.

    Attributes:
      setting: its sizes.
      dropout: p.
    """

    _directions: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        setting: LstmSetting,
        cell: type[Cell],
        initializer: LayerInitializer,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        residual: bool = False,
        film: bool = False,
        learned_carry: bool = False,
    ) -> None:
        """Set the sizes to those of `setting`, and the initializer of the weights to `initializer`.

        Raises:
          ValueError: `film` is set and all inputs are selectors, or none is.
        """
        if film and not (setting.selectors and setting.others):
            raise ValueError("FiLM needs inputs that are a selector and inputs that are none.")
        self.setting, self.dropout = setting, dropout
        self._cell, self._initializer, self._layers = cell, initializer, layers
        self._residual, self._film, self._learned_carry = residual, film, learned_carry
        self._first_inputs = np.array(setting.others if film else range(setting.input_size))
        self._selectors = np.array(setting.selectors, np.int32)
        self._module = cell(setting.hidden_size)
        self._head = nn.Dense(setting.output_size)

    def init(self, key: jax.Array) -> Params:
        """Draw fresh parameters."""
        keys = iter(jax.random.split(key, self._layers * len(self._directions) + 1))
        hidden, features, cell = self.setting.hidden_size, self._features, self._cell
        params = {}
        for name, inputs in self._named_layers():
            setting = LayerSetting(
                inputs, hidden, cell.gates, cell.keeps, cell.admits, self.setting.longest
            )
            cells = {}
            for direction in self._directions:
                cells[direction] = self._initializer(next(keys), setting)
                if self._learned_carry:
                    cells[direction]["carry"] = jnp.zeros(hidden)
            params[name] = self._join(cells)
            if self._film:
                params[name]["film"] = init_film(len(self.setting.selectors), features)
        head = uniform_head(next(keys), features, self.setting.output_size)
        return params | {"head": head}

    def hidden_axes(self) -> HiddenAxes:
        """Return the number of blocks of H in each axis of every array: see `networks.padding`."""
        gates, blocks = len(self._cell.gates), len(self._directions)
        axes = {}
        for number, (name, _) in enumerate(self._named_layers()):
            cell = {
                "input": {"kernel": (blocks if number else 0, gates), "bias": (gates,)},
                "recurrent": {"kernel": (1, gates), "bias": (gates,)},
            } | ({"carry": (1,)} if self._learned_carry else {})
            axes[name] = self._join({direction: cell for direction in self._directions})
            if self._film:
                axes[name] = axes[name] | {"film": film_axes(blocks)}
        return axes | {"head": {"kernel": (blocks, 0), "bias": (0,)}}

    def init_carry(self, params: Params, streams: Size) -> Carry:
        """Return each layer's carry, arrays [B, H]: the first field is learned or zero, the others zero."""
        return tuple(self._initial(params[name], streams) for name, _ in self._named_layers())

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, Float[Array, "T B O"]]:
        """Run T samples: carry, xs [T, B, D], resets [T, B] → carry, ys [T, B, O].

        With a `dropout_key`, features are dropped; without one, none are. The gradient is that of
        `Cell.scan`; for a single sample, without propagation through time, autodiff is faster.
        """
        scan = self._cell.scan_autodiff if xs.shape[0] == 1 else self._cell.scan
        return self._run(scan, params, carry, xs, resets, dropout_key)

    def unroll_autodiff(
        self,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, Float[Array, "T B O"]]:
        """Run as `unroll` with JAX's gradient: a slower reference, differentiable any number of times."""
        return self._run(self._cell.scan_autodiff, params, carry, xs, resets, dropout_key)

    @property
    def cell(self) -> type[Cell]:
        """Return the class of the cell."""
        return self._cell

    def with_cell(self, cell: type[Cell]) -> Self:
        """Return the network with another implementation of its cell: see `cell.OfCell`."""
        other = copy.copy(self)
        other._cell, other._module = cell, cell(self.setting.hidden_size)
        return other

    def _run(
        self,
        scan: _Scan,
        params: Params,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
        dropout_key: jax.Array | None,
    ) -> tuple[Carry, Float[Array, "T B O"]]:
        after, h = [], xs[..., self._first_inputs]
        for number, (name, _) in enumerate(self._named_layers()):
            read = h
            if dropout_key is not None and self.dropout > 0 and number > 0:
                read = _dropped(jax.random.fold_in(dropout_key, number - 1), self.dropout, h)
            state, made = self._scan_layer(scan, params[name], carry[number], read, resets)
            after.append(state)
            h = self._summed(number, h, self._modulated(params[name], xs, made))
        return tuple(after), self._read(params, h)

    def _join(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a layer, given those of its cell in each direction."""
        raise NotImplementedError

    def _initial(self, layer: Any, streams: Size) -> Carry:
        """Return the initial carry of a layer."""
        raise NotImplementedError

    def _scan_layer(
        self,
        scan: _Scan,
        layer: Any,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[Carry, Float[Array, "T B N"]]:
        """Run one layer: carry, xs [T, B, ·] → carry, features [T, B, N]."""
        raise NotImplementedError

    @property
    def _features(self) -> int:
        """N, the number of features of a layer."""
        return len(self._directions) * self.setting.hidden_size

    def _named_layers(self) -> Iterator[tuple[str, int]]:
        """Yield the name and the number of inputs of every layer."""
        for number in range(self._layers):
            yield f"layer_{number}", self._features if number else len(self._first_inputs)

    def _initial_of(self, cell: Any, streams: Size) -> Carry:
        """Return the initial carry of one cell."""
        shape = (streams, self.setting.hidden_size)
        zeros = self._cell.carry(*(jnp.zeros(shape) for _ in self._cell.carry._fields))
        if not self._learned_carry:
            return zeros
        return self._cell.carry(jnp.broadcast_to(cell["carry"], shape), *zeros[1:])

    def _modulated(self, layer: Any, xs: AnyArray, h: jax.Array) -> jax.Array:
        return modulate(layer["film"], xs[..., self._selectors], h) if self._film else h

    def _summed(self, number: int, given: Any, made: jax.Array) -> jax.Array:
        """Return the features of a layer: what it made of those it was given, and these if it adds them."""
        return given + made if self._residual and number > 0 else made

    def _read(self, params: Params, h: jax.Array) -> Any:
        return self._head.apply({"params": params["head"]}, h)


class StackedNetwork(_Stack):
    """Causal stack: all layers run forward in time. Its carry has a cell's carry for each layer."""

    _directions = ("forward",)

    def step(
        self, params: Params, carry: Carry, x: Float[AnyArray, "B D"]
    ) -> tuple[Carry, Float[Array, "B O"]]:
        """Advance one sample: carry, x [B, D] → carry, y [B, O]."""
        after: list[Carry] = []
        h: Any = x[:, self._first_inputs]
        for number, (name, _) in enumerate(self._named_layers()):
            variables = {"params": params[name]}
            projected = self._module.apply(variables, h, method="project")
            state, made = cast(Any, self._module.apply(variables, carry[number], projected))
            after.append(state)
            h = self._summed(number, h, self._modulated(params[name], x, made))
        return tuple(after), self._read(params, h)

    def _join(self, cells: dict[str, Any]) -> dict[str, Any]:
        return dict(cells["forward"])

    def _initial(self, layer: Any, streams: Size) -> Carry:
        return self._initial_of(layer, streams)

    def _scan_layer(
        self,
        scan: _Scan,
        layer: Any,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[Carry, Float[Array, "T B N"]]:
        return scan(_products(layer), carry, self._initial(layer, xs.shape[1]), xs, resets)


class SingleLayerNetwork(StackedNetwork):
    """Causal stack of one layer without FiLM: its sensitivities can be carried forward in time."""

    def __init__(
        self,
        setting: LstmSetting,
        cell: type[Cell],
        initializer: LayerInitializer,
        *,
        learned_carry: bool = False,
    ) -> None:
        """Set the sizes to those of `setting`, and the initializer of the weights to `initializer`."""
        super().__init__(setting, cell, initializer, learned_carry=learned_carry)
        self._sensitivities = Sensitivities(cell, setting.hidden_size, setting.hidden_size)

    def sensitivities(self, params: Params, streams: Size, *, exact: bool) -> Memory:
        """Return the derivative of `init_carry` by the parameters: see `abilities.RealTime`."""
        return self._sensitivities.begin(params["layer_0"], streams, exact=exact)

    def advance(
        self,
        params: Params,
        carry: Carry,
        memory: Memory,
        x: Float[AnyArray, "B D"],
        resets: Bool[AnyArray, " B"],
    ) -> tuple[Carry, Memory, Reading]:
        """Advance one sample with the sensitivities: see `abilities.RealTime`."""
        layer, (initial,) = params["layer_0"], self.init_carry(params, x.shape[0])
        state, memory, ys, (layer, head) = self._sensitivities.advance(
            layer, params["head"], carry[0], initial, memory, x, resets
        )
        return (state,), memory, Reading(ys, {"layer_0": layer, "head": head})

    def with_dense(self, dense: Dense) -> SingleLayerNetwork:
        """Return the network with another recursion of its sensitivities: see `abilities.DenseRealTime`."""
        other = copy.copy(self)
        other._sensitivities = self._sensitivities.with_dense(dense)
        return other

    def correct(self, carry: Carry, memory: Memory, change: Params) -> Carry:
        """Return the carry after a change of the parameters, to first order."""
        return (self._sensitivities.correct(carry[0], memory, change["layer_0"]),)


class BidirectionalNetwork(_Stack):
    """Bidirectional stack, which is not causal.

    Its carry has for each layer a pair of the cell's carries; the backward one is the state at the last
    sample.
    """

    _directions = ("forward", "backward")

    def _join(self, cells: dict[str, Any]) -> dict[str, Any]:
        return dict(cells)

    def _initial(self, layer: Any, streams: Size) -> Carry:
        return tuple(self._initial_of(layer[name], streams) for name in self._directions)

    def _scan_layer(
        self,
        scan: _Scan,
        layer: Any,
        carry: Carry,
        xs: Float[AnyArray, "T B D"],
        resets: Bool[AnyArray, "T B"],
    ) -> tuple[Carry, Float[Array, "T B N"]]:
        forth, back = (_products(layer[name]) for name in self._directions)
        initial = self._initial(layer, xs.shape[1])
        after_forth, h_forth = scan(forth, carry[0], initial[0], xs, resets)
        # In reverse order, a stream starts over after the row before which the reset is set.
        turned = jnp.roll(resets[::-1], 1, axis=0).at[0].set(False)
        after_back, h_back = scan(back, carry[1], initial[1], xs[::-1], turned)
        return (after_forth, after_back), jnp.concatenate([h_forth, h_back[::-1]], axis=-1)


def _products(cell: Any) -> Any:
    """Return the parameters of a cell's two matrix products."""
    return {part: cell[part] for part in ("input", "recurrent")}


def _dropped(key: jax.Array, share: float, h: jax.Array) -> jax.Array:
    """Set each element to 0 with probability `share`, else to h / (1 − share)."""
    kept = jax.random.bernoulli(key, 1 - share, h.shape)
    return jnp.where(kept, h / (1 - share), 0)
