"""General figures of training, with the names and reference levels of extraction."""

from collections.abc import Sequence
from pathlib import Path

from freqjax import figures
from freqjax.figures import History, Rows, Scale
from freqjax.figures.history import history_of
from freqjax.tasks.columns import columns_of
from freqjax.tasks.extraction.figures.record import GOAL_MSE, ZERO_MSE, Baselines

_COLUMNS = columns_of("frequency", "mse", "s")


def mse_scale(
    frequencies_hz: Sequence[float],
    baselines: Baselines | None = None,
    block_s: float | None = None,
) -> Scale:
    """Return the reference levels of an MSE of unit sines; with `baselines`, the least possible as well.

    `block_s` is the duration of a block, s; None if it is unknown.
    """
    return Scale(
        name="MSE (no unit)",
        groups=[f"{f:g} Hz" for f in frequencies_hz],
        everything="all frequencies",
        constant=ZERO_MSE,
        constant_name="predicting zero",
        goal=GOAL_MSE,
        unit="s",
        possible=() if baselines is None else _possible(baselines),
        block=block_s,
    )


def _possible(baselines: Baselines) -> list[tuple[float, str]]:
    """Return the limits to draw: 0 cannot be drawn on a log axis, and 0.5 is drawn already."""
    known = ((baselines.bayes_mse, "least possible"), (baselines.linear_mmse, "least, linear"))
    return [(v, name) for v, name in known if v is not None and 1e-9 < v < 0.9 * ZERO_MSE]


def history(rows: Rows, frequencies_hz: Sequence[float]) -> History:
    """Read rows of metrics.jsonl.

    Raises:
      ValueError: there are no rows.
    """
    return history_of(rows, len(frequencies_hz), _COLUMNS)


def learning_curves(
    rows: Rows,
    frequencies_hz: Sequence[float],
    directory: str | Path,
    baselines: Baselines | None = None,
) -> Path:
    """Draw learning_curves.png of rows of metrics.jsonl.

    Raises:
      ValueError: there are no rows.
    """
    scale = mse_scale(frequencies_hz, baselines)
    return figures.learning_curves(history(rows, frequencies_hz), scale, directory)


def chasing_gap(
    rows: Rows,
    frequencies_hz: Sequence[float],
    test_mse: float | None,
    directory: str | Path,
    block_s: float | None = None,
) -> Path:
    """Draw chasing_gap.png of rows of metrics.jsonl; `test_mse` is that of frozen weights.

    `block_s` is the duration of a block, s, over which the frozen losses are; None if it is unknown.

    Raises:
      ValueError: there are no rows.
    """
    scale = mse_scale(frequencies_hz, block_s=block_s)
    return figures.chasing_gap(history(rows, frequencies_hz), scale, test_mse, directory)


def curriculum(rows: Rows, frequencies_hz: Sequence[float], directory: str | Path) -> Path:
    """Draw curriculum.png of rows of metrics.jsonl.

    Raises:
      ValueError: there are no rows, or none has a horizon.
    """
    scale = mse_scale(frequencies_hz)
    return figures.curriculum(history(rows, frequencies_hz), scale, directory)
