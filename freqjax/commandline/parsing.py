"""From words on a command line to a mode, its flags and the overrides of its config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from absl import flags as absl_flags

from freqjax.config.fields import nearest
from freqjax.errors import UserError
from freqjax.modes import FLAGS, MODES

_PREFIX = "config."


class Invocation(NamedTuple):
    """What was asked for: a mode, the value of each of its flags, and (field, text) overrides."""

    mode: str
    flags: dict[str, Any]
    overrides: list[tuple[str, str]]


def parse(arguments: Sequence[str]) -> Invocation:
    """Read the arguments after the program's name: a mode or none in front, then flags and overrides.

    Raises:
      UserError: an unknown mode, a flag that the mode does not know, or a malformed one.
    """
    plain, overrides = split_overrides(arguments)
    mode = leading_mode(plain)
    values = absl_flags.FlagValues()
    for name, flag in FLAGS.items():
        if flag.kind is bool:
            absl_flags.DEFINE_bool(name, name == "figures", flag.doc, flag_values=values)
        else:
            absl_flags.DEFINE_string(name, None, flag.doc, flag_values=values)
    absl_flags.DEFINE_string("mode", "train", "what to do", flag_values=values)
    try:
        rest = values(["freqjax", *plain[mode is not None :]])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        raise UserError(_unknown(error.flagname)) from None
    except absl_flags.IllegalFlagValueError as error:
        name, _, text = str(error).removeprefix("flag --").partition(":")[0].partition("=")
        raise UserError(f"--{name} is {text!r}: it must be true or false.") from None
    except absl_flags.Error as error:
        raise UserError(f"{str(error).removeprefix('ERROR:: ').rstrip('.')}.") from None
    if rest:
        raise UserError(f"{rest[0]!r} is not a flag: flags begin with --.")
    if mode is not None and values["mode"].present:
        raise UserError(f"--mode is given beside the mode {mode}: it must be given once.")
    return _of_mode(mode or str(values["mode"].value), values, overrides)


def leading_mode(plain: Sequence[str]) -> str | None:
    """Read the mode that stands in front of all flags, or None where there is none.

    Raises:
      UserError: the word in front is no mode.
    """
    if not plain or plain[0].startswith("-"):
        return None
    if plain[0] not in MODES:
        raise UserError(
            f"{plain[0]!r} is not a mode: the nearest one is {nearest(plain[0], MODES)}; flags begin with --."
        )
    return plain[0]


def _of_mode(
    name: str, values: absl_flags.FlagValues, overrides: list[tuple[str, str]]
) -> Invocation:
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
    flags = {flag: values[flag].value for flag in known}
    for flag, value in flags.items():
        find = FLAGS[flag].find
        if find is not None and value is not None:
            flags[flag] = str(find(value))
    return Invocation(name, flags, overrides)


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Split arguments into those for the mode and the (field, text) of each --config.section.field.

    Raises:
      UserError: a field without a value.
    """
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
    known = [*FLAGS, "mode", "help", "version"]
    return f"--{name} is not a flag: the nearest one is --{nearest(name, known)}."
