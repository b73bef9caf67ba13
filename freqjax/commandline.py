"""From words on a command line to a mode, its flags and the overrides of its config."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple

from absl import flags as absl_flags

from freqjax.config import sections as configs
from freqjax.errors import UserError
from freqjax.modes import FLAGS, MODES

_PREFIX = "config."


class Invocation(NamedTuple):
    """What was asked for: a mode, the value of each of its flags, and (field, text) overrides."""

    mode: str
    flags: dict[str, Any]
    overrides: list[tuple[str, str]]


def parse(arguments: Sequence[str]) -> Invocation | None:
    """Read the arguments after the program's name; None where help was asked for.

    Raises:
      UserError: an unknown mode, a flag that the mode does not know, or a malformed one.
    """
    plain, overrides = _split_overrides(arguments)
    if any(word in ("--help", "-h", "--helpfull", "--helpshort") for word in plain):
        return None
    values = absl_flags.FlagValues()
    for name, flag in FLAGS.items():
        if flag.kind is bool:
            absl_flags.DEFINE_bool(name, name == "figures", flag.doc, flag_values=values)
        else:
            absl_flags.DEFINE_string(name, None, flag.doc, flag_values=values)
    absl_flags.DEFINE_string("mode", "train", "what to do", flag_values=values)
    try:
        rest = values(["freqjax", *plain])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        raise UserError(_unknown(error.flagname)) from None
    except absl_flags.IllegalFlagValueError as error:
        name, _, text = str(error).removeprefix("flag --").partition(":")[0].partition("=")
        raise UserError(f"--{name} is {text!r}: it must be true or false.") from None
    except absl_flags.Error as error:
        raise UserError(f"{str(error).removeprefix('ERROR:: ').rstrip('.')}.") from None
    if rest:
        raise UserError(f"{rest[0]!r} is not a flag: flags begin with --.")
    return _of_mode(values, overrides)


def _of_mode(values: absl_flags.FlagValues, overrides: list[tuple[str, str]]) -> Invocation:
    name = values["mode"].value
    if name not in MODES:
        raise UserError(f"--mode is {name!r}: it must be one of {', '.join(MODES)}.")
    known = MODES[name].flags
    for flag in FLAGS:
        if flag not in known and values[flag].present:
            raise UserError(
                f"--{flag} is not a flag of --mode {name}, which takes "
                f"{', '.join('--' + k for k in known)} and --config.section.field=value."
            )
    for flag in (*known, "mode"):
        if values[flag].present > 1:
            raise UserError(
                f"--{flag} is given {values[flag].present} times: it must be given once."
            )
    return Invocation(name, {flag: values[flag].value for flag in known}, overrides)


def _split_overrides(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    plain, overrides = [], []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("--" + _PREFIX):
            # absl knows --nofigures; people write --no-figures.
            plain.append("--no" + word[5:] if word.startswith("--no-") else word)
            continue
        name, equals, text = word.removeprefix("--" + _PREFIX).partition("=")
        if not equals:
            if not words or words[0].startswith("--"):
                raise UserError(f"--{_PREFIX}{name} has no value: write --{_PREFIX}{name}=VALUE.")
            text = words.pop(0)
        overrides.append((name, text))
    return plain, overrides


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*FLAGS, "mode"], n=1, cutoff=0.0)[0]
    return f"--{name} is not a flag: the nearest one is --{near}."


def help_text() -> str:
    """Modes with their flags, then every field of the config with its default."""
    lines = [
        "usage: python -m freqjax.main [--mode MODE] [flags] [--config.section.field=value …]",
        "",
    ]
    for name, mode in MODES.items():
        default = " (default)" if name == "train" else ""
        lines.append(f"--mode {name}{default}: {mode.doc}")
        lines += [f"    --{flag:<12} {FLAGS[flag].doc}" for flag in mode.flags]
        lines.append("")
    lines.append("fields of the config:")
    for section_name, section in configs.sections(configs.Config()):
        for field in dataclasses.fields(section):
            default = getattr(section, field.name)
            allowed = field.metadata["allowed"]
            rule = "" if allowed == "any" else f"; {allowed}"
            lines.append(
                f"    --config.{section_name}.{field.name}={default}\n        {field.metadata['doc']}{rule}"
            )
    return "\n".join(lines)
