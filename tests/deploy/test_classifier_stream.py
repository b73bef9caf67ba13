"""A classifier live: the answers of evaluation, rows with gaps, and what cannot be streamed."""

import os
from typing import Any

import jax
import numpy as np
import pytest

from freqjax import ClassifierConfig, Config, NetworkConfig, TrainConfig
from freqjax.deploy import stream
from freqjax.deploy.classifier_stream import ClassifierStream, require_past
from freqjax.deploy.trained import Trained
from freqjax.errors import UserError
from freqjax.tasks.classifier.calibration import probabilities_of
from freqjax.training.prepared import Prepared

T, L, STRIDE, TEMPERATURE = 70, 16, 8, 0.05


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Write recordings of two modalities with gaps; from sample 40 to 60 nothing is present."""
    random = np.random.default_rng(0)
    motion, gaze = random.normal(size=(8, T, 2)), random.normal(size=(8, T, 1))
    motion[:, 20:23] = np.nan
    gaze[:, 40:60] = np.nan
    motion[:, 40:60, 1] = np.nan
    path = tmp_path_factory.mktemp("data") / "a.npz"
    np.savez(path, motion=motion, gaze=gaze, label=np.arange(8) % 2, group=np.arange(8) // 2)
    return path


def make(data, **fields):
    """Return the stream of a network that is not trained, its evaluation, and a recording [T, F]."""
    task = ClassifierConfig(
        data=str(data), folds=4, length=L, stride=STRIDE, windows=2, balance="weights", **fields
    )
    network = NetworkConfig(cell="gru", hidden_size=4)
    config = Config(task=task, network=network, train=TrainConfig(regime="examples"))
    prepared: Any = Prepared(config)
    params = prepared.network.init(jax.random.key(0))
    outputs = prepared.frozen(params).outputs("test")
    wanted = probabilities_of(prepared.task.logits(outputs, "test") / TEMPERATURE)
    found = ClassifierStream(Trained(config, params), prepared.task, TEMPERATURE)
    arrays, test = np.load(data), prepared.task.dataset.test
    name = prepared.task.dataset.recording_names[test.recording[0]]
    row = int(name.split()[-1])
    samples = np.concatenate([arrays["gaze"][row], arrays["motion"][row]], axis=1)
    own = test.recording == test.recording[0]
    return found, (test.order[own], wanted[own]), samples


@pytest.mark.parametrize(
    ("encoder", "context", "members"),
    [("convolutions", "none", 1), ("convolutions", "past", 3), ("recurrent", "past", 1)],
)
def test_answers_are_those_of_evaluation_however_lines_arrive(data, encoder, context, members):
    found, (order, wanted), samples = make(data, encoder=encoder, context=context, members=members)
    answers = found.advance(samples)
    ends = np.arange(L - 1, T, STRIDE)
    assert len(answers) == (T if encoder == "recurrent" else len(ends))
    at_windows = answers[ends] if encoder == "recurrent" else answers
    # The window from sample 40 on has nothing, and is left out of an evaluation.
    np.testing.assert_array_equal(order, [0, 1, 2, 3, 4, 6])
    np.testing.assert_allclose(at_windows[order], wanted, atol=1e-5)
    assert wanted[:, 0].std() > 0.01 and np.isnan(at_windows[5]).all()
    found.restart()
    pieces = [found.advance(piece) for piece in np.split(samples, [1, 2, 30])]
    np.testing.assert_array_equal(np.concatenate(pieces), answers)


def test_a_recurrent_encoder_answers_what_it_has_read_so_far(data):
    found, _, samples = make(data, encoder="recurrent", derived=False)
    answers = found.advance(samples[:L])
    changed = samples[:L].copy()
    changed[6] += 1
    found.restart()
    others = found.advance(changed)
    np.testing.assert_array_equal(others[:6], answers[:6])
    assert (np.abs(others[6:] - answers[6:]).max(axis=1) > 1e-5).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1)


def test_what_reads_ahead_is_refused(data):
    with pytest.raises(UserError, match=r"task\.context is both: it must be none"):
        make(data, context="both")


def test_windows_at_unknown_distances_are_no_context_of_a_stream():
    config = ClassifierConfig(context="past", length=None)
    with pytest.raises(UserError, match=r"task\.context is past: it must be none .* how far apart"):
        require_past(config)
    require_past(ClassifierConfig(context="past", length=16))
    require_past(ClassifierConfig(context="none", length=None))


class Sum:
    """Answers each row by its numbers that are there, and how many are not."""

    fields = 3

    def advance(self, samples):
        return np.stack([np.nansum(samples, axis=1), np.isnan(samples).sum(axis=1)], axis=1)


@pytest.mark.parametrize(
    ("policy", "code", "wanted"),
    [
        ("stop", 2, ["6,0", "4,1"]),
        ("skip", 0, ["6,0", "4,1", "0,3", "9,0"]),
        ("hold", 0, ["6,0", "4,1", "4,1", "4,1", "4,1", "0,3", "9,0"]),
    ],
)
def test_rows_have_commas_or_blanks_and_gaps(policy, code, wanted):
    source, feed = os.pipe()
    answers, sink = os.pipe()
    os.write(feed, b"1,2,3\n1,,3\n1,2\n1,x,3\n\nnan NaN nan\n2 3 4\n")
    os.close(feed)
    reports = []
    assert stream.run(Sum(), policy, source, sink, reports.append) == code
    os.close(sink)
    with open(answers, "rb") as file:
        assert file.read().decode().splitlines() == wanted
    os.close(source)
    assert reports[0] == (
        "freqjax: line 3 is of 2 numbers: it must be of 3, with commas, nan where missing."
    )
    if policy != "stop":
        assert reports[1:] == [
            "freqjax: line 4 is 'x': it must be a number.",
            "freqjax: line 5 is empty: it must hold 3 numbers, nan where missing.",
        ]
