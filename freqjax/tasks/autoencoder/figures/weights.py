"""Weights of attention of a decoder, of one sequence.

Axes: L outputs, S slots of the code or samples of the encoder, B sequences, K numbers of a code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from freqjax.networks.arrays import AnyArray
from freqjax.networks.film import modulate
from freqjax.networks.layers import attend, norm, product, slots_to_read
from freqjax.networks.network import Params
from freqjax.tasks.autoencoder.dataset import Part
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork
from freqjax.tasks.autoencoder.network.decoders import Beside, ParallelDecoder
from freqjax.tasks.autoencoder.network.recurrent import RecurrentDecoder
from freqjax.tasks.autoencoder.probes import Coded


class Attention(NamedTuple):
    """Weights of the outputs of one sequence.

    Attributes:
      weights: [L, S], of sum 1 over S; the mean over heads.
      sequence: which of the test sequences.
      leaks: whether S are samples of the encoder, and not slots of the code.
    """

    weights: Float[np.ndarray, "L S"]
    sequence: int
    leaks: bool


def attention_of(
    network: AutoencoderNetwork, params: Params, coded: Coded, part: Part, sequence: int
) -> Attention | None:
    """Return the weights of one sequence up to its last vector; None if the decoder does not attend.

    Those of a parallel decoder are of its first layer.
    """
    decoder = network.decoder
    length = int(np.flatnonzero(part.mask[sequence])[-1]) + 1
    one = slice(sequence, sequence + 1)
    codes, own = network.code.quantised(jnp.asarray(coded.codes[one])), params["decoder"]
    if isinstance(decoder, ParallelDecoder):
        weigh = jax.jit(lambda own, codes: first_layer(decoder, own, codes, length)[0])
        return Attention(np.asarray(weigh(own, codes)), sequence, False)
    if not isinstance(decoder, RecurrentDecoder) or not decoder.attends:
        return None
    states, present, _ = coded.beside
    cut = [None if a is None else jnp.asarray(a)[:, one] for a in (states, present)]
    beside = Beside(cut[0], cut[1])
    attended = jax.jit(decoder.attended, static_argnums=2)
    weights = attended(own, codes, length, beside)[1]
    assert weights is not None
    kept = np.asarray(weights[:, 0])
    return Attention(kept[:, :length] if decoder.leaks else kept, sequence, decoder.leaks)


def first_layer(
    decoder: ParallelDecoder, params: Any, codes: Float[AnyArray, "B K"], samples: int
) -> Float[AnyArray, "B L S"]:
    """Return the weights of the slots in the first layer of a parallel decoder."""
    size, layer = decoder.readout.features, params["layer_0"]
    slots = product(params["slots"], codes).reshape(len(codes), decoder.slots, size)
    rows = (len(codes), samples)
    places = jnp.broadcast_to(params["positions"][:samples], (*rows, size))
    h = modulate(layer["film"], jnp.broadcast_to(codes[:, None], (*rows, codes.shape[1])), places)
    read = slots_to_read(layer["slots"], slots, decoder.heads)
    return attend(layer["slots"], norm(layer["norms"][0], h), read)[1]
