"""freqjax trains recurrent networks on signal streams and tells the truth about what they learned.

import freqjax

network = freqjax.load("runs/NAME")
carry = network.init_carry()
carry, y = network.step(carry, [[0.1, 1, 0, 0, 0]])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from freqjax.config.sections import (
    Config,
    CurriculumConfig,
    LimitsConfig,
    NetworkConfig,
    OptimizerConfig,
    RunConfig,
    SweepConfig,
    TaskConfig,
    TrainConfig,
    WindowsConfig,
)
from freqjax.errors import UserError

if TYPE_CHECKING:
    from freqjax.deploy.trained import Trained, load
    from freqjax.run.escalation import train

# Name → the module it is imported from on first use. They bring JAX with them, which a config file and the
# command line's --help can do without.
_LATER = {
    "train": "freqjax.run.escalation",
    "Trained": "freqjax.deploy.trained",
    "load": "freqjax.deploy.trained",
}

__all__ = [
    "Config",
    "CurriculumConfig",
    "LimitsConfig",
    "NetworkConfig",
    "OptimizerConfig",
    "RunConfig",
    "SweepConfig",
    "TaskConfig",
    "TrainConfig",
    "Trained",
    "UserError",
    "WindowsConfig",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_LATER[name]), name)
    return value
