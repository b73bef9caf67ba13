"""Reference for the online loop: plain C++ without JAX.

    python -m benchmarks.cpp_online

This is the loop of `freqjax/native/online.cc`, called through ctypes on arrays of NumPy: one Adam step with
clipping a row, float32, one thread.
"""

from __future__ import annotations

import ctypes
import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from freqjax.native import library

# As in the main job: a mixture and four selectors in, one component out.
_INPUTS, _OUTPUTS = 5, 1
# Adam without weight decay, in the table of online.cc; the defaults of the config.
_ADAM = 0
_RATE, _CLIP_NORM, _BETA1, _BETA2, _EPSILON = 1e-3, 1.0, 0.9, 0.999, 1e-8


def time_cpp(hidden: int, rows: int) -> float | None:
    """Time `rows` updates at H = `hidden`, s; None without a C++ compiler.

    The library is built if needed. Each call continues with the weights of the last one.

    Raises:
      UserError: the library cannot be built or loaded.
    """
    if not library.is_built():
        if library.compiler_command() is None:
            return None
        library.build()
    loop = _make_loop(hidden, rows)
    began = time.perf_counter()
    loop()
    return time.perf_counter() - began


@functools.cache
def _make_loop(hidden: int, rows: int) -> Callable[[], Any]:
    """Make the loop on a sine with random inputs, and warm it up."""
    rng = np.random.default_rng(0)
    bound = hidden**-0.5
    gates = np.zeros((3, hidden + _INPUTS + 2, 4 * hidden), np.float32)
    rest = np.zeros((3, (hidden + 1) * _OUTPUTS), np.float32)
    for weights in (gates[0], rest[0]):
        weights[:] = rng.uniform(-bound, bound, weights.shape)
    counts = np.arange(1, rows + 1)
    root = np.sqrt(1 - _BETA2**counts)
    factors = np.stack([_RATE * root / (1 - _BETA1**counts), _EPSILON * root, _RATE + 0 * root], 1)
    constants = (_CLIP_NORM, 0, _BETA1, 1 - _BETA1, _BETA2, 1 - _BETA2, _EPSILON)
    given = (
        np.array([rows, _INPUTS, hidden, _OUTPUTS], np.int64),
        np.array(constants, np.float32),
        rng.normal(size=(rows, _INPUTS)).astype(np.float32),
        np.sin(counts / 50)[:, None].astype(np.float32),
        np.zeros(rows, np.bool_),
        factors.astype(np.float32),
        gates,
        rest,
        np.zeros(hidden, np.float32),
        np.zeros(hidden, np.float32),
        np.zeros(rows, np.float32),
        np.zeros((rows, 5), np.float32),
    )
    arrays = [np.ascontiguousarray(array) for array in given]
    function = library.load().freqjax_online_plain
    function.restype = None

    def loop() -> None:
        # This function refers to `arrays`, so that their addresses stay valid.
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        function(ctypes.c_int64(_ADAM), *pointers)

    loop()
    if not np.isfinite(arrays[-2]).all():
        raise RuntimeError("the plain loop gave losses that are not finite")
    return loop


def main() -> None:
    """Print the median of nine calls at each hidden size."""
    for hidden, rows in ((64, 10_000), (128, 4_000), (256, 1_000)):
        timed = [time_cpp(hidden, rows) for _ in range(9)]
        seconds = [one for one in timed if one is not None]
        if not seconds:
            print("no C++ compiler is installed")
            return
        print(f"hidden {hidden}: {statistics.median(seconds) / rows * 1e6:.2f} µs an update")


if __name__ == "__main__":
    main()
