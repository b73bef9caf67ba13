"""State_dicts on disk: .pt and .pth as PyTorch writes them, and .safetensors, which does not need PyTorch.

Reading never runs code from a file: a .pt is read with `weights_only`. A .safetensors may hold named text
beside its tensors; a .pt written here holds none.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from freqjax.errors import UserError
from freqjax.system import files

_TORCH = (".pt", ".pth")
_SUFFIXES = (*_TORCH, ".safetensors")
_DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(jnp.bfloat16),
}


def read(path: Path, source: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the tensors of a state_dict by name, and the text beside them.

    A .pt or .pth may hold the state_dict itself, or a dictionary that contains one at any depth, as
    training scripts save it beside an optimiser's. Only the tensors of the state_dict are read.

    Args:
      path: a .pt, .pth or .safetensors.
      source: the name of the file in error messages.

    Raises:
      UserError: the file is missing, of another kind or damaged, holds anything but tensors and plain
        values, or several state_dicts; or PyTorch is needed and not installed.
    """
    require_suffix(path, source)
    if not path.is_file():
        raise UserError(f"{source}: there is no such file.")
    if path.suffix in _TORCH:
        return _read_torch(path, source), {}
    return _read_safetensors(path, source)


def write(path: Path, arrays: Mapping[str, np.ndarray], text: Mapping[str, str]) -> None:
    """Write a new .pt, .pth (both without `text`) or .safetensors; the bytes are reproducible.

    Raises:
      UserError: another suffix, the file exists already or cannot be written; or PyTorch is needed and
        not installed.
    """
    require_suffix(path, f"{path}")
    save = _torch(f"{path}").save if path.suffix in _TORCH else None
    try:
        with files.creating(path) as file:
            if save is None:
                file.write(to_safetensors(arrays, text))
            else:
                content = io.BytesIO()  # PyTorch has errors of its own where a disk is full
                save(_tensors(arrays), content)
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
    """Raise UserError if `path` is neither .pt, .pth nor .safetensors."""
    if path.suffix not in _SUFFIXES:
        raise UserError(f"{source}: it must end in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}.")


def _read_safetensors(path: Path, source: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        tensors = dict(safetensors.deserialize(path.read_bytes()))
        with safetensors.safe_open(path, framework="np") as file:
            text = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise UserError(f"{source}: it cannot be read as safetensors ({reason}).") from None
    for name, tensor in tensors.items():
        if tensor["dtype"] not in _DTYPES:
            raise UserError(
                f"{source}: {name} holds {tensor['dtype']}: it must be one of {', '.join(_DTYPES)}."
            )
    arrays = {
        name: np.frombuffer(tensor["data"], _DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
        for name, tensor in tensors.items()
    }
    return arrays, text


def _torch(source: str) -> Any:
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{source}: .pt and .pth need PyTorch, which is not installed here; .safetensors does not."
        ) from None
    return torch


def _tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    torch = _torch("")
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _read_torch(path: Path, source: str) -> dict[str, np.ndarray]:
    torch = _torch(source)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of zipfile, pickle or PyTorch, depending on the damage
        raise UserError(
            f"{source}: it cannot be read with weights_only ({type(error).__name__}): it must hold what "
            "torch.save(model.state_dict(), …) writes."
        ) from None
    found = list(_state_dicts(content, torch))
    if len(found) > 1:
        names = ", ".join(name or "the top level" for name, _ in found)
        raise UserError(
            f"{source}: it holds {len(found)} state_dicts, under {names}: save one alone."
        )
    tensors = found[0][1] if found else content if isinstance(content, Mapping) else {}
    return {
        str(name): _to_numpy(tensor, f"{source}: {name}")
        for name, tensor in tensors.items()
        if isinstance(tensor, torch.Tensor)
    }


def _state_dicts(content: Any, torch: Any, name: str = "") -> Iterator[tuple[str, Mapping]]:
    """Yield every dictionary, at any depth, that directly holds the first weights of a recurrent module."""
    if not isinstance(content, Mapping):
        return
    if any(
        isinstance(value, torch.Tensor) and re.search(r"weight_(ih|hh)_l0$", str(key))
        for key, value in content.items()
    ):
        yield name, content
    for key, value in content.items():
        yield from _state_dicts(value, torch, f"{name}.{key}".lstrip("."))


def _to_numpy(tensor: Any, source: str) -> np.ndarray:
    try:
        # NumPy has no bfloat16; float32 holds it exactly.
        exact = tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor
        return exact.detach().numpy()
    except (TypeError, RuntimeError):
        raise UserError(f"{source} is not a plain dense tensor of numbers.") from None
