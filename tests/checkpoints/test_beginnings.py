"""`train.init_from`: a training that begins with the weights of another checkpoint."""

import json
import shutil

import jax
import numpy as np
import pytest

import freqjax
from freqjax import UserError, sweep
from freqjax.checkpoints import store as checkpoints
from freqjax.main import main
from freqjax.training.prepared import Prepared
from tests.twins import tiny_config

# Without memory in the optimiser, going on is the same as starting from the weights.
PLAIN = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.0}


def config(**train):
    """Full gradients of both blocks, one update an epoch."""
    fields = {"regime": "full", "streams": "parallel", "epochs": 3} | train
    return tiny_config(train=fields, optimizer=PLAIN)


def train(whole, folder, **words):
    return freqjax.train(whole, folder, say=lambda _: None, **words)


def params_of(folder, step):
    """Weights of a step, as they were saved."""
    template = Prepared(config()).initial_params()
    path = folder / "checkpoints" / str(step)
    return checkpoints.restore_params(path, template, warn=pytest.fail).params


def rows_of(folder):
    """Losses of every epoch."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(row["loss"], row["frozen_mse"]) for row in rows]


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A run of three updates; its best step is its last."""
    folder = tmp_path_factory.mktemp("other") / "run"
    train(config(), folder)
    return folder


def test_a_run_begins_with_the_weights_of_another(other, tmp_path):
    summary = train(config(init_from=str(other), epochs=2, seed=9), tmp_path / "run")
    assert summary["init_from"] == {"path": str(other), "step": 3}
    jax.tree.map(np.testing.assert_array_equal, params_of(tmp_path / "run", 0), params_of(other, 3))
    train(config(epochs=5), tmp_path / "longer")
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "longer")[3:]


def test_the_folder_of_a_step_is_that_step(other, tmp_path):
    step = other / "checkpoints" / "2"
    summary = train(config(init_from=str(step), epochs=1), tmp_path / "run")
    assert summary["init_from"]["step"] == 2
    assert rows_of(tmp_path / "run") == rows_of(other)[2:]


@pytest.mark.slow
def test_a_resume_does_not_need_the_other_checkpoint(other, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(other, moved)
    whole = config(init_from=str(moved), epochs=2)
    train(whole, tmp_path / "whole")
    whole.train.epochs = 1
    train(whole, tmp_path / "run")
    shutil.rmtree(moved)
    whole.train.epochs = 2
    summary = train(whole, tmp_path / "run", resume=True)
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "whole")
    assert summary["init_from"] == {"path": str(moved), "step": 3}


@pytest.mark.slow
def test_evaluate_says_what_a_run_began_with_and_which_weights_it_kept(other, tmp_path, capsys):
    whole = config(init_from=str(other), epochs=1, evaluate_every=0)
    summary = train(whole, tmp_path / "run")
    assert summary["weights"] == "last"  # nothing chose among them
    words = f"evaluate --checkpoint {tmp_path / 'run'} --workdir {tmp_path / 'e'} --no-figures"
    assert main(words.split()) == 0
    capsys.readouterr()
    found = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    for name in ("init_from", "weights", "test", "initializer"):
        assert found[name] == summary[name], name


def test_weights_that_do_not_fit_are_named(other, tmp_path):
    wider = config(init_from=str(other))
    wider.network.hidden_size = 5
    with pytest.raises(UserError, match=r"do not fit the network in \d arrays: .*cell.*head") as e:
        train(wider, tmp_path / "run")
    assert str(e.value).startswith(f"train.init_from is {other}: ")
    with pytest.raises(UserError, match=r"train\.init_from is nowhere: there is no such folder"):
        train(config(init_from="nowhere"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_dense_recurrent_weights_are_none_of_pairs(other, tmp_path):
    pairs = config(init_from=str(other), epochs=0)
    pairs.network.recurrence = "pairs"
    sentence = "its recurrent weights between pairs must be 0 where network.recurrence is pairs."
    with pytest.raises(UserError) as caught:
        train(pairs, tmp_path / "run")
    assert str(caught.value) == f"train.init_from is {other}: {sentence}"
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_replicas_of_a_sweep_begin_with_them(other, tmp_path):
    whole = config(init_from=str(other), epochs=2)
    whole.sweep.axes = {"optimizer.learning_rate": (0.05, 0.01)}
    sweep.run(whole, tmp_path / "sweep", resume=False, figures=False, say=lambda _: None)
    rows = json.loads((tmp_path / "sweep" / "sweep.json").read_text())["rows"]
    for row, rate in zip(rows, (0.05, 0.01), strict=True):
        solo = config(init_from=str(other), epochs=2)
        solo.optimizer.learning_rate = rate
        summary = train(solo, tmp_path / f"{rate}")
        np.testing.assert_allclose(row["test_mse"], summary["test"]["mse"], rtol=1e-5)
    found = json.loads((tmp_path / "sweep" / "summary.json").read_text())
    assert found["init_from"] == [{"path": str(other), "step": 3}]
