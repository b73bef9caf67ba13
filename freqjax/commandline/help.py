"""Texts of `--help`: the modes, the flags of a mode, or the fields of a config."""

from __future__ import annotations

import dataclasses
import itertools
import textwrap
from collections.abc import Sequence

from freqjax.commandline.parsing import leading_mode
from freqjax.config import overrides as configs
from freqjax.config import shipped
from freqjax.config.fields import field_types
from freqjax.config.sections import Config, default_config, sections
from freqjax.errors import UserError
from freqjax.modes import FLAGS, MODES, Overrides

_WIDTH = 110
# Configs whose names stand first.
_FIRST = ("default", "quick")


def text(plain: Sequence[str], overrides: Overrides) -> str:
    """Return the help that the words of a command ask for; flags without effect on it are ignored.

    Raises:
      UserError: the mode is unknown, or the config does not exist or is not valid.
    """
    mode, config = leading_mode(plain) or value_of("mode", plain), value_of("config", plain)
    if mode is not None and mode not in MODES:
        raise UserError(f"--mode is {mode!r}: it must be one of {', '.join(MODES)}.")
    if config is not None:
        return _fields(configs.apply(configs.load(config), overrides))
    task = configs.task_name(overrides)
    if task is not None:
        return _fields(configs.apply(default_config(task), overrides))
    return _modes() if mode is None else _flags(mode)


def value_of(flag: str, plain: Sequence[str]) -> str | None:
    """Return the value given to a flag among the words of a command, or None."""
    for word, following in itertools.zip_longest(plain, plain[1:]):
        if word == f"--{flag}":
            return following
        if word.startswith(f"--{flag}="):
            return word.partition("=")[2]
    return None


def _modes() -> str:
    lines = [
        "usage: freqjax MODE [flags] [--config.section.field=value …]",
        "       python -m freqjax.main --mode MODE … is the same; freqjax --version says which it is",
        "",
        "modes:",
    ]
    for name, mode in MODES.items():
        lines.append(f"  {name:<11} {mode.doc}{' (default)' if name == 'train' else ''}")
    lines += [
        "",
        "  freqjax MODE --help               the flags of a mode",
        "  freqjax --help --config CONFIG    the fields of a config, with their values and rules",
        "  freqjax completion SHELL          a script that completes words, for bash, zsh or fish",
        "",
        *_configs(),
        *_wrapped("checkpoints that ship: " + ", ".join(shipped.checkpoint_names()), ""),
    ]
    return "\n".join(lines)


def _configs() -> list[str]:
    """Return a line of names of configs, and how many there are besides."""
    every = shipped.config_names()
    shown = [*_FIRST, *(name for name in every if name not in _FIRST)]
    while True:
        left = len(every) - len(shown)
        rest = f", and {left} more, which the README describes" if left else ""
        lines = _wrapped(f"configs that ship: {', '.join(shown)}{rest}", "")
        if len(lines) == 1:
            return lines
        shown.pop()


def _flags(name: str) -> str:
    mode = MODES[name]
    lines = [f"usage: freqjax {name} [flags] [--config.section.field=value …]", "", mode.doc]
    lines += ["", "flags:"]
    lines += [f"  --{flag:<12} {FLAGS[flag].doc}" for flag in mode.flags]
    lines += [
        "",
        "fields of the config, with their values and rules:",
        f"  freqjax {name} --help --config {'CONFIG' if 'config' in mode.flags else 'WORKDIR/config.json'}",
    ]
    return "\n".join(lines)


def _fields(config: Config) -> str:
    lines = []
    for name, section in sections(config):
        about = (type(section).__doc__ or "").partition("\n")[0]
        lines += [f"{name}: {about}"]
        kinds = field_types(type(section))
        for field in dataclasses.fields(section):
            value = configs.as_text(kinds[field.name], getattr(section, field.name))
            allowed = field.metadata["allowed"]
            rule = "" if allowed == "any" else f"; {allowed}"
            lines.append(f"  --config.{name}.{field.name}={value}")
            lines += _wrapped(f"{field.metadata['doc']}{rule}", " " * 6)
        lines.append("")
    return "\n".join(lines).rstrip()


def _wrapped(words: str, indent: str) -> list[str]:
    return textwrap.wrap(words, _WIDTH, initial_indent=indent, subsequent_indent=indent or "  ")
