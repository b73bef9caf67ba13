"""Files that a mode writes anew."""

from __future__ import annotations

from pathlib import Path

from freqjax.errors import UserError
from freqjax.text import printable


def new_file(given: str | None, suffix: str) -> Path:
    """Return the file that --output names, which must not be there.

    Args:
      given: the flag; None if it was not given.
      suffix: how the name must end, as in ".npz".

    Raises:
      UserError: it is not given, ends otherwise, is there already, or is in a folder that is not there.
    """
    if given is None:
        raise UserError(f"--output is missing: it must name the {suffix} to write.")
    path, shown = Path(given), printable(given)
    if path.suffix.lower() != suffix:
        raise UserError(f"--output is {shown}: it must end in {suffix}.")
    if path.exists():
        raise UserError(f"--output is {shown}: it exists already, and is left as it is.")
    if not path.parent.is_dir():
        raise UserError(f"--output is {shown}: there is no folder {printable(str(path.parent))}.")
    return path
