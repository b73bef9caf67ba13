"""Reference of a config: the fields that differ from their defaults, each with what it means."""

from __future__ import annotations

import dataclasses
from pathlib import PureWindowsPath
from typing import Any

from freqjax.config import sections as configs
from freqjax.config.sections import Config
from freqjax.report.tables import markdown_table
from freqjax.tasks.evaluation import Table
from freqjax.text import shortened


def config_reference(config: Config) -> list[str]:
    """Return the fields of `config` that differ from those of its task's default config, and where all are.

    Of a path the last part alone is shown, since a card is published.
    """
    default = configs.default_config(config.task.name)
    changed = configs.differing_fields(config, default)
    count = sum(
        len(dataclasses.fields(section))  # pyright: ignore[reportArgumentType]
        for _, section in configs.sections(config)
    )
    said = (
        f"config.json holds all {count} fields, and `--config` accepts it. These differ from the defaults; "
        "`freqjax --help --config config.json` says what each of them allows."
    )
    if not changed:
        return [
            f"config.json holds all {count} fields, and `--config` accepts it. All are defaults."
        ]
    rows = [_row(config, name) for name in changed]
    return [said, "", *markdown_table(Table(("field", "value", "what it is"), rows))]


def _row(config: Config, name: str) -> tuple[str, str, str]:
    section_name, field = name.split(".")
    section: Any = getattr(config, section_name)
    return name, shortened(_shown(getattr(section, field))), _doc(section, field)


def _shown(value: Any) -> str:
    """Return a value as the command line takes it, and of a path the last part."""
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    return PureWindowsPath(value).name if isinstance(value, str) else str(value)


def _doc(section: Any, name: str) -> str:
    found = {field.name: field.metadata for field in dataclasses.fields(section)}
    return found[name].get("doc", "")
