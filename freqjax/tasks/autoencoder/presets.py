"""Presets of the task autoencoder by name: sizes, and the two published forms that the task labels.

`original` is the form whose outputs are the mean vector, `original_attention` the one whose decoder reads the
encoder's states past the code. Both are here to be measured, not to be used.
"""

from __future__ import annotations

from typing import Any

from freqjax.config.sections import Config, default_config
from freqjax.errors import UserError

# Fields of every preset; those of the table below come after them.
_COMMON: dict[str, Any] = {"train.regime": "examples", "train.epochs": 20}
_SLOTS: dict[str, Any] = {"task.encoder": "recurrent", "task.decoder": "slots"}
_LEAK: dict[str, Any] = {"task.encoder": "recurrent", "task.decoder": "encoder"}
_PLAIN: dict[str, Any] = {
    "network.cell": "rnn", "task.encoder": "recurrent", "task.decoder": "recurrent",
}  # fmt: skip

# Name → fields: H units of encoder and decoder, K numbers of a code, and what else it has.
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"network.hidden_size": 128, "task.numbers": 16},
    "small": {"network.hidden_size": 256, "task.numbers": 32},
    "medium": {"network.hidden_size": 512, "task.numbers": 64},
    "large": {"network.hidden_size": 768, "task.numbers": 96, "network.layers": 2},
    "xlarge": {
        "network.hidden_size": 1024, "task.numbers": 128, "network.layers": 2, "network.residual": True,
    },
    "research": {
        "network.hidden_size": 512, "task.numbers": 20, "network.bidirectional": True, **_SLOTS,
    },
    "original": {"network.hidden_size": 64, "task.numbers": 16, "task.loss": "squared_error", **_PLAIN},
    "original_attention": {"network.hidden_size": 512, "task.numbers": 128, **_LEAK},
}  # fmt: skip


def preset(name: str = "") -> Config:
    """Return the config of a preset, whose T and D the data will give.

    Args:
      name: one of `PRESETS`; empty for the defaults of the task.

    Raises:
      UserError: there is no such preset.
    """
    if name and name not in PRESETS:
        raise UserError(f"preset is {name!r}: it must be one of {', '.join(PRESETS)}.")
    config = default_config("autoencoder")
    for field, value in (_COMMON | PRESETS.get(name, {})).items():
        section, _, attribute = field.partition(".")
        setattr(getattr(config, section), attribute, value)
    return config
