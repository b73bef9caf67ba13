"""freqjax trains recurrent networks on signal streams and tells the truth about what they learned.

import freqjax

network = freqjax.load("runs/NAME")
carry = network.init_carry()
carry, y = network.step(carry, [[0.1, 1, 0, 0, 0]])
"""

from freqjax.config import (
    Config,
    CurriculumConfig,
    LimitsConfig,
    NetworkConfig,
    OptimizerConfig,
    TaskConfig,
    TrainConfig,
)
from freqjax.errors import UserError
from freqjax.escalation import train
from freqjax.trained import Trained, load

__all__ = [
    "Config",
    "CurriculumConfig",
    "LimitsConfig",
    "NetworkConfig",
    "OptimizerConfig",
    "TaskConfig",
    "TrainConfig",
    "Trained",
    "UserError",
    "load",
    "train",
]
