"""Translation of configs of version 0.1 into the present format."""

from __future__ import annotations

import copy
from typing import Any

from freqjax.config.network import NetworkConfig

# Old name → present name. The old one stays valid on the command line, in config files and in sweep.axes.
MOVED = {f"network.{old}": name for old, name in NetworkConfig.moved.items()}


def present_name(name: str) -> str:
    """Translate the name `section.field` of a field of any version."""
    return MOVED.get(name, name)


def upgrade(values: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Translate a config of version 0.1, as read from JSON; return one of this version unchanged.

    Fields that are new have their defaults, which reproduce version 0.1: `train.gradient` auto truncates the
    gradient as `train.regime` did.

    Returns:
      The config in the present format, and a note on the change for the user, or None if nothing changed.
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
