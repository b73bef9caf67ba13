"""Rows of a dataset, [S, C_1..C_F] → target, and what must hold of them before they are used.

R counts the rows of all blocks; a block is T = `task.duration` · `task.sampling_rate` rows of one selector.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from freqjax.errors import UserError
from freqjax.recordings.times import measure

# Relative difference up to which rates are equal, and the most that times of few digits may add to it.
_SAME_RATE = 1e-6
_MOST_SLACK = 1e-3


@runtime_checkable
class Components(Protocol):
    """Section of a task whose rows select one of F components; a config that rows must match.

    Attributes:
      frequencies: [F] of the components, Hz.
      sampling_rate: Hz.
    """

    frequencies: tuple[float, ...]
    sampling_rate: float

    @property
    def samples(self) -> int:
        """T, samples of a block."""
        ...

    @property
    def many_starts(self) -> bool:
        """True if rows may be several mixtures one after another."""
        ...


class Rows(NamedTuple):
    """Rows of a dataset; R rows, F components.

    Attributes:
      mixture: [R] float32, S.
      selectors: [R, F] float32, C.
      targets: [R] float32.
    """

    mixture: np.ndarray
    selectors: np.ndarray
    targets: np.ndarray


def require_count(count: int, config: Components, source: str) -> None:
    """Check that R = `count` rows are whole blocks, one of each component, or several where starts are many.

    Raises:
      UserError: they are not.
    """
    samples, components = config.samples, len(config.frequencies)
    whole = components * samples
    if count and not count % whole and (config.many_starts or count == whole):
        return
    more = " or a multiple of that" if config.many_starts else ""
    raise UserError(
        f"{source} has {count} rows: it must have {whole} rows ({components} blocks of {samples}){more}, as "
        "task.frequencies, task.duration and task.sampling_rate say."
    )


def require_rate(rate: float | None, slack: float, config: Components, source: str) -> None:
    """Check that a file has the rate of the config, Hz, to within the share `slack`; None is any rate.

    Raises:
      UserError: it has another one.
    """
    allowed = max(_SAME_RATE, min(slack, _MOST_SLACK))
    if rate is not None and abs(rate / config.sampling_rate - 1) > allowed:
        raise UserError(
            f"{source} has {rate:.9g} samples a second: it must have {config.sampling_rate:.9g}, the value "
            "of task.sampling_rate."
        )


def require_times(
    times: Float[np.ndarray, " R"],
    rounding: float,
    config: Components,
    source: str,
    name: str,
    unit: float = 1.0,
) -> None:
    """Check that the times [R] of rows rise evenly in every block, at the rate of the config.

    Args:
      times: in a unit of `unit` seconds, rounded to `rounding` of it.
      rounding: as `freqjax.recordings.times.measure`.
      config: what the rows must be.
      source: of the rows, for messages.
      name: of the column, for messages.
      unit: of the times, s.

    Raises:
      UserError: they do not, or have another rate.
    """
    blocks = times.reshape(-1, config.samples)
    if np.isfinite(times).all():
        blocks = blocks - blocks[:, :1]  # each may begin at any time
    share = 1e-15 * float(np.abs(times).max()) / max(float(np.abs(blocks).max()), 1e-300)
    found = measure(
        lambda: iter([blocks.reshape(-1)]), rounding, source, name, unit=unit, share=share
    )
    require_rate(found.sampling_rate, found.slack, config, source)


def single(values: Float[np.ndarray, " R"], name: str, source: str) -> Float[np.ndarray, " R"]:
    """Return a column [R] as float32.

    Raises:
      UserError: a value that is not a finite number of single precision, by row from 1.
    """
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(found))
    if bad.size:
        raise UserError(
            f"{source}: row {bad[0] + 1}, {name} is {values[bad[0]]:g}: it must be a finite number of single "
            "precision."
        )
    return found
