"""Configs of version 0.1, read as what they are now."""

from __future__ import annotations

import copy
from typing import Any

from freqjax.config.network import NetworkConfig

# Old name → present name. It stays valid on the command line, in config files and as an axis of a sweep.
MOVED = {f"network.{old}": name for old, name in NetworkConfig.moved.items()}


def present_name(name: str) -> str:
    """Translate the name `section.field` of a field of any version."""
    return MOVED.get(name, name)


def upgrade(values: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Translate a config of version 0.1 as JSON holds it; one of today is given back as it is.

    What is new since has its default, which is what version 0.1 did: `train.gradient` auto cuts the gradient
    as `train.regime` did alone.

    Returns:
      The config of today, and what a reader should be told of the change, or None where there is none.
    """
    network = values.get("network")
    old = [field for field in NetworkConfig.moved if isinstance(network, dict) and field in network]
    if not old:
        return values, None
    values = copy.deepcopy(values)
    for field in old:
        section, _, name = NetworkConfig.moved[field].partition(".")
        values.setdefault(section, {}).setdefault(name, values["network"].pop(field))
    pairs = ", ".join(f"network.{field} as {NetworkConfig.moved[field]}" for field in old)
    return values, f"it is of version 0.1, and this version reads {pairs}"
