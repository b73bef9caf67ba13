"""CSV of the lines: a row a stretch, component and channel."""

from __future__ import annotations

import math
from typing import IO

from freqjax.deploy.extraction.tracks import Row

COLUMNS = (
    "channel", "selected_hz", "from_{unit}", "to_{unit}", "stands", "strength", "strength_low",
    "strength_high", "frequency_hz", "frequency_low_hz", "frequency_high_hz", "off_hz",
    "drift_hz_per_{unit}", "drift_low_hz_per_{unit}", "drift_high_hz_per_{unit}", "output_strength",
    "output_frequency_hz",
)  # fmt: skip


class LinesTable:
    """CSV file that is being written; cells that are not known are empty."""

    def __init__(self, file: IO[bytes], unit: str) -> None:
        """Write the header; `unit` is that of time."""
        self._file = file
        self._write([column.format(unit=unit) for column in COLUMNS])

    def add(self, channel: int, selected_hz: float, row: Row) -> None:
        """Write the row of a stretch of `channel`, counted from 1."""
        line, output = row.recording, row.output
        nan = math.nan
        strength, error = (0.0, 0.0) if line is None else (line.strength, line.strength_error)
        hz, hz_error = (line.hz, line.hz_error) if line is not None and row.stands else (nan, nan)
        cells = [f"{channel}", f"{selected_hz:.9g}", f"{row.begin:.9g}", f"{row.end:.9g}"]
        cells.append(f"{int(row.stands)}")
        cells += [_number(v) for v in (strength, max(0.0, strength - error), strength + error)]
        cells += [_number(v) for v in (hz, hz - hz_error, hz + hz_error, hz - selected_hz)]
        low, high = row.drift - row.drift_error, row.drift + row.drift_error
        cells += [_number(v) for v in (row.drift, low, high)]
        cells += [
            _number(v) for v in ((0.0, nan) if output is None else (output.strength, output.hz))
        ]
        self._write(cells)

    def _write(self, cells: list[str]) -> None:
        self._file.write((",".join(cells) + "\n").encode())


def _number(value: float) -> str:
    return f"{value:.9g}" if math.isfinite(value) else ""
