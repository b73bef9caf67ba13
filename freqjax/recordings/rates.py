"""The rate of a recording, where its times tell one, a number states one, or both."""

from __future__ import annotations

from freqjax.errors import UserError
from freqjax.recordings.names import Stated
from freqjax.recordings.times import Measured

# The share by which a stated rate and the times may differ beyond what the times permit: clocks drift.
_DRIFT = 1e-3


def agreed(
    measured: Measured | None, stated: Stated | None, source: str
) -> tuple[float | None, float]:
    """Return the rate, Hz, and by which share it may be off; a stated rate is exact.

    Raises:
      UserError: the times tell another rate than the one that is stated.
    """
    if stated is None:
        return (None, 0.0) if measured is None else (measured.sampling_rate, measured.slack)
    if measured is not None:
        off = abs(measured.sampling_rate / stated.sampling_rate - 1)
        if off > measured.slack + _DRIFT:
            raise UserError(
                f"{source}: {stated.name} states {stated.sampling_rate:.9g} Hz and its times tell "
                f"{measured.sampling_rate:.9g} Hz: one of them must be mended or left out."
            )
    return stated.sampling_rate, 0.0
