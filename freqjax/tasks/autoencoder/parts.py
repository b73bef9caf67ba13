"""The network of a config: its encoder, code, decoder and practice, with initial weights from training rows.

Axes: N sequences, T samples, D dimensions, K numbers of a code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from freqjax.config.names import cell_class
from freqjax.config.sections import NetworkConfig
from freqjax.errors import UserError
from freqjax.networks.initializers import LAYER_INITIALIZERS
from freqjax.networks.make import network_of
from freqjax.networks.needs import Needs
from freqjax.tasks.autoencoder.baselines import WindowPca
from freqjax.tasks.autoencoder.config import (
    RECURRENT_DECODERS,
    SEARCHED_DECODERS,
    AutoencoderConfig,
)
from freqjax.tasks.autoencoder.network.autoencoder import AutoencoderNetwork, Practice
from freqjax.tasks.autoencoder.network.code import Code
from freqjax.tasks.autoencoder.network.curves import CurveDecoder, lines_of
from freqjax.tasks.autoencoder.network.decoders import Decoder, LinearDecoder, ParallelDecoder
from freqjax.tasks.autoencoder.network.encoders import (
    Components,
    Encoder,
    LinearEncoder,
    TrainedEncoder,
)
from freqjax.tasks.autoencoder.network.nearest import NearestEncoder, Searched
from freqjax.tasks.autoencoder.network.phrases import Drawn, PhraseDecoder, lengths_of
from freqjax.tasks.autoencoder.network.readout import Prototypes, Readout
from freqjax.tasks.autoencoder.network.recurrent import RecurrentDecoder


class Rows(NamedTuple):
    """Training sequences that initial weights read.

    Attributes:
      vectors: [N, T, D].
      mask: [N, T] bool, which are present.
    """

    vectors: Float[np.ndarray, "N T D"]
    mask: Bool[np.ndarray, "N T"]


def make(task: AutoencoderConfig, config: NetworkConfig, rows: Rows | None) -> AutoencoderNetwork:
    """Make the network.

    Args:
      task: its task, with T and D.
      config: of the recurrent network of the encoder, and of the decoder's cell.
      rows: training rows; None if the weights will be loaded.

    Raises:
      UserError: fields contradict each other.
    """
    assert task.dimensions is not None  # `AutoencoderConfig.check` sets it
    if not config.has_layers:
        raise UserError(
            f"network.cell is {config.cell}: it must be a cell of layers where task.name is {task.name}."
        )
    code = Code(
        numbers=task.numbers,
        bits=task.bits,
        normalised=task.code_normalisation,
        noise=task.code_noise,
        penalty=task.code_penalty,
        divergence=task.divergence,
        annealing=task.annealing,
        first_noise=task.code_noise_first,
    )
    components = None
    if rows is not None and (
        task.encoder in ("linear", "both") or task.decoder in ("linear", "parallel")
    ):
        components = components_of(rows, task.numbers)
    practice = _practice(task)
    if task.decoder in SEARCHED_DECODERS:
        searched = _searched(task, rows)
        return AutoencoderNetwork(NearestEncoder(searched), code, searched, practice)
    encoder = _encoder(task, config, code.width, components)
    return AutoencoderNetwork(
        encoder, code, _decoder(task, config, practice, components, rows), practice
    )


def _practice(task: AutoencoderConfig) -> Practice:
    return Practice(
        forcing=task.forcing,
        lengths=task.forcing_lengths,
        phase=task.phase_updates,
        gives_answer=task.forcing_input == "current",
        word_dropout=task.word_dropout,
        input_noise=task.input_noise,
        whole=task.whole,
    )


def _searched(task: AutoencoderConfig, rows: Rows | None) -> Searched:
    sizes = (task.samples, task.dimensions or 0, task.numbers, task.nodes)
    squared = task.loss == "squared_error"
    if task.decoder == "curves":
        lines = None if rows is None else lines_of(*rows, task.numbers, task.nodes)
        return CurveDecoder(*sizes, lines, squared)
    lengths = lengths_of(task.samples, task.numbers, task.nodes)
    drawn = None if rows is None else Drawn.of(*rows, lengths)
    return PhraseDecoder(*sizes, drawn, squared)


def _encoder(
    task: AutoencoderConfig, config: NetworkConfig, width: int, components: Components | None
) -> Encoder:
    samples, dimensions = task.samples, task.dimensions or 0
    linear = recurrent = None
    if task.encoder != "recurrent":
        linear = LinearEncoder(samples, dimensions, width, components)
    if task.encoder != "linear":
        # Its outputs are its states for the code: a product of the hidden ones, of the same width.
        recurrent = network_of(config, Needs(dimensions, config.hidden_size, (), samples))
    return TrainedEncoder(
        width, config.hidden_size, linear, recurrent, from_zero=task.encoder == "both"
    )


def _decoder(
    task: AutoencoderConfig,
    config: NetworkConfig,
    practice: Practice,
    components: Components | None,
    rows: Rows | None,
) -> Decoder:
    samples, dimensions = task.samples, task.dimensions or 0
    size = task.decoder_size or config.hidden_size
    known = None
    if rows is not None and task.prototypes:
        known = Prototypes.of(rows.vectors[rows.mask], task.prototypes)
    linear = LinearDecoder(samples, dimensions, task.numbers, components)
    if task.decoder == "linear":
        return linear
    if task.decoder == "parallel":
        readout = Readout(size, dimensions, task.prototypes, known, added=True)
        return ParallelDecoder(linear, readout, task.decoder_layers, task.slots, task.heads)
    assert task.decoder in RECURRENT_DECODERS
    attends = task.decoder != "recurrent"
    return RecurrentDecoder(
        cell=cell_class(config.cell, config.nonlinearity),
        hidden=size,
        initializer=LAYER_INITIALIZERS[config.initializer],
        longest=samples,
        numbers=task.numbers,
        readout=Readout(2 * size if attends else size, dimensions, task.prototypes, known),
        slots=task.slots if task.decoder == "slots" else 0,
        heads=task.heads,
        states=config.hidden_size if task.decoder == "encoder" else 0,
        positions=task.positions,
        always_forced=practice.always_forced,
    )


def components_of(rows: Rows, numbers: int) -> Components:
    """Return the K = `numbers` principal components of sequences, or as many as there are."""
    fitted = WindowPca.fit(rows.vectors, rows.mask, numbers)
    spreads = fitted.encode(rows.vectors, rows.mask).std(axis=0)
    axes = fitted.axes.reshape(-1, *fitted.centre.shape)
    return Components(fitted.centre, axes, spreads.astype(np.float32))
