"""All figures that the data of a run allow."""

from functools import partial
from pathlib import Path

from freqjax.figures import gradient_norms
from freqjax.figures.history import Rows
from freqjax.tasks.columns import is_filtered
from freqjax.tasks.drawing import Draw
from freqjax.tasks.extraction.figures.clock import last_second, phase_drift
from freqjax.tasks.extraction.figures.distribution import error_distribution
from freqjax.tasks.extraction.figures.errors import error_over_time
from freqjax.tasks.extraction.figures.record import EvaluationRecord, duration_s, present_indices
from freqjax.tasks.extraction.figures.signals import all_frequencies, one_frequency, spectra
from freqjax.tasks.extraction.figures.standing import standing
from freqjax.tasks.extraction.figures.training import chasing_gap, curriculum, learning_curves


def drawings(
    record: EvaluationRecord, rows: Rows, test_mse: float | None, directory: str | Path
) -> list[Draw]:
    """Return what draws every figure that the data allow.

    The last second is drawn for streams longer than two seconds, which the excerpts do not show whole; the
    phase, if a stream holds two windows of the slowest frequency; the standing, if there are baselines; the
    curriculum, if the rows have a horizon.

    Args:
      record: the evaluation on test data.
      rows: parsed metrics.jsonl; empty for an evaluation without training.
      test_mse: frozen MSE on the test data, all frequencies; None if unknown.
      directory: the folder of the PNGs; created if absent.

    Returns:
      The drawings, in reading order.
    """
    frequencies_hz = record.frequencies_hz
    staged = any(row.get("horizon_s") is not None for row in rows)
    found: list[Draw] = [partial(all_frequencies, record, directory)]
    if duration_s(record) > 2:
        found.append(partial(last_second, record, directory))
    found += [partial(one_frequency, record, index, directory) for index in present_indices(record)]
    if rows:
        found.append(partial(learning_curves, rows, frequencies_hz, directory, record.baselines))
        if staged:
            found.append(partial(curriculum, rows, frequencies_hz, directory))
        if not is_filtered(rows):
            block = duration_s(record)
            found.append(partial(chasing_gap, rows, frequencies_hz, test_mse, directory, block))
    found.append(partial(error_over_time, record, directory))
    if record.baselines is not None:
        found.append(partial(standing, record, record.baselines, directory))
    if duration_s(record) * min(frequencies_hz) >= 2:
        found.append(partial(phase_drift, record, directory))
    found += [partial(error_distribution, record, directory), partial(spectra, record, directory)]
    if rows and not is_filtered(rows):
        found.append(partial(gradient_norms, rows, directory, second_order=staged))
    return found
