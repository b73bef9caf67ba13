"""Shared library of the native loops: path, build, and registration with XLA.

It is stored in the cache (`freqjax.system.cache`) under the hash of its sources, its flags, the version of
JAX and the processor, so that a library built for others is never loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.metadata
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import jax

from freqjax.errors import UserError
from freqjax.system import cache, devices, files, processors

COMMAND = "python -m freqjax.native.build"
# Names of the loops in the library and in XLA.
ONLINE, FILTER, SENSITIVITIES = "freqjax_online", "freqjax_filter", "freqjax_sensitivities"
LSTM_FORWARD, LSTM_BACKWARD = "freqjax_lstm_forward", "freqjax_lstm_backward"
LSTM_TANGENT = "freqjax_lstm_tangent"
_LOOPS = (ONLINE, FILTER, SENSITIVITIES, LSTM_FORWARD, LSTM_BACKWARD, LSTM_TANGENT)

_FOLDER = Path(__file__).parent
# Compilers for ARM take the name of a processor, those for x86 that of an architecture.
_PROCESSOR = "-mcpu=native" if platform.machine() in ("arm64", "aarch64") else "-march=native"
# Square roots must neither set errno nor trap, which would prevent vectorization. -ffast-math is not used,
# since it would hide NaN.
_FLAGS = (
    "-std=c++20",
    "-O3",
    _PROCESSOR,
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp-simd",
    "-fPIC",
    "-pthread",
    "-shared",
)
_COMPILERS = ("g++", "clang++", "c++")


def path() -> Path:
    """Return the path of the library for this source, JAX and processor; it need not exist.

    Raises:
      UserError: there is neither FREQJAX_CACHE nor a home directory.
    """
    versions = (jax.__version__, importlib.metadata.version("jaxlib"))
    texts = (source.read_text(encoding="utf-8") for source in _sources(".cc", ".h"))
    key = (*texts, *_FLAGS, *versions, processors.describe())
    name = hashlib.sha256("\n".join(key).encode()).hexdigest()[:32]
    try:
        return cache.folder() / f"native-{name}.so"
    except RuntimeError:
        raise UserError(
            "FREQJAX_CACHE is not set: it must name a folder for the native loop if there is no home."
        ) from None


def _sources(*endings: str) -> list[Path]:
    return sorted(path for path in _FOLDER.iterdir() if path.suffix in endings)


def is_built() -> bool:
    """Return whether the library exists."""
    return path().is_file()


def why_not() -> str | None:
    """Return the reason that no loop can run in this process, as a sentence, or None."""
    if not devices.on_cpu():
        return f"The device is a {devices.default().platform}: the native loop runs on the CPU."
    if not is_built():
        return f"The native loop is not built: {COMMAND} builds it."
    return None


def build() -> Path:
    """Compile the library with $CXX, else with the first of g++, clang++ and c++ that is installed.

    Raises:
      UserError: there is no compiler, it fails, or the folder cannot be written.
    """
    goal = path()
    try:
        cache.make_folder(goal.parent)
        _require_trust(goal.parent)
    except OSError as error:
        raise _unwritable(goal, error) from None
    compile_sources(_sources(".cc"), goal)
    return goal


def compile_sources(sources: Sequence[Path], goal: Path) -> None:
    """Compile C++ sources to the shared library `goal`, which is replaced atomically.

    Raises:
      UserError: there is no compiler, it fails, or the file cannot be written.
    """
    compiler = compiler_command()
    if compiler is None:
        raise UserError(
            f"no C++ compiler is installed: the native loop needs one of {', '.join(_COMPILERS)}, or $CXX."
        )
    # Replaced atomically: a process that has loaded the old file keeps it, others find the old or the new.
    partial = goal.with_name(files.temporary_name(goal.name))
    includes = ("-isystem", jax.ffi.include_dir())
    try:
        done = subprocess.run(
            [*compiler, *_FLAGS, *includes, *map(str, sources), "-o", str(partial)],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            first = (errors or done.stderr.splitlines() or [f"exit code {done.returncode}"])[0]
            raise UserError(f"{compiler[0]} cannot build the native loop: {first.strip()}")
        files.replace(partial, goal)
    except OSError as error:
        raise _unwritable(goal, error) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _unwritable(goal: Path, error: OSError) -> UserError:
    return UserError(f"the native loop cannot be built in {goal.parent}: {files.reason(error)}.")


def _require_trust(place: Path) -> None:
    """Require that nobody but the user can have written what is run from the cache.

    Raises:
      UserError: somebody could.
    """
    found = cache.fault(place)
    if found is not None:
        raise UserError(
            f"{found}: the native loop is not run from there; set FREQJAX_CACHE to a folder of your own."
        )


@functools.cache
def load() -> ctypes.CDLL:
    """Load the library and register its loops with XLA.

    Raises:
      UserError: it is not built, others could have changed it, or it cannot be loaded.
    """
    place = path()
    if not place.is_file():
        raise UserError(f"the native loop is not built: {COMMAND} builds it.")
    _require_trust(place)
    try:
        library = ctypes.CDLL(str(place))
        for name in _LOOPS:
            capsule = jax.ffi.pycapsule(getattr(library, name))
            jax.ffi.register_ffi_target(name, capsule, platform="cpu")
    # No library, one without the loop, or one for another version of XLA's interface.
    except (OSError, AttributeError, jax.errors.JaxRuntimeError) as error:
        said = str(error).partition("\n")[0].rstrip(".")
        raise UserError(f"{place} cannot be loaded ({said}): {COMMAND} rebuilds it.") from None
    return library


def threads() -> int:
    """Return the number of threads that a loop may use: the cores, divided among JAX's devices."""
    return max(1, processors.usable_cores() // jax.local_device_count())


def compiler_command() -> list[str] | None:
    """Return the compiler and its arguments from $CXX; None if no compiler is installed.

    Raises:
      UserError: $CXX does not name a compiler.
    """
    named = os.environ.get("CXX")
    if named:
        # A path may hold spaces, and on Windows backslashes.
        try:
            words = [named] if shutil.which(named) else shlex.split(named, posix=os.name != "nt")
        except ValueError:  # a quotation that does not end
            words = []
        if not words or shutil.which(words[0]) is None:
            raise UserError(f"CXX is {named!r}: it must name a C++ compiler.")
        return words
    found = next((name for name in _COMPILERS if shutil.which(name)), None)
    return None if found is None else [found]
