"""Networks: their contract, what only some can do, cells, stacks and initializers.

The cells by name are in `freqjax.config.names`.
"""

from freqjax.config.names import cell_class
from freqjax.networks.abilities import (
    Bounded,
    DenseRealTime,
    Described,
    HasCell,
    Linearizable,
    Paddable,
    RealTime,
    Restricted,
    SingleLstm,
    Streams,
    TrainingPass,
    TrainsApart,
    TurningPairs,
    require_streams,
)
from freqjax.networks.cell import Cell, HiddenCarry, split_gates
from freqjax.networks.filtered import Filterable
from freqjax.networks.gru import GruCell
from freqjax.networks.lru import LruCarry, LruNetwork
from freqjax.networks.lstm import LstmCarry, LstmCell, LstmNetwork, RotorNetwork
from freqjax.networks.lstm_linear import Linearization
from freqjax.networks.make import can_pad, make_network, network_of
from freqjax.networks.needs import (
    Constructed,
    GivesNetwork,
    GivesPeaks,
    GivesRotors,
    GivesWeights,
    Needs,
    Sized,
    needs_of,
)
from freqjax.networks.network import Network, count_parameters, reset_where
from freqjax.networks.rnn import ReluRnnCell, RnnCell
from freqjax.networks.sensitivities import Reading
from freqjax.networks.stack import BidirectionalNetwork, SingleLayerNetwork, StackedNetwork
from freqjax.networks.weights import LstmSetting, RotorSetting

__all__ = [
    "BidirectionalNetwork",
    "Bounded",
    "Cell",
    "Constructed",
    "DenseRealTime",
    "Described",
    "Filterable",
    "GivesNetwork",
    "GivesPeaks",
    "GivesRotors",
    "GivesWeights",
    "GruCell",
    "HasCell",
    "HiddenCarry",
    "Linearizable",
    "Linearization",
    "LruCarry",
    "LruNetwork",
    "LstmCarry",
    "LstmCell",
    "LstmNetwork",
    "LstmSetting",
    "Needs",
    "Network",
    "Paddable",
    "Reading",
    "RealTime",
    "ReluRnnCell",
    "Restricted",
    "RnnCell",
    "RotorNetwork",
    "RotorSetting",
    "SingleLayerNetwork",
    "SingleLstm",
    "Sized",
    "StackedNetwork",
    "Streams",
    "TrainingPass",
    "TrainsApart",
    "TurningPairs",
    "can_pad",
    "cell_class",
    "count_parameters",
    "make_network",
    "needs_of",
    "network_of",
    "require_streams",
    "reset_where",
    "split_gates",
]
