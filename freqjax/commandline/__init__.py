"""Command line: a mode with its flags and the overrides of its config, or a request for help or completion.

`answer` handles help and completion; `parse` reads everything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from freqjax.commandline import completion, help
from freqjax.commandline.parsing import Invocation, parse, split_overrides

_HELP = ("--help", "-h", "--helpfull", "--helpshort")


def answer(arguments: Sequence[str]) -> str | None:
    """Return the text of help or completion to print; None if the arguments ask for a mode.

    Raises:
      UserError: help on a mode or a config that does not exist, or completion for an unknown shell.
    """
    if arguments and arguments[0] == "completion":
        asks = len(arguments) == 2 and arguments[1] in _HELP
        return completion.USAGE if asks else completion.answer(arguments[1:])
    plain, overrides = split_overrides(arguments)
    return help.text(plain, overrides) if any(word in _HELP for word in plain) else None


__all__ = ["Invocation", "answer", "parse"]
