"""Files of an extraction: all of them appear when all are whole, or none is left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Inexact, Int

from freqjax.deploy.extraction.numbers import columns_of
from freqjax.deploy.extraction.plan import Plan
from freqjax.deploy.extraction.table import LinesTable
from freqjax.errors import UserError
from freqjax.recordings import Writer
from freqjax.run.workdir import IDLE
from freqjax.system import files, leftovers

Opened = TypeVar("Opened")


class Files(NamedTuple):
    """Files that are being written.

    Attributes:
      outputs: of the components, G by path.
      residual: of what remains, one or none.
      table: of the lines.
      order: places of the channels among the columns of the signals, in the order of the recording.
    """

    outputs: dict[Path, Writer]
    residual: dict[Path, Writer]
    table: LinesTable
    order: Int[np.ndarray, " channels"]

    def write(
        self, recording: Inexact[np.ndarray, "n C"], components: Inexact[np.ndarray, "n C G"]
    ) -> None:
        """Append samples at the recording's rate, complex of I/Q."""
        for group, (path, writer) in enumerate(self.outputs.items()):
            self._append(path, writer, components[:, :, group])
        for path, writer in self.residual.items():
            self._append(path, writer, recording - components.sum(axis=2))

    @property
    def clipped(self) -> dict[Path, int]:
        """Return the number of samples that were clipped, by file."""
        return {path: writer.clipped for path, writer in (self.outputs | self.residual).items()}

    def _append(self, path: Path, writer: Writer, samples: Inexact[np.ndarray, "n C"]) -> None:
        channels = columns_of(samples).reshape(len(samples), len(self.order))[:, self.order]
        with files.naming(path):
            writer.write(channels[:, 0] if channels.shape[1] == 1 else channels)


@contextlib.contextmanager
def writing(planned: Plan) -> Iterator[Files]:
    """Open the files; where something fails or is interrupted, none of them is left.

    What a killed extraction has left half-written under these names is removed, once nothing can still write
    it.

    Raises:
      UserError: one cannot be written.
    """
    for path in planned.written:
        leftovers.remove_temporaries(path.parent, [path.name], idle=IDLE)
    whole: list[Path] = []
    try:
        with contextlib.ExitStack() as stack:

            def opened(path: Path) -> Writer:
                writer = planned.recording.writer(path, planned.written_channels)
                return stack.enter_context(_noted(path, writer, whole))

            outputs = {path: opened(path) for path in planned.outputs}
            residual = (
                {} if planned.residual is None else {planned.residual: opened(planned.residual)}
            )
            table = files.creating(planned.lines)
            file = stack.enter_context(_noted(planned.lines, table, whole))
            order = np.argsort(planned.channels)
            yield Files(outputs, residual, LinesTable(file, planned.task.time.name), order)
    except BaseException as error:
        for path in whole:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in map(str, planned.written):
            raise UserError(
                f"{error.filename} cannot be written ({files.reason(error)})."
            ) from None
        raise


@contextlib.contextmanager
def _noted(
    path: Path, context: AbstractContextManager[Opened], whole: list[Path]
) -> Iterator[Opened]:
    """Add `path` to `whole` once its file has appeared."""
    with context as found:
        yield found
    whole.append(path)
