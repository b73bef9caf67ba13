"""Configs and checkpoints that ship with freqjax, found by name from any folder.

In a clone they are in `configs/` and `checkpoints/` beside the package, in an installed wheel inside it.
"""

from __future__ import annotations

from pathlib import Path

from freqjax.config.fields import nearest
from freqjax.errors import UserError

_PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """Return the folder that holds `configs` and `checkpoints`."""
    inside = _PACKAGE / "shipped"
    return inside if inside.is_dir() else _PACKAGE.parent


def config_names() -> list[str]:
    """Return the names of the configs that ship."""
    return sorted(path.stem for path in (folder() / "configs").glob("*.py"))


def recipe_names() -> list[str]:
    """Return the names of the configs that ship and can be carried over to other lines."""
    texts = {name: config(name).read_text(encoding="utf-8") for name in config_names()}
    return [name for name, text in texts.items() if "LinesConfig(" in text]


def checkpoint_names() -> list[str]:
    """Return the names of the checkpoints that ship."""
    return sorted(path.parent.name for path in (folder() / "checkpoints").glob("*/config.json"))


def config(path: str | Path, what: str = "--config") -> Path:
    """Return a config's file: the path if it exists, else the config that ships under that name.

    `quick`, `quick.py` and `configs/quick.py` name the same config.

    Args:
      path: the file or name.
      what: the flag that names it, for the error message.

    Raises:
      UserError: there is neither.
    """
    if Path(path).is_file():
        return Path(path)
    name = Path(path).as_posix().removeprefix("configs/").removesuffix(".py")
    if name in config_names():
        return folder() / "configs" / f"{name}.py"
    raise UserError(
        f"{what} is {path}: there is no such file{_hint('config', name, config_names())}."
    )


def checkpoint(path: str | Path, what: str = "--checkpoint") -> Path:
    """Return a checkpoint's folder: the path if it exists, else the checkpoint that ships under that name.

    `clock64` and `checkpoints/clock64` name the same one; the folder of a step may follow.

    Args:
      path: the folder or name.
      what: the flag or field that names it, for the error message.

    Raises:
      UserError: there is neither.
    """
    if Path(path).exists():
        return Path(path)
    name = Path(path).as_posix().removeprefix("checkpoints/")
    if name.split("/")[0] in checkpoint_names() and (folder() / "checkpoints" / name).exists():
        return folder() / "checkpoints" / name
    known = checkpoint_names()
    raise UserError(f"{what} is {path}: there is no such folder{_hint('checkpoint', name, known)}.")


def is_shipped(path: str | Path) -> bool:
    """Return whether a checkpoint's folder is one that ships."""
    return (folder() / "checkpoints").resolve() in Path(path).resolve().parents


def _hint(kind: str, name: str, known: list[str]) -> str:
    """Return a hint with the nearest name that ships; empty for a path of several folders."""
    if "/" in name or not known:
        return ""
    return f", and of the {kind}s that ship the nearest is {nearest(name, known)}"
