"""Build the native loops with the system's C++ compiler: `python -m freqjax.native.build`."""

from __future__ import annotations

import sys
import time

from freqjax.errors import UserError
from freqjax.native import library
from freqjax.system import output


def main() -> int:
    """Build and load the library, print its path, and return the exit code."""
    output.prepare()
    began = time.perf_counter()
    try:
        path = library.build()
        library.load()
    except UserError as error:
        output.warn(str(error))
        return 2
    output.tell(f"built {path} in {time.perf_counter() - began:.1f} s; train.engine=native uses it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
