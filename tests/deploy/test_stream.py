"""Live: an answer for every line as soon as it came, the same as from the whole signal, and bad lines."""

import os
import signal
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest

from freqjax import LinesConfig, UserError
from freqjax.deploy import stream
from freqjax.deploy.component_stream import ComponentStream, select
from freqjax.deploy.trained import Trained
from freqjax.networks import make_network
from freqjax.recordings.resampling import ratio, resample
from freqjax.tasks import Input
from freqjax.tasks.lines.task import Lines
from tests.processes import running
from tests.root import ROOT
from tests.twins import extraction, lstm_step, tiny_config


def untrained(**network):
    config = tiny_config(network=network)
    task = extraction(config)
    params = make_network(config.network, task).init(jax.random.key(0))
    return Trained(config, params), task


def make_stream(group=1):
    return ComponentStream(*untrained(learned_carry=True), group)


@pytest.fixture(scope="module")
def component():
    return make_stream()


def twin(component, samples, group=1):
    """Return the outputs of a NumPy loop in double precision."""
    params = component._trained.params
    c, h = np.asarray(params["carry"], np.float64)[None], np.zeros((1, 4))
    outputs = []
    for sample in samples:
        x = np.array([[sample, group == 0, group == 1]], np.float64)
        c, h, y = lstm_step(params, c, h, x)
        outputs.append(y[0, 0])
    return np.array(outputs)


def answer(component, content, policy="stop"):
    """Process bytes on standard input; return (code, lines, reports)."""
    component.restart()
    source, feed = os.pipe()
    answers, sink = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(feed, content), os.close(feed)))
    writer.start()
    reports = []
    code = stream.run(component, policy, source, sink, reports.append)
    writer.join()
    os.close(sink)
    with open(answers, "rb") as file:
        lines = file.read().decode().splitlines()
    os.close(source)
    return code, [float(line) for line in lines], reports


SAMPLES = np.random.default_rng(0).normal(size=4500)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_byte_order_mark_before_the_first_line_is_let_pass(component, end):
    code, outputs, reports = answer(component, b"\xef\xbb\xbf0.5" + end)
    assert (code, reports) == (0, [])
    np.testing.assert_allclose(outputs, twin(component, [0.5]), rtol=1e-4)
    assert answer(component, b"1\n\xef\xbb\xbf0.5\n")[0] == 2


def test_pieces_of_any_size_give_what_the_whole_gives(component):
    expected = twin(component, SAMPLES)
    for sizes in ([4500], [1] * 40 + [4460], [4096, 404], [7, 0, 4493]):
        component.restart()
        ends = np.cumsum(sizes)
        parts = [
            component.advance(SAMPLES[end - n : end]) for n, end in zip(sizes, ends, strict=True)
        ]
        np.testing.assert_allclose(np.concatenate(parts), expected, atol=2e-5)
    assert component._loop._cache_size() == 1  # nothing is compiled twice


def test_the_selector_is_held(component):
    first = make_stream(group=0).advance(SAMPLES[:50])
    np.testing.assert_allclose(first, twin(component, SAMPLES[:50], group=0), atol=2e-5)
    component.restart()
    assert np.abs(first - component.advance(SAMPLES[:50])).max() > 0.01


def test_a_stack_of_other_cells_is_followed_as_well():
    trained, task = untrained(cell="gru", layers=2, conditioning="film")
    found = ComponentStream(trained, task, 1)
    parts = [found.advance(SAMPLES[:1]), found.advance(SAMPLES[1:300])]
    xs = np.asarray(task.inputs_of(SAMPLES[:300], 1))[:, None]
    expected = np.asarray(trained.unroll(xs)[1])[:, 0, 0]
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-5)


def test_a_signal_of_two_columns_is_followed_as_well(monkeypatch):
    """I/Q: the task says how many columns its signal has, and puts them beside the selector."""
    _, task = untrained()
    monkeypatch.setattr(task, "inputs", (Input("signal", 2), task.inputs[1]))
    config = tiny_config()
    params = make_network(config.network, task).init(jax.random.key(0))

    def inputs_of(samples, group):
        return np.concatenate([samples, np.tile(np.eye(2)[group], (len(samples), 1))], axis=1)

    monkeypatch.setattr(task, "inputs_of", lambda s, g: jax.numpy.concatenate(
        [s, jax.numpy.tile(jax.numpy.eye(2)[g], (len(s), 1))], axis=1))  # fmt: skip
    trained = Trained(config, params)
    signal = SAMPLES[:100].reshape(50, 2)
    found = ComponentStream(trained, task, 1).advance(signal)
    expected = np.asarray(trained.unroll(inputs_of(signal, 1)[:, None])[1])[:, 0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_network_that_must_hear_the_end_first_is_refused():
    trained, task = untrained(bidirectional=True)
    with pytest.raises(UserError, match=r"network\.bidirectional is true: it must be false"):
        ComponentStream(trained, task, 1)


def test_a_line_has_an_answer(component):
    content = "".join(f"{value:.9g}\n" for value in SAMPLES[:3000]).encode()
    code, answers, reports = answer(component, content)
    assert (code, reports) == (0, [])
    np.testing.assert_allclose(answers, twin(component, SAMPLES[:3000]), atol=2e-5)


def test_spaces_and_a_last_line_without_its_end_are_let_pass(component):
    assert answer(component, b" 0.5 \r\n\t1e-2\n-.25") == answer(component, b"0.5\n0.01\n-0.25\n")
    assert len(answer(component, b"0.5\n1")[1]) == 2
    assert answer(component, b"") == (0, [], [])


BAD = {
    b"one": "'one': it must be a number",
    b"": "empty: it must hold a number",
    b"nan": "'nan': it must be a finite number of single precision",
    b"-inf": "'-inf': it must be a finite number",
    b"1e39": "'1e39': it must be a finite number",
    b"1_0": "'1_0': it must be a number",
    b"1,5": "'1,5': it must be a number",
    b"0.5 0.5": "'0.5 0.5': it must be a number",
    b"\xff": "it must be a number",
    b"1" * 1001: "longer than 1000 characters",
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_reported_and_the_policy_decides(component, bad):
    content = b"0.5\n-0.25\n" + bad + b"\n0.125\n"
    code, answers, reports = answer(component, content)
    assert code == 2
    np.testing.assert_allclose(answers, twin(component, [0.5, -0.25]), atol=1e-5)
    assert len(reports) == 1
    assert reports[0].startswith("freqjax: line 3 is ")
    assert BAD[bad] in reports[0]
    assert reports[0].endswith(".")
    for policy, heard in (("skip", [0.5, -0.25, 0.125]), ("hold", [0.5, -0.25, -0.25, 0.125])):
        code, answers, said = answer(component, content, policy)
        assert (code, said) == (0, reports)
        np.testing.assert_allclose(answers, twin(component, heard), atol=1e-5)


def test_before_the_first_number_zero_is_held(component):
    assert answer(component, b"x\n0.5\n", "hold")[1] == answer(component, b"0\n0.5\n")[1]


def test_of_a_line_without_end_little_is_kept():
    source, feed = os.pipe()
    threading.Thread(target=lambda: (os.write(feed, b"1" * 500_000), os.close(feed))).start()
    assert [[len(line) for line in batch] for batch in stream.read_batches(source)] == [[1001]]
    os.close(source)


def test_a_reader_that_has_enough_ends_it_quietly(component):
    source, feed = os.pipe()
    answers, sink = os.pipe()
    os.close(answers)
    os.write(feed, b"0.5\n")
    reports = []
    assert stream.run(component, "stop", source, sink, reports.append) == 0
    assert reports == []


def test_a_process_answers_at_once_and_ctrl_c_ends_it_quietly():
    command = "-m freqjax.main --mode stream --checkpoint checkpoints/clock64 --select 3.0"
    with running(
        [sys.executable, *command.split()], cwd=ROOT, bufsize=0, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout and process.stderr
        for wanted in np.sin(6 * np.pi * np.arange(100) / 1000):
            process.stdin.write(b"0.25\n")  # the next line comes only after the answer to this one
            assert float(process.stdout.readline()) == pytest.approx(wanted, abs=0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


@pytest.mark.parametrize("text", ["2", "x", "", "nan", "1,3"])
def test_only_a_frequency_of_the_task_can_be_selected(text):
    task = extraction(tiny_config())
    assert [select(task, hz) for hz in ("1", "3.0", "3.0000001")] == [0, 1, 1]
    # A frequency is taken as messages show it, with six digits.
    hours = LinesConfig(frequencies=(1 / 86400, 2 / 86400), sampling_rate=1 / 3600, duration=8.64e5)
    day = Lines(hours)
    assert [select(day, f"{hz:g}") for hz in day.selected_hz] == [0, 1]
    with pytest.raises(
        UserError, match=r"--select is .*: it must be a frequency of the task, one of 1, 3 Hz"
    ):
        select(task, text)


# Resampling.


@pytest.mark.parametrize(
    ("old", "new"), [(48_000, 1000), (1000, 48_000), (44_100, 1000), (1000, 52.25)]
)
@pytest.mark.parametrize("chunk", [999, 70_000])
def test_chunks_resample_as_the_whole_does(old, new, chunk):
    from scipy.signal import resample_poly

    whole = np.random.default_rng(0).normal(size=100_003 if old > new else 3_001)
    change = ratio(old, new, "--input")
    parts = list(resample((whole[i : i + chunk] for i in range(0, len(whole), chunk)), change))
    expected = resample_poly(whole, change.numerator, change.denominator)
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-12)


def test_rates_of_large_whole_numbers_are_refused():
    with pytest.raises(UserError, match=r"--input: 48000.01 Hz to 1000 Hz is 100000 to 4800001"):
        ratio(48_000.01, 1000.0, "--input")
