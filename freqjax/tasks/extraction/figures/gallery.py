"""Every figure that the data of a run allow."""

from pathlib import Path

from freqjax.figures import gradient_norms
from freqjax.figures.history import Rows
from freqjax.tasks.extraction.figures.clock import last_second, phase_drift
from freqjax.tasks.extraction.figures.errors import error_distribution, error_over_time
from freqjax.tasks.extraction.figures.record import EvaluationRecord, duration_s, present_indices
from freqjax.tasks.extraction.figures.signals import all_frequencies, one_frequency, spectra
from freqjax.tasks.extraction.figures.standing import standing
from freqjax.tasks.extraction.figures.training import chasing_gap, curriculum, learning_curves


def draw_all(
    record: EvaluationRecord, rows: Rows, test_mse: float | None, directory: str | Path
) -> list[Path]:
    """Draw every figure that the data allow.

    The last second is drawn of streams longer than two, which the excerpts do not show whole; the
    phase, where a stream holds two windows of the slowest frequency; the standing, where there are
    baselines; the curriculum, where the rows name their horizon.

    Args:
        record: the evaluation on test data.
        rows: parsed metrics.jsonl; empty for an evaluation alone, which has no curves.
        test_mse: frozen MSE on the test data, all frequencies; None where unknown.
        directory: where the PNGs go; made if absent.

    Returns:
        The paths written, in reading order.
    """
    frequencies_hz = record.frequencies_hz
    staged = any(row.get("horizon_s") is not None for row in rows)
    paths = [all_frequencies(record, directory)]
    if duration_s(record) > 2:
        paths.append(last_second(record, directory))
    paths += [one_frequency(record, index, directory) for index in present_indices(record)]
    if rows:
        paths.append(learning_curves(rows, frequencies_hz, directory, record.baselines))
        if staged:
            paths.append(curriculum(rows, frequencies_hz, directory))
        paths.append(chasing_gap(rows, frequencies_hz, test_mse, directory))
    paths.append(error_over_time(record, directory))
    if record.baselines is not None:
        paths.append(standing(record, record.baselines, directory))
    if duration_s(record) * min(frequencies_hz) >= 2:
        paths.append(phase_drift(record, directory))
    paths.append(error_distribution(record, directory))
    paths.append(spectra(record, directory))
    if rows:
        paths.append(gradient_norms(rows, directory, second_order=staged))
    return paths
