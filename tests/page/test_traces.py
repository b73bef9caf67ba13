"""Signals of a page: integers that are near enough, spectra, and snapshots that stay few."""

import numpy as np
import pytest

from freqjax.page import snapshots, spectra, traces
from freqjax.training.prepared import Prepared
from tests.twins import tiny_config


def values_of(series):
    return series.integers.astype(float) * series.scale


@pytest.fixture(scope="module")
def prepared():
    return Prepared(tiny_config())


@pytest.fixture(scope="module")
def found(prepared):
    return traces.traces_of(prepared.task, prepared.frozen(prepared.initial_params()))


def test_traces_are_the_first_test_sequence_of_every_group(prepared, found):
    batch = prepared.batches["test"]
    frozen = prepared.frozen(prepared.initial_params())
    assert [trace.name for trace in found] == list(prepared.task.group_names)
    for group, trace in enumerate(found):
        row = list(batch.group).index(group)
        wanted = {
            "input": batch.inputs["signal"][row, :, 0],
            "target": batch.targets[row, :, 0],
            "output": frozen.outputs("test")[row, :, 0],
        }
        assert [s.name for s in trace.series] == list(wanted)
        for s in trace.series:
            # Half a step of 16 bits.
            reach = np.abs(wanted[s.name]).max() / 65_534 * 1.001
            np.testing.assert_allclose(values_of(s), wanted[s.name], rtol=0, atol=reach)
        assert trace.left_out == 0


def test_traces_that_are_too_long_are_cut_and_say_so(prepared):
    groups = len(prepared.task.group_names)
    cut = traces.traces_of(prepared.task, prepared.frozen(prepared.initial_params()), 10 * groups)
    assert [len(trace.series[0].integers) for trace in cut] == [10] * groups
    assert cut[0].left_out == prepared.task.samples - 10


def test_values_that_are_not_finite_are_zero_and_a_constant_zero_has_a_scale():
    s = traces.series("output", np.array([np.nan, np.inf, 2.0, -4.0]))
    np.testing.assert_allclose(values_of(s), [0, 0, 2, -4], atol=1e-4)
    assert traces.series("output", np.zeros(3)).scale > 0


@pytest.mark.parametrize("length", [200, 20_001])
def test_a_spectrum_has_its_peak_where_the_sine_is(length):
    rate, cycles = 100.0, 7.0
    sine = np.sin(2 * np.pi * cycles * np.arange(length) / rate)
    trace = traces.Trace("one", [traces.series("target", sine)], 0)
    spectrum = spectra.spectrum_of(trace, rate)
    at = spectrum.cycles[spectrum.power["target"].argmax()]
    # As near as one place of the figure.
    assert abs(at - cycles) <= np.diff(spectrum.cycles).max()
    assert len(spectrum.cycles) <= 1_500
    assert spectrum.power["target"].max() == 0
    assert spectrum.power["target"].min() >= spectra.FLOOR


def test_snapshots_are_the_outputs_of_the_weights_they_were_taken_of(prepared, tmp_path):
    params = prepared.initial_params()
    recorder = snapshots.Recorder(prepared, tmp_path)
    for epoch in range(1, 200):
        recorder.after(epoch, params)
    kept = snapshots.read(tmp_path)
    assert kept is not None
    epochs = list(kept.epochs)
    assert epochs[:6] == [1, 2, 3, 4, 6, 9] and epochs[-1] > 100
    outputs = prepared.frozen(params).outputs("test")
    batch = prepared.batches["test"]
    for group in range(len(prepared.task.group_names)):
        row = list(batch.group).index(group)
        wanted = outputs[row, kept.first :, 0]
        got = kept.integers[0, group] * kept.scales[0, group]
        np.testing.assert_allclose(got, wanted, atol=np.abs(wanted).max() / 60_000 + 1e-6)


def test_a_resumed_run_forgets_the_snapshots_behind_its_checkpoint(prepared, tmp_path):
    recorder = snapshots.Recorder(prepared, tmp_path)
    for epoch in (1, 2, 3, 4):
        recorder.after(epoch, prepared.initial_params())
    again = snapshots.Recorder(prepared, tmp_path, done=2)
    again.after(3, prepared.initial_params())
    kept = snapshots.read(tmp_path)
    assert kept is not None and list(kept.epochs) == [1, 2, 3]


@pytest.mark.parametrize("damaged", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_snapshots_that_cannot_be_read_are_none(tmp_path, damaged):
    (tmp_path / snapshots.NAME).write_bytes(damaged)
    assert snapshots.read(tmp_path) is None
    assert snapshots.read(tmp_path / "nothing") is None
