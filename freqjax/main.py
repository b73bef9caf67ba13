"""The command line: `python -m freqjax.main --config configs/default.py`, or `freqjax --config default`.

Parse, build and validate the config, hand over to the mode. A `UserError` is one sentence on standard
error and exit code 2; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import freqjax
from freqjax import commandline
from freqjax.config import overrides
from freqjax.errors import UserError
from freqjax.modes import MODES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one invocation and return its exit code."""
    # Progress must reach a pipe or a log line by line; a sign that cannot be shown must not end a run.
    sys.stdout.reconfigure(line_buffering=True, errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        words = sys.argv[1:] if arguments is None else arguments
        if "--version" in words:
            print(f"freqjax {freqjax.__version__}")
            return 0
        answer = commandline.answer(words)
        if answer is not None:
            print(answer)
            return 0
        invocation = commandline.parse(words)
        # Not before the arguments are known to be right: with it comes JAX.
        from freqjax.system import devices

        mode = MODES[invocation.mode]
        devices.select(invocation.flags["device"])
        config = overrides.apply(
            mode.base(invocation.flags, invocation.overrides), invocation.overrides
        )
        if not config.run.coordinator:  # processes have to meet before JAX runs
            devices.require(invocation.flags["device"])
        return mode.run(config, invocation.flags)
    except KeyboardInterrupt:
        print("freqjax: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        named = "" if error.filename is None else f"{error.filename}: "
        what = error.strerror or str(error) or type(error).__name__
        print(f"freqjax: {named}{what}.", file=sys.stderr)
        return 2
    except UserError as error:
        # A path or another program's message may break lines; what is printed here does not.
        print("freqjax:", " ".join(str(error).splitlines()), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
