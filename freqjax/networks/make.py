"""Construction of the network of a config for a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freqjax.config.names import cell_class, network_class
from freqjax.config.sections import NetworkConfig
from freqjax.networks.initializers import INITIALIZERS, LAYER_INITIALIZERS
from freqjax.networks.lru import LruNetwork
from freqjax.networks.lstm import LstmNetwork, RotorNetwork
from freqjax.networks.needs import ROTOR_INITIALIZERS, GivesNetwork, Needs, Sized, needs_of
from freqjax.networks.stack import BidirectionalNetwork, SingleLayerNetwork, StackedNetwork
from freqjax.networks.weights import LstmInitializer, LstmSetting


def make_network(config: NetworkConfig, task: Sized, train: Callable[[], Any] | None = None) -> Any:
    """Make the network of `config` for `task`, which may bring a kind of its own.

    Args:
      config: of the network.
      task: its task.
      train: returns the training rows, for an initializer that reads them (spectral). Not needed for a
        network whose weights will be loaded.

    Raises:
      UserError: the network does not match the task, or its fields contradict each other.
    """
    needs = needs_of(config, task, train)
    if isinstance(task, GivesNetwork):
        return task.network(config, train)
    return network_of(config, needs)


def network_of(
    config: NetworkConfig, needs: Needs
) -> LstmNetwork | StackedNetwork | BidirectionalNetwork | LruNetwork:
    """Make the network of `config`, which `needs_of` has checked, for a task with `needs`.

    One LSTM layer that reads the selector as an input has its own class, with closed forms that stacks lack.
    """
    setting = LstmSetting(
        input_size=needs.input_size,
        hidden_size=config.hidden_size,
        output_size=needs.output_size,
        selectors=needs.selectors,
        longest=needs.longest,
        gain=config.rotor_gain,
        rotors=needs.rotors,
    )
    if not config.has_layers:
        kind = network_class(config.cell)
        initializer = kind.initializers[config.initializer]
        return kind(setting, initializer, learned_carry=config.learned_carry)
    if not config.beyond_one_lstm:
        one_layer = RotorNetwork if config.initializer in ROTOR_INITIALIZERS else LstmNetwork
        initializer = _lstm_initializer(config.initializer, needs)
        pairs = config.recurrence == "pairs"
        return one_layer(setting, initializer, learned_carry=config.learned_carry, pairs=pairs)
    cell = cell_class(config.cell, config.nonlinearity)
    layer_initializer = LAYER_INITIALIZERS[config.initializer]
    if config.is_single_layer:
        return SingleLayerNetwork(
            setting, cell, layer_initializer, learned_carry=config.learned_carry
        )
    stack = BidirectionalNetwork if config.bidirectional else StackedNetwork
    return stack(
        setting,
        cell,
        layer_initializer,
        layers=config.layers,
        dropout=config.dropout,
        residual=config.residual,
        film=config.conditioning == "film",
        learned_carry=config.learned_carry,
    )


def can_pad(config: NetworkConfig) -> bool:
    """Return whether networks of `config` that differ in hidden size can share a program by zero padding."""
    if not config.has_layers:
        return hasattr(network_class(config.cell), "hidden_axes")
    return cell_class(config.cell, config.nonlinearity).rests()


def _lstm_initializer(name: str, needs: Needs) -> LstmInitializer:
    constructed = needs.constructed
    if name == "constructed" and constructed is not None:
        return lambda key, setting: constructed.weights(setting)  # not random
    return INITIALIZERS[name]
