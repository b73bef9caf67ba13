"""Translation of configs of version 0.1 into the present format."""

from __future__ import annotations

import copy
from typing import Any

from freqjax.config.network import NetworkConfig
from freqjax.config.training import CurriculumConfig

# Old name → present name. The old one stays valid on the command line, in config files and in sweep.axes.
MOVED = {
    f"{section.section}.{old}": name
    for section in (NetworkConfig, CurriculumConfig)
    for old, name in section.moved.items()
}


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
    given = {f"{section}.{field}" for section, fields in values.items() for field in fields}
    old = [name for name in MOVED if name in given]
    if not old:
        return values, None
    values = copy.deepcopy(values)
    for name in old:
        (before, field), (section, present) = name.split("."), MOVED[name].split(".")
        values.setdefault(section, {}).setdefault(present, values[before].pop(field))
    pairs = ", ".join(f"{name} as {MOVED[name]}" for name in old)
    return values, f"it is of version 0.1, and this version reads {pairs}"
