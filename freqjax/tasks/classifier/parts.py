"""Construction of the network of a classifier from the sections task and network of a config."""

from __future__ import annotations

from collections.abc import Callable

from freqjax.config.names import cell_class
from freqjax.config.sections import NetworkConfig
from freqjax.networks.initializers import LAYER_INITIALIZERS
from freqjax.networks.make import network_of
from freqjax.networks.needs import Needs
from freqjax.tasks.classifier.config import ClassifierConfig
from freqjax.tasks.classifier.network.classifier import (
    CausalClassifier,
    ClassifierNetwork,
    Encoder,
    Practice,
)
from freqjax.tasks.classifier.network.context import Reader
from freqjax.tasks.classifier.network.convolution import Convolutions
from freqjax.tasks.classifier.network.ensemble import Ensemble, ensemble
from freqjax.tasks.classifier.network.layout import Layout, inputs_of
from freqjax.tasks.classifier.network.recurrent import Recurrent
from freqjax.tasks.classifier.network.transformer import Transformer

# Name → encoder of windows; those of `freqjax.tasks.classifier.config.ENCODERS`.
ENCODERS: dict[str, Callable[[ClassifierConfig, NetworkConfig, Layout], Encoder]] = {
    "convolutions": lambda task, config, layout: Convolutions(layout, config.hidden_size),
    "transformer": lambda task, config, layout: Transformer(
        layout, config.hidden_size, task.layers, task.heads
    ),
    "pooled": lambda task, config, layout: Transformer(
        layout, config.hidden_size, task.layers, task.heads, pooled=True
    ),
    "recurrent": lambda task, config, layout: Recurrent(
        network_of(config, Needs(inputs_of(layout), config.hidden_size, (), layout.samples)),
        config.hidden_size,
    ),
}


def make(
    task: ClassifierConfig, config: NetworkConfig, layout: Layout, outputs: int, classes: int
) -> ClassifierNetwork | Ensemble:
    """Make the network, or an ensemble of them.

    Args:
      task: encoder, context, members, dropout and what training does.
      config: sizes and cell.
      layout: of windows.
      outputs: O.
      classes: C.
    """
    encoder = ENCODERS[task.encoder](task, config, layout)

    def reader() -> Reader:
        return Reader(
            cell_class(config.cell, config.nonlinearity),
            config.hidden_size,
            LAYER_INITIALIZERS[config.initializer],
            encoder.features,
            task.windows,
        )

    kind = ClassifierNetwork if task.context == "both" else CausalClassifier
    network = kind(
        layout,
        encoder,
        None if task.context == "none" else reader(),
        reader() if task.context == "both" else None,
        outputs,
        Practice(task.modality_dropout, task.smoothing, classes, task.pretraining),
        task.dropout,
    )
    return network if task.members == 1 else ensemble(network, task.members, classes)
