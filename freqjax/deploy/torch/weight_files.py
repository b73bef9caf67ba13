"""State_dicts on disk: files of `torch.save`, and .safetensors, which do not need PyTorch.

A file is known by how it starts, not by its name: .pt, .pth, .ckpt, .bin, .pth.tar are all the same.
Reading never runs code from a file (`freqjax.deploy.torch.saved_objects`). A .safetensors may hold named
text beside its tensors; a .pt written here holds none.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from freqjax.deploy.torch import saved_objects
from freqjax.deploy.torch.found import state_dict_in
from freqjax.errors import UserError
from freqjax.system import files

_TORCH = (".pt", ".pth")
_SAFETENSORS = ".safetensors"
_DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(jnp.bfloat16),
}
_POINTER = b"version https://git-lfs"
_NEWEST_PICKLE = 5


class Content(NamedTuple):
    """Content of a file of weights.

    Attributes:
      arrays: the tensors of the state_dict, by name.
      text: named text beside them.
      nonlinearity: of a simple recurrent network, where the file says it.
      told: what a reader should be told of the file, a line each.
    """

    arrays: dict[str, np.ndarray]
    text: dict[str, str]
    nonlinearity: str | None = None
    told: tuple[str, ...] = ()


def read(path: Path, source: str) -> Content:
    """Read the tensors of a state_dict by name, and what stands beside them.

    A file of `torch.save` may hold the state_dict itself, a whole module, or a dictionary that contains one
    of these at any depth, as training scripts save it beside an optimiser's. Only the tensors of the
    state_dict are read.

    Args:
      path: a file of `torch.save` or a .safetensors, under any name.
      source: the name of the file in error messages.

    Raises:
      UserError: the file is missing, of another kind or damaged, or holds several state_dicts; or PyTorch
        is needed and not installed.
    """
    if path.is_dir():
        raise UserError(f"{source}: it is a folder: it must be a file.")
    if not path.is_file():
        raise UserError(f"{source}: there is no such file.")
    try:
        with path.open("rb") as file:
            start = file.read(len(_POINTER))
    except OSError as error:
        raise UserError(f"{source}: it cannot be read ({error.strerror}).") from None
    if start.startswith(saved_objects.ARCHIVE) or (
        start[:1] == b"\x80" and start[1] <= _NEWEST_PICKLE
    ):
        return _read_torch(path, source)
    if start[8:9] == b"{":
        return _read_safetensors(path, source)
    if start == _POINTER:
        raise UserError(
            f"{source}: it is a pointer of Git LFS: git lfs pull fetches the file that it stands for."
        )
    holds = "is neither what torch.save writes nor a safetensors" if start else "is empty"
    raise UserError(
        f"{source}: it {holds}: it must hold what torch.save(model.state_dict(), …) writes."
    )


def write(path: Path, arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> None:
    """Write a new .pt, .pth (both without `text`) or .safetensors; the bytes are reproducible.

    Raises:
      UserError: another suffix, the file exists already or cannot be written; or PyTorch is needed and
        not installed.
    """
    require_suffix(path, f"{path}")
    torch = saved_objects.require_torch(f"{path}") if path.suffix.lower() in _TORCH else None
    try:
        with files.creating(path) as file:
            if torch is None:
                file.write(to_safetensors(arrays, text))
            else:
                content = io.BytesIO()  # PyTorch has errors of its own if a disk is full
                torch.save({k: torch.from_numpy(np.array(a)) for k, a in arrays.items()}, content)
                file.write(content.getbuffer())
    except FileExistsError:
        raise UserError(f"{path} exists already, and is left as it is.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be written ({files.reason(error)}).") from None


def to_safetensors(arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> bytes:
    """Return the bytes of a .safetensors; `text` has at most one entry, since their order is random."""
    if len(text) > 1:
        raise ValueError(f"text must have one entry, not {sorted(text)}")
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return safetensors.numpy.save(contiguous, dict(text) or None)


def require_suffix(path: Path, source: str) -> None:
    """Raise UserError if `path`, of a file to be written, ends neither in .pt, .pth nor .safetensors."""
    if path.suffix.lower() not in (*_TORCH, _SAFETENSORS):
        raise UserError(f"{source}: it must end in {', '.join(_TORCH)} or {_SAFETENSORS}.")


def _read_safetensors(path: Path, source: str) -> Content:
    """Read without copying: the arrays are parts of the file, so that shapes can be checked first."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise UserError(
                f"{source}: its header claims {length:,} bytes: it must hold them, and holds {size - 8:,}."
            )
        try:
            # Checks the header, and that the tensors fill the file to its end.
            with safetensors.safe_open(path, framework="np") as checked:
                text = checked.metadata() or {}
            header = json.loads(file.read(length))
        except (safetensors.SafetensorError, OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
            raise UserError(f"{source}: it cannot be read as safetensors ({reason}).") from None
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if entry["dtype"] not in _DTYPES:
            raise UserError(
                f"{source}: {name} holds {entry['dtype']}: it must be one of {', '.join(_DTYPES)}."
            )
    first = 8 + length
    data = np.memmap(path, np.uint8, "r", first) if size > first else np.empty(0, np.uint8)
    arrays = {
        name: np.asarray(data[slice(*entry["data_offsets"])])
        .view(_DTYPES[entry["dtype"]])
        .reshape(entry["shape"])
        for name, entry in header.items()
    }
    told = () if path.suffix.lower() not in _TORCH else (_misnamed(path, source, "a safetensors"),)
    return Content(arrays, text, told=told)


def _read_torch(path: Path, source: str) -> Content:
    content = saved_objects.read(path, source)
    torch = saved_objects.require_torch(source)
    found = state_dict_in(content, torch, source)
    arrays = {name: _to_numpy(t, f"{source}: {name}") for name, t in found.tensors.items()}
    named = path.suffix.lower() == _SAFETENSORS
    told = (_misnamed(path, source, "what torch.save writes"),) if named else ()
    return Content(arrays, {}, found.nonlinearity, told)


def _misnamed(path: Path, source: str, holds: str) -> str:
    return f"{source}: it ends in {path.suffix}, but holds {holds}, and is read as that."


def _to_numpy(tensor: Any, source: str) -> np.ndarray:
    try:
        # A view that repeats a few numbers can claim any size.
        plain = tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
        # NumPy has no bfloat16; float32 holds it exactly.
        exact = tensor.float() if str(tensor.dtype) == "torch.bfloat16" and plain else tensor
        array = exact.detach().numpy()
    except (TypeError, RuntimeError):
        plain = False
    if not plain:
        raise UserError(f"{source} is not a plain dense tensor of numbers.")
    return array
