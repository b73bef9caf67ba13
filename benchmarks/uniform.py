"""Strict online learning from PyTorch's uniform initialisation: the filter with the exact gradient, dense.

    python -m benchmarks.uniform [--seeds 3] [--samples 90000] [--hidden 16]

Units that turn from the start are what `configs/default.py` knows beforehand. Here no unit turns: an LSTM of
H units with nn.LSTM's weights for each chain, one frequency of the main task, every weight of it trained by
one filter with the derivatives of a dense recurrence, on streams that grow. A chain is a frequency, a seed, a
prior, and how streams grow; all chains run at once, in one program. The rule is that of
`freqjax.training.filter`: shadows, the state correction, underweighting. Writes
benchmarks/results/uniform.json: for every chain the longest stream that it followed with frozen weights.
Axes: H units, K inputs of a gate, n weights.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import record
from freqjax import ExtractionConfig
from freqjax.system import devices
from freqjax.tasks import make_task
from freqjax.training.filter.judgement import ESTIMATE
from freqjax.training.filter.square_root import observe

# Standard deviations of the prior: of the gates' weights, and of the forget gates' biases, which have units
# to go before a unit remembers a cycle of a slow sine; of the carry and of the head.
PRIORS = tuple(itertools.product((0.3, 0.5), (None, 3.0)))
_CARRY, _HEAD = 0.3, 1.0
# First horizon in samples, growth, the shadow loss at which a stream grows.
GROWTHS = {"0.25 s, doubled": (250, 2.0), "2 s, doubled": (2000, 2.0)}
_SETTLED = 0.03
# As `freqjax.training.filter.judgement`.
_LOST, _CLOSE, _GOOD, _BOLDER, _CALMER, _MUCH_CALMER = 0.1, 1e-3, 0.01, 0.3, 2.0, 3.0
_SOLVED = 0.01
# Samples of a call: the host only prints between calls.
_CALL = 5_000


class Chain(NamedTuple):
    """State of one chain.

    Attributes:
      weights: [n], those of the gates [4H, K], the carry [H], the head [H] and its bias.
      state: [2, H], c and h.
      by_weights: [2, H, n], its derivative.
      root: [n, n], Q.
      candidates: [2, n], END and ESTIMATE.
      shadows: [2, 2, H], their states.
      losses: [3], sums of squared errors.
      row, horizon: rows of the block so far, and of the whole block.
      noise, underweight: see `square_root.observe`.
      preferred: END or ESTIMATE.
      longest: the longest horizon whose shadow loss was below `_SOLVED`.
      best: lowest shadow loss of a whole sequence.
    """

    weights: jax.Array
    state: jax.Array
    by_weights: jax.Array
    root: jax.Array
    candidates: jax.Array
    shadows: jax.Array
    losses: jax.Array
    row: jax.Array
    horizon: jax.Array
    noise: jax.Array
    underweight: jax.Array
    preferred: jax.Array
    longest: jax.Array
    best: jax.Array


class Lstm:
    """A dense LSTM of H units with one input and one output, its weights a vector."""

    def __init__(self, hidden: int) -> None:
        """Set H and the sizes that follow from it."""
        self.hidden, self.inputs = hidden, hidden + 2
        self.gates = 4 * hidden * self.inputs
        self.size = self.gates + 2 * hidden + 1

    def init(self, key: jax.Array) -> jax.Array:
        """Draw weights as nn.LSTM and nn.Linear do; the carry, which they lack, is 0."""
        bound = 1 / self.hidden**0.5
        drawn = jax.random.uniform(key, (self.size,), minval=-bound, maxval=bound)
        return drawn.at[self.gates : self.gates + self.hidden].set(0)

    def prior(self, scale: float, forget_bias: float | None) -> np.ndarray:
        """Return the standard deviations of the prior, [n]; see `PRIORS`."""
        gates = np.full((4, self.hidden, self.inputs), scale)
        if forget_bias is not None:
            gates[1, :, 1] = forget_bias
        found = np.full(self.size, _HEAD)
        found[: self.gates] = gates.reshape(-1)
        found[self.gates : self.gates + self.hidden] = _CARRY
        return found

    def start(self, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return the state at a start, [2, H], and its derivative, [2, H, n]."""
        carry = weights[self.gates : self.gates + self.hidden]
        places = self.gates + jnp.arange(self.hidden)
        by_carry = jax.nn.one_hot(places, self.size)
        return jnp.stack([carry, 0 * carry]), jnp.stack([by_carry, 0 * by_carry])

    def step(self, weights: jax.Array, state: jax.Array, x: jax.Array) -> tuple[Any, ...]:
        """Advance one sample: → state, output, and what the derivatives need."""
        c, h = state
        kernel = weights[: self.gates].reshape(4, self.hidden, self.inputs)
        a = jnp.concatenate([jnp.stack([x, 1.0]), h])
        z = kernel @ a
        i, f, o = (jax.nn.sigmoid(z[gate]) for gate in (0, 1, 3))
        g = jnp.tanh(z[2])
        after = f * c + i * g
        bounded = jnp.tanh(after)
        head = weights[self.gates + self.hidden : -1]
        output = head @ (o * bounded) + weights[-1]
        return jnp.stack([after, o * bounded]), output, (kernel, a, i, f, g, o, c, bounded)

    def derivatives(self, saved: Any, before: jax.Array) -> jax.Array:
        """Advance the derivative of the state, [2, H, n], over the sample of `saved`."""
        kernel, a, i, f, g, o, c, bounded = saved
        by_z = kernel[..., 2:] @ before[1]  # [4, H, n]
        own = jnp.eye(4 * self.hidden)[..., None] * a[None, None]
        own = own.reshape(4, self.hidden, self.gates)
        by_z = by_z + jnp.pad(own, ((0, 0), (0, 0), (0, self.size - self.gates)))
        slopes = jnp.stack([g * i * (1 - i), c * f * (1 - f), i * (1 - g * g)])
        by_c = f[:, None] * before[0] + jnp.sum(slopes[..., None] * by_z[:3], axis=0)
        by_h = (o * (1 - bounded**2))[:, None] * by_c + (bounded * o * (1 - o))[:, None] * by_z[3]
        return jnp.stack([by_c, by_h])

    def slope(self, weights: jax.Array, state: jax.Array, by_weights: jax.Array) -> jax.Array:
        """Return the derivative of the output by the weights, [n]."""
        head = weights[self.gates + self.hidden : -1]
        immediate = jnp.concatenate([state[1], jnp.ones(1)])
        through = head @ by_weights[1]
        return through.at[self.gates + self.hidden :].add(immediate)


def begin(lstm: Lstm, weights: jax.Array, horizon: int) -> Chain:
    """Begin a chain at `weights`."""
    candidates = jnp.stack([weights, weights])
    numbers = jnp.asarray(0), jnp.asarray(horizon), jnp.asarray(1.0), jnp.asarray(1.0)
    found = (jnp.asarray(ESTIMATE), jnp.asarray(0), jnp.asarray(jnp.inf))
    state, by_weights = lstm.start(weights)
    blank = jnp.eye(lstm.size), candidates, jnp.stack([state, state]), jnp.zeros(3)
    return Chain(weights, state, by_weights, *blank, *numbers, *found)


def advance(
    lstm: Lstm,
    samples: int,
    chain: Chain,
    x: jax.Array,
    targets: jax.Array,
    prior: jax.Array,
    growth: jax.Array,
) -> Chain:
    """Make one update of a chain, and judge its block if that has ended."""
    state, output, saved = lstm.step(chain.weights, chain.state, x)
    by_weights = lstm.derivatives(saved, chain.by_weights)
    target = targets[chain.row]
    error = target - output
    slope = lstm.slope(chain.weights, state, by_weights) * prior
    gain, root = observe(chain.root, slope, chain.noise, chain.underweight)
    change = prior * gain * error
    shadows, outputs, _ = jax.vmap(lambda w, s: lstm.step(w, s, x))(chain.candidates, chain.shadows)
    errors = jnp.append(error, target - outputs)
    chain = chain._replace(
        weights=chain.weights + change,
        state=state + by_weights @ change,
        by_weights=by_weights,
        root=root,
        shadows=shadows,
        losses=chain.losses + errors**2,
        row=chain.row + 1,
    )
    ended = chain.row == chain.horizon
    judged = judge(lstm, samples, chain, growth)
    return jax.tree.map(lambda new, old: jnp.where(ended, new, old), judged, chain)


def judge(lstm: Lstm, samples: int, chain: Chain, growth: jax.Array) -> Chain:
    """Judge a block that has ended, and begin the next: `freqjax.training.filter.judgement`."""
    losses = chain.losses / chain.horizon
    losses = jnp.where(jnp.isfinite(losses), losses, jnp.inf)
    prequential, shadows = losses[0], losses[1:]
    shadow, lowest = shadows[chain.preferred], jnp.min(shadows)
    whole = chain.horizon == samples
    preferred = jnp.where(prequential < _CLOSE, ESTIMATE, jnp.argmin(shadows))
    followed = jnp.isfinite(prequential) & ((prequential < _LOST) | ~whole)
    factor = jnp.where(lowest < _GOOD, _MUCH_CALMER, _CALMER)
    factor = jnp.where(followed, factor, _BOLDER)
    at_end = chain.weights.at[lstm.gates : lstm.gates + lstm.hidden].set(chain.state[0])
    pair = jnp.stack([at_end, chain.weights])
    candidates = jnp.where(followed, pair, chain.candidates)
    weights = candidates[preferred]
    state, by_weights = lstm.start(weights)
    states = jax.vmap(lambda w: lstm.start(w)[0])(candidates)
    longer = jnp.maximum(chain.horizon + 1, (chain.horizon * growth).astype(int))
    return Chain(
        weights=weights,
        state=state,
        by_weights=by_weights,
        root=jnp.eye(lstm.size),
        candidates=candidates,
        shadows=states,
        losses=jnp.zeros(3),
        row=jnp.zeros_like(chain.row),
        horizon=jnp.where(shadow < _SETTLED, jnp.minimum(samples, longer), chain.horizon),
        noise=jnp.minimum(1.0, factor * chain.noise),
        underweight=jnp.minimum(1.0, factor * chain.underweight),
        preferred=preferred,
        longest=jnp.maximum(chain.longest, jnp.where(lowest < _SOLVED, chain.horizon, 0)),
        best=jnp.minimum(chain.best, jnp.where(whole, lowest, jnp.inf)),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all chains and write a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("seeds", 3), ("samples", 90_000), ("hidden", 16)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args(arguments)
    devices.select(None)
    lstm, section = Lstm(asked.hidden), ExtractionConfig()
    task = make_task(section)
    rows = task.rows("train")
    groups = range(len(section.frequencies))
    names = list(itertools.product(groups, range(asked.seeds), PRIORS, GROWTHS))
    chains = [
        begin(lstm, lstm.init(jax.random.key(seed)), GROWTHS[way][0]) for _, seed, _, way in names
    ]
    chains = jax.tree.map(lambda *leaves: jnp.stack(leaves), *chains)
    priors = jnp.stack([jnp.asarray(lstm.prior(*prior), jnp.float32) for *_, prior, _ in names])
    growths = jnp.asarray([GROWTHS[way][1] for *_, way in names])
    targets = jnp.asarray(np.stack([rows.targets[group, :, 0] for group, *_ in names]))
    # Every sample of the mixture has phases of its own, so that any order of them is a fresh draw.
    mixture = jnp.asarray(rows.inputs[..., 0].reshape(-1))

    @jax.jit
    def run(chains: Chain, first: jax.Array) -> Chain:
        each = jax.vmap(
            lambda chain, target, prior, growth, x: advance(
                lstm, task.samples, chain, x, target, prior, growth
            ),
            in_axes=(0, 0, 0, 0, None),
        )

        def body(t: jax.Array, chains: Chain) -> Chain:
            x = mixture[(first + t) % mixture.size]
            return each(chains, targets, priors, growths, x)

        return jax.lax.fori_loop(0, _CALL, body, chains)

    compiled = run.lower(chains, jnp.asarray(0)).compile()
    began = time.perf_counter()
    for first in range(0, asked.samples, _CALL):
        chains = compiled(chains, jnp.asarray(first))
        longest = np.asarray(chains.longest)
        print(f"{first + _CALL} samples, {time.perf_counter() - began:.0f} s", longest, flush=True)
    found = []
    for place, (group, seed, (scale, forget_bias), way) in enumerate(names):
        best = float(chains.best[place])
        found.append(
            {
                "frequency_hz": section.frequencies[group],
                "seed": seed,
                "prior": scale,
                "prior_of_forget_bias": forget_bias or scale,
                "streams": way,
                "hidden": asked.hidden,
                "samples": asked.samples,
                "longest_followed_s": int(chains.longest[place]) / section.sampling_rate,
                "horizon_s": int(chains.horizon[place]) / section.sampling_rate,
                "best_whole_shadow": best if np.isfinite(best) else None,
            }
        )
    record.write("uniform", "python -m benchmarks.uniform", found)


if __name__ == "__main__":
    main()
