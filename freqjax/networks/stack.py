"""Layers of any cell: stacked, with dropout between them, in both directions, modulated by the selector.

What layer l puts out, features [T, B, N] with N = H, or 2H in both directions (forward beside backward),
is what layer l + 1 takes in, and a linear head reads the last. On the way from a layer:

    FiLM     the selector scales and shifts the features (`freqjax.networks.film`), where asked for
    dropout  after every layer but the last, while training only: each feature of each sample is 0 with
             probability p, else 1/(1 − p) times itself (Srivastava et al. 2014, as PyTorch does)

Layers, gates and biases are those of PyTorch's nn.LSTM, nn.GRU and nn.RNN, so that weights go both ways.
Parameters are {layer_0, layer_1, …, head}. A layer is a cell {input, recurrent}, each {kernel, bias},
and {carry: [H]} where the initial carry is learned; in both directions it is {forward, backward}, a cell
each; with FiLM, {film: {scale, shift}} stands beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from freqjax.errors import UserError
from freqjax.networks.cell import Cell
from freqjax.networks.film import film_axes, init_film, modulate
from freqjax.networks.initializers import uniform_head
from freqjax.networks.network import Carry, Params
from freqjax.networks.padding import HiddenAxes
from freqjax.networks.weights import LayerInitializer, LayerSetting, LstmSetting

# (cell's parameters, carry, initial carry, xs, resets) → carry, hs: `Cell.scan` or `Cell.scan_autodiff`.
_Scan = Callable[[Any, Carry, Carry, jax.Array, jax.Array], tuple[Carry, jax.Array]]


class StackedNetwork:
    """The network of `freqjax.networks.Network`: layers of a cell, and a linear head.

    Its carry is a tuple: of every layer the cell's carry, or in both directions the two of them, the
    backward one being what the last sample starts from.

    Attributes:
      causal: false in both directions; `step` is refused then.
      dropout: p.
    """

    def __init__(
        self,
        setting: LstmSetting,
        cell: type[Cell],
        initializer: LayerInitializer,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        bidirectional: bool = False,
        film: bool = False,
        learned_carry: bool = False,
    ) -> None:
        """Sizes from `setting`, first weights from `initializer`.

        Raises:
          ValueError: `film` where the inputs are all selectors, or none is.
        """
        others = sorted(set(range(setting.input_size)) - set(setting.selectors))
        if film and not (setting.selectors and others):
            raise ValueError("FiLM needs inputs that are a selector and inputs that are none.")
        self.setting, self.dropout, self.causal = setting, dropout, not bidirectional
        self._cell, self._initializer, self._layers = cell, initializer, layers
        self._directions = ("forward", "backward") if bidirectional else ("forward",)
        self._film, self._learned_carry = film, learned_carry
        self._heard = np.array(others if film else range(setting.input_size))
        self._selectors = np.array(setting.selectors, np.int32)
        self._module = cell(setting.hidden_size)
        self._head = nn.Dense(setting.output_size)

    def init(self, key: jax.Array) -> Params:
        """Fresh parameters."""
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
            params[name] = self._joined(cells)
            if self._film:
                params[name]["film"] = init_film(len(self.setting.selectors), features)
        head = uniform_head(next(keys), features, self.setting.output_size)
        return params | {"head": head}

    def hidden_axes(self) -> HiddenAxes:
        """Of every parameter array how many blocks of H each axis is: see `freqjax.networks.padding`."""
        gates, blocks = len(self._cell.gates), len(self._directions)
        axes = {}
        for number, (name, _) in enumerate(self._named_layers()):
            cell = {
                "input": {"kernel": (blocks if number else 0, gates), "bias": (gates,)},
                "recurrent": {"kernel": (1, gates), "bias": (gates,)},
            } | ({"carry": (1,)} if self._learned_carry else {})
            axes[name] = self._joined({direction: cell for direction in self._directions})
            if self._film:
                axes[name] = axes[name] | {"film": film_axes(blocks)}
        return axes | {"head": {"kernel": (blocks, 0), "bias": (0,)}}

    def init_carry(self, params: Params, streams: int) -> Carry:
        """Of every layer, [B, H] each: the first field as learned, or zeros, and the others zeros."""
        return tuple(
            self._of_directions(
                [self._initial(cell, streams) for cell in self._cells(params, name)]
            )
            for name, _ in self._named_layers()
        )

    def step(self, params: Params, carry: Carry, x: jax.Array) -> tuple[Carry, jax.Array]:
        """One sample: carry, x [B, D] → carry, y [B, O].

        Raises:
          UserError: a network in both directions has no step.
        """
        if not self.causal:
            raise UserError(
                "network.bidirectional is true: it must be false to go one sample at a time, since such "
                "a network sees the samples to come."
            )
        after: list[Carry] = []
        h: Any = x[:, self._heard]
        for (name, _), state in zip(self._named_layers(), carry, strict=True):
            variables = {"params": params[name]}
            projected = self._module.apply(variables, h, method="project")
            state, h = cast(Any, self._module.apply(variables, state, projected))
            after.append(state)
            h = self._modulated(params[name], x, h)
        return tuple(after), self._read(params, h)

    def unroll(
        self,
        params: Params,
        carry: Carry,
        xs: jax.Array,
        resets: jax.Array,
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """T samples: carry, xs [T, B, D], resets [T, B] → carry, ys [T, B, O].

        With a `dropout_key`, what it says is dropped; without one, nothing. In both directions nothing
        passes a reset either way. The gradient is that of `Cell.scan`; for a single sample, where
        nothing passes through time, autodiff does less.
        """
        scan = self._cell.scan_autodiff if xs.shape[0] == 1 else self._cell.scan
        return self._run(scan, params, carry, xs, resets, dropout_key)

    def unroll_autodiff(
        self,
        params: Params,
        carry: Carry,
        xs: jax.Array,
        resets: jax.Array,
        *,
        dropout_key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """`unroll` left to JAX: slower, and differentiable forwards and again; the tests' reference."""
        return self._run(self._cell.scan_autodiff, params, carry, xs, resets, dropout_key)

    def _run(
        self,
        scan: _Scan,
        params: Params,
        carry: Carry,
        xs: jax.Array,
        resets: jax.Array,
        dropout_key: jax.Array | None,
    ) -> tuple[Carry, jax.Array]:
        after, h = [], xs[..., self._heard]
        for number, (name, _) in enumerate(self._named_layers()):
            state, h = self._layer(scan, self._cells(params, name), carry[number], h, resets)
            after.append(state)
            h = self._modulated(params[name], xs, h)
            if dropout_key is not None and self.dropout > 0 and number < self._layers - 1:
                h = _dropped(jax.random.fold_in(dropout_key, number), self.dropout, h)
        return tuple(after), self._read(params, h)

    def _layer(
        self, scan: _Scan, cells: list[Any], carry: Carry, xs: jax.Array, resets: jax.Array
    ) -> tuple[Carry, jax.Array]:
        """One layer in its directions: carry, xs [T, B, ·] → carry, features [T, B, N]."""
        initial = [self._initial(cell, xs.shape[1]) for cell in cells]
        cells = [{part: cell[part] for part in ("input", "recurrent")} for cell in cells]
        if self.causal:
            return scan(cells[0], carry, initial[0], xs, resets)
        forth, h_forth = scan(cells[0], carry[0], initial[0], xs, resets)
        # Seen from the end a stream starts over after the row that a reset stands before.
        turned = jnp.roll(resets[::-1], 1, axis=0).at[0].set(False)
        back, h_back = scan(cells[1], carry[1], initial[1], xs[::-1], turned)
        return (forth, back), jnp.concatenate([h_forth, h_back[::-1]], axis=-1)

    @property
    def _features(self) -> int:
        """N, the features that a layer hands on."""
        return len(self._directions) * self.setting.hidden_size

    def _named_layers(self) -> Iterator[tuple[str, int]]:
        """Name and inputs of every layer."""
        for number in range(self._layers):
            yield f"layer_{number}", self._features if number else len(self._heard)

    def _joined(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Both directions by name; one alone without."""
        return dict(cells) if len(cells) > 1 else dict(cells["forward"])

    def _cells(self, params: Params, name: str) -> list[Any]:
        """The inverse of `_joined`, as a list."""
        return [params[name]] if self.causal else [params[name][d] for d in self._directions]

    def _of_directions(self, carries: list[Carry]) -> Carry:
        return carries[0] if self.causal else tuple(carries)

    def _initial(self, cell: Any, streams: int) -> Carry:
        shape = (streams, self.setting.hidden_size)
        zeros = self._cell.carry(*(jnp.zeros(shape) for _ in self._cell.carry._fields))
        if not self._learned_carry:
            return zeros
        return self._cell.carry(jnp.broadcast_to(cell["carry"], shape), *zeros[1:])

    def _modulated(self, layer: Any, xs: jax.Array, h: jax.Array) -> jax.Array:
        return modulate(layer["film"], xs[..., self._selectors], h) if self._film else h

    def _read(self, params: Params, h: jax.Array) -> Any:
        return self._head.apply({"params": params["head"]}, h)


def _dropped(key: jax.Array, share: float, h: jax.Array) -> jax.Array:
    """Each element 0 with probability `share`, else h / (1 − share)."""
    kept = jax.random.bernoulli(key, 1 - share, h.shape)
    return jnp.where(kept, h / (1 - share), 0)
