"""Networks, and the one that a config asks for; the cells by name stand in `freqjax.config.names`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freqjax.config.names import cell_class
from freqjax.networks.cell import Cell, HiddenCarry, split_gates
from freqjax.networks.gru import GruCell
from freqjax.networks.initializers import INITIALIZERS, LAYER_INITIALIZERS
from freqjax.networks.lstm import LstmCarry, LstmCell, LstmNetwork
from freqjax.networks.lstm_linear import Linearization
from freqjax.networks.network import Network, count_parameters, reset_where
from freqjax.networks.rnn import RnnCell
from freqjax.networks.stack import StackedNetwork
from freqjax.networks.weights import LstmSetting

if TYPE_CHECKING:
    from freqjax.config.sections import NetworkConfig
    from freqjax.tasks import Task


def make_network(
    config: NetworkConfig, task: Task, peaks_hz: tuple[float, ...] = ()
) -> LstmNetwork | StackedNetwork:
    """The network of `config` with the inputs and outputs of `task`.

    The LSTM of one layer that sees the selector beside the sample has a class of its own, with closed
    forms that others lack.

    `peaks_hz` is what spectral initialisation takes from the training targets; a network that is only
    loaded needs none.
    """
    setting = LstmSetting(
        input_size=task.input_size,
        hidden_size=config.hidden_size,
        output_size=task.output_size,
        selectors=task.selectors,
        longest=task.longest,
        sampling_rate=task.sampling_rate,
        band=(task.config.rotor_low, task.config.rotor_high),
        gain=config.rotor_gain,
        leak=task.config.rotor_leak,
        decay=task.config.rotor_decay,
        peaks_hz=peaks_hz,
        written_hz=task.selected_hz,
    )
    if not config.beyond_one_lstm:
        initializer = INITIALIZERS[config.initializer]
        return LstmNetwork(setting, initializer, learned_carry=config.learned_carry)
    return StackedNetwork(
        setting,
        cell_class(config.cell),
        LAYER_INITIALIZERS[config.initializer],
        layers=config.layers,
        dropout=config.dropout,
        bidirectional=config.bidirectional,
        film=config.conditioning == "film",
        learned_carry=config.learned_carry,
    )


__all__ = [
    "Cell",
    "GruCell",
    "HiddenCarry",
    "Linearization",
    "LstmCarry",
    "LstmCell",
    "LstmNetwork",
    "Network",
    "RnnCell",
    "StackedNetwork",
    "cell_class",
    "count_parameters",
    "make_network",
    "reset_where",
    "split_gates",
]
