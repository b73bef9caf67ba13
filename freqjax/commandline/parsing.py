"""From words on a command line to a mode, its flags and the overrides of its config."""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from absl import flags as absl_flags

from freqjax.config.fields import field_types, nearest
from freqjax.config.sections import default_config, sections
from freqjax.errors import UserError
from freqjax.modes import FLAGS, MODES

_PREFIX = "config."


class Invocation(NamedTuple):
    """Parsed command line: a mode, the value of each of its flags, and (field, text) overrides."""

    mode: str
    flags: dict[str, Any]
    overrides: list[tuple[str, str]]


def parse(arguments: Sequence[str]) -> Invocation:
    """Read the arguments after the program's name: a mode or none in front, then flags and overrides.

    Raises:
      UserError: an unknown mode, a flag that the mode does not know, or a malformed one.
    """
    plain, overrides = split_overrides(arguments)
    for word in plain:
        if word.lstrip("-").partition("=")[0] in ("flagfile", "undefok"):  # absl's own
            raise UserError(f"{word.partition('=')[0]} is not a flag: --config names a file.")
    mode = leading_mode(plain)
    values = absl_flags.FlagValues()
    for name, flag in FLAGS.items():
        if flag.kind is bool:
            absl_flags.DEFINE_bool(name, name == "figures", flag.doc, flag_values=values)
        else:
            absl_flags.DEFINE_string(name, None, flag.doc, flag_values=values)
    absl_flags.DEFINE_string("mode", "train", "what to do", flag_values=values)
    try:
        rest = values(["freqjax", *_named(mode, plain[mode is not None :])])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        raise UserError(_unknown(error.flagname, plain)) from None
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


def _named(mode: str | None, words: Sequence[str]) -> list[str]:
    """Return the words behind a mode; one that it takes without a name gets the name of its flag."""
    flag = MODES[mode].word if mode is not None else ""
    if flag and words and not words[0].startswith("-"):
        return [f"--{flag}={words[0]}", *words[1:]]
    return list(words)


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
    _require_utf8(name, flags)
    return Invocation(name, flags, overrides)


def _require_utf8(mode: str, flags: dict[str, Any]) -> None:
    """Require folders of checkpoints to have names in UTF-8, which the library that writes them takes alone.

    Raises:
      UserError: one has not, by the flag or as the current folder.
    """
    asked = {"--checkpoint": flags.get("checkpoint")}
    if mode in ("train", "sweep", "import"):
        asked["--workdir"] = flags["workdir"] or "."
    for flag, value in asked.items():
        path = None if value is None else os.path.abspath(value)
        if path is not None and os.fsencode(path) != path.encode(errors="replace"):
            raise UserError(
                f"{flag} is {path}: the path must be UTF-8 (on Unix in a locale of UTF-8), since checkpoints "
                "are written to it."
            )


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


# What other programs call a field: under a name that is nothing like it, or that several fields have.
_OTHER_NAMES = {
    "lr": "optimizer.learning_rate",
    "batch_size": "train.batch windows.batch",
    "epoch": "train.epochs",
    "num_epochs": "train.epochs",
    "max_epochs": "train.epochs",
    "hidden": "network.hidden_size",
    "num_layers": "network.layers",
    "seed": "train.seed",
    "optim": "optimizer.name",
    "wd": "optimizer.weight_decay",
    "seq_len": "train.truncation",
    "bptt": "train.truncation",
}
_OTHER_FLAGS = {
    **dict.fromkeys(
        ("out_dir", "output_dir", "outdir", "save_dir", "log_dir", "logdir"), "workdir"
    ),
    **dict.fromkeys(("ckpt", "restore", "load"), "checkpoint"),
    **dict.fromkeys(("gpu", "cpu", "cuda", "tpu", "accelerator"), "device"),
}
# Of the flags and fields as near as this the nearest is told; a flag is preferred.
_NEAR = 0.75


def _unknown(name: str, plain: Sequence[str]) -> str:
    """Say which flag or which field of the config was meant by a flag that is not there."""
    value = f"={_given(name, plain) or 'VALUE'}"
    plain_name = name.replace("-", "_").lower()
    known = [*FLAGS, "mode", "help", "version"]
    if plain_name in _OTHER_FLAGS:
        return f"--{name} is not a flag: the one for this is --{_OTHER_FLAGS[plain_name]}."
    fields = _fields_like(plain_name)
    if fields and not difflib.get_close_matches(name, known, n=1, cutoff=_NEAR):
        meant = " or ".join(f"--config.{field}{value}" for field in fields)
        return f"--{name} is not a flag: a field of the config is set as {meant}."
    return f"--{name} is not a flag: the nearest one is --{nearest(name, known)}."


def _given(name: str, plain: Sequence[str]) -> str:
    """Find the value of a flag, after its equals sign or as the next word; empty where it has none."""
    for word, following in itertools.zip_longest(plain, plain[1:], fillvalue=""):
        flag, equals, text = word.lstrip("-").partition("=")
        if word.startswith("-") and flag == name:
            return text if equals or following.startswith("--") else following
    return ""


def _fields_like(name: str) -> list[str]:
    """Find the fields, as section.field, that are called `name`, or else the one called most like it."""
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name].split()
    fields = [
        f"{section}.{field}"
        for section, values in sections(default_config())
        for field in field_types(type(values))
    ]
    of_name = [f for f in fields if name in (f, f.replace(".", "_"), f.partition(".")[2])]
    if of_name:
        return of_name
    names = {field.partition(".")[2]: field for field in reversed(fields)}
    near = difflib.get_close_matches(name, names, n=1, cutoff=_NEAR)
    return [names[near[0]]] if near else []
