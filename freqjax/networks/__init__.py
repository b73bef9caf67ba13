"""Networks by name. A new causal cell is a class with the contract of `Network` and a line here."""

from freqjax.config import NetworkConfig
from freqjax.initializers import INITIALIZERS, LstmSetting
from freqjax.networks.lstm import LstmCarry, LstmCell, LstmNetwork
from freqjax.networks.lstm_linear import Linearization
from freqjax.networks.network import Network, count_parameters, reset_where
from freqjax.tasks import Task

_CELLS = {"lstm": LstmNetwork}


def make_network(config: NetworkConfig, task: Task) -> LstmNetwork:
    """The network of `config` with the inputs and outputs of `task`."""
    setting = LstmSetting(
        input_size=task.input_size,
        hidden_size=config.hidden_size,
        output_size=task.output_size,
        selectors=task.selectors,
        longest=task.samples,
        sampling_rate=task.sampling_rate,
        band=(config.rotor_low, config.rotor_high),
    )
    initializer = INITIALIZERS[config.initializer]
    return _CELLS[config.cell](setting, initializer, learned_carry=config.learned_carry)


__all__ = [
    "Linearization",
    "LstmCarry",
    "LstmCell",
    "LstmNetwork",
    "Network",
    "count_parameters",
    "make_network",
    "reset_where",
]
