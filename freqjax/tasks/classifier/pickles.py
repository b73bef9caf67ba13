"""Arrays out of pickles of which nothing runs: only names of a table are found, and none of them acts."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# Of a pickle: module and name of what it asks for.
Name = tuple[str, str]


class Refused(ValueError):
    """A pickle that asks for a name that is not in the table, or for another use of one that is."""


class Placeholder:
    """An object of a class that is not imported: it keeps what it was made from.

    Attributes:
      arguments: of its construction.
      state: that was to be set on it.
    """

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _array(_kind: str, _shape: tuple[int, ...], _code: bytes | str) -> np.ndarray:
    """Return an empty array, of which the pickle's state makes what it is."""
    return np.empty(0, np.int8)


def _dtype(code: str, *_flags: int) -> np.dtype:
    """Return the type of a code such as f8: one of its own, since the pickle sets its state."""
    return np.dtype(code, copy=True)


def _encoded(text: str, encoding: str) -> bytes:
    """Return the bytes that a pickle of Python 2 has as text.

    Raises:
      Refused: they are of another encoding.
    """
    if encoding != "latin1":
        raise Refused(f"the encoding {encoding!r} must be latin1")
    return text.encode("latin1")


# What arrays need; the class stands as text, which cannot be called.
NUMPY: Mapping[Name, Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encoded,
}


def load(packed: bytes, more: Mapping[Name, Callable[..., Any]] | None = None) -> Any:
    """Load a pickle of arrays, lists, dictionaries, numbers and text.

    Args:
      packed: the pickle; what stands behind its end does not count.
      more: what other names stand for, such as a `Placeholder`.

    Raises:
      Refused: it asks for a name that is in neither table, or is damaged.
    """
    try:
        return _Unpickler(packed, {**NUMPY, **(more or {})}).load()
    except Refused:
        raise
    except Exception as error:  # a damaged pickle raises anything
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise Refused(f"it is damaged ({what})") from None


class _Unpickler(pickle.Unpickler):
    """An unpickler that finds the names of a table, and nothing else.

    Attributes:
      names: the table.
    """

    def __init__(self, packed: bytes, names: Mapping[Name, Any]) -> None:
        super().__init__(io.BytesIO(packed))
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name.

        Raises:
          Refused: nothing does.
        """
        if (module, name) not in self.names:
            raise Refused(f"it asks for {module}.{name}, which is not allowed")
        return self.names[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Refuse what is outside the pickle."""
        raise Refused("it asks for an object outside of it")
