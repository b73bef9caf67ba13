"""Networks by name. A new causal cell is a class with the contract of `Network` and a line here."""

from freqjax.config import NetworkConfig
from freqjax.initializers import INITIALIZERS
from freqjax.networks.lstm import LstmCarry, LstmCell, LstmNetwork
from freqjax.networks.lstm_linear import Linearization
from freqjax.networks.network import Network, count_parameters, reset_where
from freqjax.tasks import Task
from freqjax.weights import LstmSetting

_CELLS = {"lstm": LstmNetwork}


def make_network(
    config: NetworkConfig, task: Task, peaks_hz: tuple[float, ...] = ()
) -> LstmNetwork:
    """The network of `config` with the inputs and outputs of `task`.

    `peaks_hz` is what spectral initialisation takes from the training targets; a network that is only
    loaded needs none.
    """
    setting = LstmSetting(
        input_size=task.input_size,
        hidden_size=config.hidden_size,
        output_size=task.output_size,
        selectors=task.selectors,
        longest=task.samples,
        sampling_rate=task.sampling_rate,
        band=(config.rotor_low, config.rotor_high),
        gain=config.rotor_gain,
        leak=config.rotor_leak,
        decay=config.rotor_decay,
        peaks_hz=peaks_hz,
        written_hz=task.selected_hz,
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
