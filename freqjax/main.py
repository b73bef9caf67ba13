"""The command line: `python -m freqjax.main --config configs/default.py`, or `freqjax --config default`.

Parse, build and validate the config, hand over to the mode. A `UserError` is one sentence on standard
error and exit code 2, and so is a file that the system refuses; anything else is a bug and keeps its
traceback.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Sequence

import freqjax
from freqjax import commandline, progress
from freqjax.config import overrides
from freqjax.errors import UserError
from freqjax.modes import MODES, Mode
from freqjax.run import interrupts
from freqjax.system import files, memory, output


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one invocation and return its exit code."""
    output.prepare()
    try:
        with memory.collecting_rarely(), interrupts.raising(), progress.shown():
            return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt as error:
        output.warn("interrupted")
        return 128 + getattr(error, "signum", signal.SIGINT)
    except UserError as error:
        output.warn(str(error))
    except OSError as error:
        named = "" if error.filename is None else f"{error.filename}: "
        output.warn(f"{named}{files.reason(error)}.")
    except Exception as error:
        if not _lacks_memory(error):
            raise
        output.warn("there is not enough memory for this: smaller sizes in the config need less.")
    return 2


def _run(words: Sequence[str]) -> int:
    if "--version" in words:
        return output.answer(f"freqjax {freqjax.__version__}")
    answer = commandline.answer(words)
    if answer is not None:
        return output.answer(answer)
    invocation = commandline.parse(words)
    mode = MODES[invocation.mode]
    with contextlib.nullcontext() if mode.waits else progress.phase("working"):
        if not _draws(mode, invocation):
            return _do(mode, invocation)
        from freqjax.figures import processes  # and with it NumPy

        with processes.drawing():  # which load Matplotlib while this process loads JAX
            return _do(mode, invocation)


def _draws(mode: Mode, invocation: commandline.Invocation) -> bool:
    """Return whether processes draw; of the processes that share a run only one has figures."""
    shares = any(field == "run.coordinator" for field, _ in invocation.overrides)
    return mode.draws and invocation.flags.get("figures", True) and not shares


def _do(mode: Mode, invocation: commandline.Invocation) -> int:
    """Do what a mode does, on the device that is asked for."""
    # Not before the arguments are known to be right: with it comes JAX.
    from freqjax.system import devices

    devices.select(invocation.flags["device"])
    config = overrides.apply(
        mode.base(invocation.flags, invocation.overrides), invocation.overrides
    )
    if not config.run.coordinator:  # processes have to meet before JAX runs
        devices.require()
    return mode.run(config, invocation.flags)


def _lacks_memory(error: Exception) -> bool:
    """Tell whether Python, NumPy or XLA could not have the memory that they asked for."""
    of_xla = type(error).__name__ in ("JaxRuntimeError", "XlaRuntimeError")
    return isinstance(error, MemoryError) or (of_xla and "RESOURCE_EXHAUSTED" in str(error))


if __name__ == "__main__":
    sys.exit(main())
