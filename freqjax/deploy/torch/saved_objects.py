"""Reader of files of `torch.save` that runs no code from the file.

PyTorch reads tensors and plain values (`weights_only`). Objects of every other class, such as NumPy's
numbers, paths, hyper-parameters or whole modules, are taken as stand-ins that hold what was saved of them
and can do nothing: their classes are neither imported nor called.
"""

from __future__ import annotations

import _compat_pickle
import mmap
import pickletools
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from freqjax.errors import UserError

# PyTorch takes nothing from these, whatever it is allowed.
_NEVER = ("os", "posix", "nt", "sys")
# The calls that PyTorch allows by itself and that take as much memory as their argument says.
_GREEDY = ("builtins.bytearray",)
# How an archive starts, by which PyTorch knows it as well.
ARCHIVE = b"PK\x03\x04"
# The form before PyTorch 1.6 is four pickles: this number, another, the system's sizes, the object itself.
_OLD_NUMBER = bytes.fromhex("6cfc9c46f9206aa85019")
_OLD_PICKLES = 4
# At least the bytes of the first of them.
_FIRST_PICKLE = 40


class Saved:
    """An object of a class that is not loaded.

    Attributes:
      state: what was saved of it, by attribute.
    """

    state: dict[str, Any]

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """Take what the class was called with, and leave it."""
        made = super().__new__(cls)
        made.state = {}
        return made

    def __setstate__(self, state: Any) -> None:
        """Keep the attributes; a class with slots saves them in a second dictionary."""
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, Mapping):
                self.state.update(part)


def read(path: Path, source: str) -> Any:
    """Read the object in a file of `torch.save`: tensors, plain values and `Saved` objects.

    Args:
      path: a zip archive, or a pickle of PyTorch before 1.6.
      source: the name of the file in error messages.

    Raises:
      UserError: PyTorch is not installed or too old; the file is damaged or of another kind; it claims
        more than it holds; or it calls the system.
    """
    torch = require_torch(source)
    classes = _stand_ins(_names(path, source), source)
    while True:
        try:
            with torch.serialization.safe_globals(list(classes)), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about versions of pickle
                # Not by its path, whose suffix PyTorch goes by.
                with path.open("rb") as file:
                    return torch.load(file, map_location="cpu", weights_only=True)
        except MemoryError:
            raise UserError(f"{source}: there is not enough memory to read it.") from None
        except Exception as error:  # of zipfile, pickle or PyTorch, depending on the damage
            filled = _filled(classes, str(error))
            if filled is None:
                raise UserError(
                    f"{source}: it cannot be read with weights_only ({type(error).__name__}): it must "
                    "hold what torch.save(model.state_dict(), …) writes."
                ) from None
            classes = filled


def require_torch(source: str) -> Any:
    """Import PyTorch.

    Raises:
      UserError: it is not installed, or it cannot be told what to allow.
    """
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{source}: a file of torch.save needs PyTorch, which is not installed here; .safetensors "
            "does not."
        ) from None
    if not hasattr(torch.serialization, "safe_globals"):
        raise UserError(f"{source}: PyTorch is {torch.__version__}: it must be 2.5 or later.")
    return torch


def _names(path: Path, source: str) -> set[tuple[str, str]]:
    """Return module and name of everything that the pickle in a file refers to."""
    try:
        with path.open("rb") as file:
            if file.read(len(ARCHIVE)) == ARCHIVE:
                return _names_in(_pickle_of_archive(path, source))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if _OLD_NUMBER not in content[:_FIRST_PICKLE]:
                    raise UserError(f"{source}: it is a pickle: it must be written by torch.save.")
                return {name for _ in range(_OLD_PICKLES) for name in _names_in(content)}
    except UserError:
        raise
    except Exception as error:  # of zipfile or pickletools, depending on the damage
        raise UserError(
            f"{source}: it cannot be read ({str(error).rstrip('.')}): it must be whole, and hold what "
            "torch.save(model.state_dict(), …) writes."
        ) from None


def _names_in(content: Any) -> set[tuple[str, str]]:
    found = set()
    for code, argument, _ in pickletools.genops(content):
        if code.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            # As pickle, and PyTorch, translate the names of Python 2, which they write to this day.
            module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
            found.add((_compat_pickle.IMPORT_MAPPING.get(module, module), name))
    return found


def _pickle_of_archive(path: Path, source: str) -> bytes:
    """Return the pickle of a zip archive whose members hold together no more than the file."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.filename.endswith("/constants.pkl") for member in members):
            raise UserError(
                f"{source}: it is a TorchScript archive, a program: save its weights alone, with "
                "torch.save(torch.jit.load(FILE).state_dict(), …)."
            )
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED:
                raise UserError(
                    f"{source}: its member {member.filename} is compressed: it must be stored as it is, "
                    "as torch.save does."
                )
        claimed, held = sum(member.file_size for member in members), path.stat().st_size
        if claimed > held:
            raise UserError(
                f"{source}: its members claim {claimed:,} bytes: it must hold them, and holds {held:,}."
            )
        pickles = [m.filename for m in members if m.filename.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise UserError(
                f"{source}: it is a zip archive without one data.pkl: it must be written by torch.save."
            )
        return archive.read(pickles[0])


def _stand_ins(names: set[tuple[str, str]], source: str) -> list[type]:
    """Return a class for each name; PyTorch prefers its own for those that it allows by itself."""
    refused = sorted(
        f"{module}.{name}"
        for module, name in names
        if module in _NEVER or f"{module}.{name}" in _GREEDY
    )
    if refused:
        raise UserError(
            f"{source}: it calls {', '.join(refused)}, which no weights need: it must hold what "
            "torch.save(model.state_dict(), …) writes."
        )
    return [_named(Saved, module, name) for module, name in sorted(names)]


def _filled(classes: list[type], error: str) -> list[type] | None:
    """Return `classes` where the one that an error names makes a dictionary or a list, or None.

    Subclasses of dict and list are told from others only by what is put into them.
    """
    make = _Items if "SETITEM" in error else _Values
    for number, cls in enumerate(classes):
        if issubclass(cls, Saved) and str(cls) in error and "Can only" in error:
            renamed = _named(make, cls.__module__, cls.__qualname__)
            return [*classes[:number], renamed, *classes[number + 1 :]]
    return None


class _Items:
    """A subclass of dict, without its behaviour."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


class _Values:
    """A subclass of list, without its behaviour."""

    def __new__(cls, *_: Any) -> Any:
        return []


def _named(base: type, module: str, name: str) -> type:
    """Return a subclass of `base` under the name that PyTorch looks it up by."""
    return type(name, (base,), {"__module__": module, "__qualname__": name})


def children(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a value holds directly, by name: of a dictionary, a list, a tuple or a `Saved` object."""
    if isinstance(value, Saved):
        value = value.state
    if isinstance(value, Mapping):
        yield from ((key, inside) for key, inside in value.items() if isinstance(key, str))
    elif isinstance(value, (list, tuple)):
        yield from ((str(number), inside) for number, inside in enumerate(value))
