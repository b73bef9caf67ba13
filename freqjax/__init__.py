"""freqjax trains recurrent networks on signal streams and tells the truth about what they learned.

import freqjax

network = freqjax.load("runs/NAME")
carry = network.init_carry()
carry, y = network.step(carry, [[0.1, 1, 0, 0, 0]])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from freqjax.config.overrides import load as load_config
from freqjax.config.sections import (
    Config,
    CurriculumConfig,
    NetworkConfig,
    OptimizerConfig,
    RunConfig,
    SweepConfig,
    TrainConfig,
    WindowsConfig,
    default_config,
)
from freqjax.errors import UserError

if TYPE_CHECKING:
    from freqjax.deploy.autoencoder import TrainedAutoencoder, load_autoencoder
    from freqjax.deploy.autoencoder_training import autoencoder
    from freqjax.deploy.trained import Trained, load
    from freqjax.report.tensorboard import TensorBoard
    from freqjax.run.escalation import train
    from freqjax.tasks.autoencoder.config import AutoencoderConfig
    from freqjax.tasks.classifier.config import ClassifierConfig
    from freqjax.tasks.extraction.config import ExtractionConfig, LimitsConfig
    from freqjax.tasks.extraction.config import ExtractionConfig as TaskConfig
    from freqjax.tasks.lines.config import LinesConfig

__version__ = "0.2.0"

# Name → what it is imported from on first use: most bring JAX with them, which a config file and the command
# line's --help can do without.
_LATER = {
    "AutoencoderConfig": "freqjax.tasks.autoencoder.config:AutoencoderConfig",
    "ClassifierConfig": "freqjax.tasks.classifier.config:ClassifierConfig",
    "ExtractionConfig": "freqjax.tasks.extraction.config:ExtractionConfig",
    "LimitsConfig": "freqjax.tasks.extraction.config:LimitsConfig",
    "LinesConfig": "freqjax.tasks.lines.config:LinesConfig",
    # Its name in version 0.1, when there was no other task.
    "TaskConfig": "freqjax.tasks.extraction.config:ExtractionConfig",
    "TensorBoard": "freqjax.report.tensorboard:TensorBoard",
    "TrainedAutoencoder": "freqjax.deploy.autoencoder:TrainedAutoencoder",
    "autoencoder": "freqjax.deploy.autoencoder_training:autoencoder",
    "load_autoencoder": "freqjax.deploy.autoencoder:load_autoencoder",
    "Trained": "freqjax.deploy.trained:Trained",
    "load": "freqjax.deploy.trained:load",
    "train": "freqjax.run.escalation:train",
}

__all__ = [
    "AutoencoderConfig",
    "ClassifierConfig",
    "Config",
    "CurriculumConfig",
    "ExtractionConfig",
    "LimitsConfig",
    "LinesConfig",
    "NetworkConfig",
    "OptimizerConfig",
    "RunConfig",
    "SweepConfig",
    "TaskConfig",
    "TensorBoard",
    "TrainConfig",
    "Trained",
    "TrainedAutoencoder",
    "UserError",
    "WindowsConfig",
    "__version__",
    "autoencoder",
    "default_config",
    "load",
    "load_autoencoder",
    "load_config",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _LATER[name].partition(":")
    globals()[name] = value = getattr(import_module(module), attribute)
    return value
