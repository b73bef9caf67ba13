"""Combination of the outputs of overlapping windows, with frozen weights, into one output per sample.

A sample is in several windows, each with an output for it. `windows.combine` selects the output of the window
with the most context before the sample (last), of the one whose middle is nearest (centre), or the mean of
all. Every sample has an output, including the first ones of a block, which are only in the first windows. See
`freqjax.tasks.windows` for the positions of windows.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from freqjax.config.sections import WindowsConfig
from freqjax.networks import Network
from freqjax.networks.arrays import AnyArray, EitherArray
from freqjax.networks.network import Params
from freqjax.tasks import Sequences
from freqjax.tasks.windows import covering, first_samples, owners, warm_up
from freqjax.training.streams import padding_resets

# Windows run at once: only their hidden states are in memory besides the rows and the outputs.
_WINDOWS = 256


def make_windows_forward(
    network: Network, windows: WindowsConfig
) -> Callable[[Params, Sequences, str], Float[np.ndarray, "B T O"]]:
    """Make a function (params, blocks, reset) → outputs [B, T, O] with frozen weights, from windows.

    As in training, windows are independent, so that `reset`, which concerns a carried state, has no effect.
    Sequences may have any length T of at least L.

    Args:
      network: a causal or bidirectional network.
      windows: L, stride, warm-up and the combination of outputs.
    """

    @jax.jit
    def unroll(
        params: Params, xs: Float[AnyArray, "T B D"], resets: Bool[AnyArray, "T B"]
    ) -> Float[Array, "L B O"]:
        carry = network.init_carry(params, xs.shape[1])
        return network.unroll(params, carry, xs, resets)[1][-windows.length :]

    def forward(params: Params, blocks: Sequences, reset: str) -> Float[np.ndarray, "B T O"]:
        del reset
        inputs = np.asarray(blocks.inputs)
        count, samples = inputs.shape[:2]
        padding = None if blocks.weights is None else padding_resets(np.asarray(blocks.weights))
        first, shares = first_samples(samples, windows), _Shares(samples, windows)
        outputs = None
        for low in range(0, count * len(first), _WINDOWS):
            numbers = np.arange(low, min(low + _WINDOWS, count * len(first)))
            block, number = np.divmod(numbers, len(first))
            xs, resets = _rows(inputs, padding, block, first[number], windows)
            ys = np.asarray(unroll(params, xs, resets))[:, : len(numbers)]
            if outputs is None:
                outputs = np.zeros((count * samples, ys.shape[-1]))
            place = first[number] + np.arange(windows.length)[:, None]
            share = shares.of(number, place)[..., None]
            np.add.at(outputs, block * samples + place, np.where(share > 0, share * ys, 0))
        assert outputs is not None  # every block has a window
        return outputs.reshape(count, samples, -1).astype(np.float32)

    return forward


class _Shares:
    """Weights of the outputs of windows at a sample; over the windows of a sample they sum to 1."""

    def __init__(self, samples: int, windows: WindowsConfig) -> None:
        self._mean = windows.combine == "mean"
        self._at = covering(samples, windows) if self._mean else owners(samples, windows)

    def of(
        self, number: Int[np.ndarray, " N"], place: Int[np.ndarray, "L N"]
    ) -> Float[np.ndarray, "L N"]:
        """Return the weights [L, N] of windows [N] of a block at samples [L, N]."""
        return 1 / self._at[place] if self._mean else (self._at[place] == number).astype(float)


def _rows(
    inputs: Float[np.ndarray, "S T D"],
    padding: Bool[EitherArray, "S T"] | None,
    block: Int[np.ndarray, " N"],
    first: Int[np.ndarray, " N"],
    windows: WindowsConfig,
) -> tuple[Float[np.ndarray, "L B D"], Bool[np.ndarray, "L B"]]:
    """Return xs [M + L, B, D] and resets [M + L, B] of the windows at `first` [N] of blocks [N].

    B is the largest number that is run at once, whatever N is, so that there is one compilation. `padding`
    [B, T] flags where the padding of each block begins.
    """
    warm = warm_up(windows)
    idle = _WINDOWS - len(first)
    block, first = np.pad(block, (0, idle)), np.pad(first, (0, idle))
    row = np.arange(warm + windows.length)[:, None]
    read = np.maximum(first - warm + row, 0)
    resets = row == np.maximum(warm - first, 0)
    return inputs[block, read], resets if padding is None else resets | padding[block, read]
