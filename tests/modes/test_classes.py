"""A classifier on data that nobody has seen: evaluated, or told alone, from a file and live."""

import json
import subprocess
import sys

import numpy as np
import pytest

import freqjax
from tests.modes.test_sequences import invoke
from tests.root import ROOT
from tests.tasks.classifier.test_task import config_of, write


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    config = config_of(write(folder / "a.npz"))
    config.train.epochs = 1
    freqjax.train(config, folder / "run", say=lambda line: None)
    return folder / "run"


def rows(run, **changed):
    """Return the first recording of person 0 as rows of a file of its own, of other names."""
    arrays = dict(np.load(run.parent / "a.npz"))
    kept = (arrays["group"] == 0) & (arrays["recording"] == 0)
    found = {name: array[kept] for name, array in arrays.items()} | changed
    return {name: array for name, array in found.items() if array is not None}


def evaluate(run, out):
    return invoke(
        "evaluate", "--checkpoint", run, "--no-figures", "--workdir", out,
        f"--config.task.test_path={out.parent / 'new.npz'}",
    )  # fmt: skip


def test_windows_without_labels_get_probabilities_that_do_not_depend_on_labels(run, tmp_path):
    unlabelled, labelled = tmp_path / "a", tmp_path / "b"
    for folder, changed in ((unlabelled, {"label": None}), (labelled, {})):
        folder.mkdir()
        np.savez(folder / "new.npz", **rows(run, **changed))
        code, _, error = evaluate(run, folder / "out")
        assert (code, error) == (0, "")
    alone, judged = (np.load(f / "out" / "probabilities.npz") for f in (unlabelled, labelled))
    np.testing.assert_array_equal(alone["probabilities"], judged["probabilities"])
    np.testing.assert_allclose(alone["probabilities"].sum(axis=1), 1)
    assert alone["probabilities"].shape == (6, 3) and alone["order"].tolist() == [0, 1, 2, 3, 4, 5]
    assert (alone["label"] == -1).all() and set(alone["group"].tolist()) == {"0 of new"}
    np.testing.assert_array_equal(judged["label"], rows(run)["label"])
    assert not (unlabelled / "out" / "evaluation.json").exists()
    found = json.loads((labelled / "out" / "evaluation.json").read_text())
    told = judged["probabilities"].argmax(axis=1)
    assert found["test"]["accuracy"] == pytest.approx(np.mean(told == judged["label"]))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"gaze": np.zeros((6, 16, 1))},
            "its modalities and channels are gaze 1, motion 2: they must be",
        ),
        (
            {"motion": np.zeros((6, 16, 3))},
            "are motion 3: they must be those of task.data, motion 2",
        ),
        (
            {"motion": np.zeros((6, 17, 2))},
            "its sequences have 17 samples: they must have at most 16",
        ),
        (
            {"label": np.array([0, 1, 2, 7, 0, 1])},
            "label has 7: it must be one of task.data, 0, 1, 2",
        ),
    ],
)
def test_what_differs_from_the_data_is_one_sentence(run, tmp_path, changed, said):
    np.savez(tmp_path / "new.npz", **rows(run, **changed))
    code, _, error = evaluate(run, tmp_path / "out")
    assert code == 2 and said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_command_answers_rows_as_evaluation_does(run, tmp_path):
    given = rows(run)
    np.savez(tmp_path / "new.npz", **given)
    assert evaluate(run, tmp_path / "out")[0] == 0
    wanted = np.load(tmp_path / "out" / "probabilities.npz")["probabilities"]
    lines = "".join(f"{a:.9g},{b:.9g}\n" for a, b in given["motion"].reshape(-1, 2))
    words = [sys.executable, "-m", "freqjax.main", "stream", "--checkpoint", str(run)]
    found = subprocess.run(words, input=lines, capture_output=True, text=True, cwd=ROOT, check=True)
    answers = np.array([line.split(",") for line in found.stdout.splitlines()], float)
    np.testing.assert_allclose(answers, wanted, atol=1e-5)
    assert found.stderr == (
        "freqjax: a line is 2 numbers, motion 2; an answer is the probabilities of 0, 1, 2.\n"
    )
    code, _, error = invoke("stream", "--checkpoint", run, "--select", "3")
    assert (
        code == 2 and "--select is '3': it must be left out where task.name is classifier" in error
    )
