"""Every cell in every regime against a network left to autodiff; dropout; and whole runs."""

import ast
import json
import re
import shlex
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.config import overrides, validation
from freqjax.config.names import CELLS
from freqjax.main import main
from freqjax.networks import StackedNetwork, make_network
from freqjax.tasks import make_task
from freqjax.training.chunks import make_chunk
from freqjax.training.optimizers import make_schedule
from freqjax.training.seeds import dropout_key
from freqjax.training.streams import layout
from freqjax.training.update import state_of
from tests.diagnosis.runs import examined
from tests.root import ROOT
from tests.slow import some
from tests.twins import tiny_config

_CONTRIBUTING = ROOT / "CONTRIBUTING.md"

CASES = {
    "rnn, online": ({"cell": "rnn", "layers": 2, "dropout": 0.3}, {"regime": "online"}),
    "rnn of relu, online": ({"cell": "rnn", "nonlinearity": "relu"}, {"regime": "online"}),
    "gru, online": ({"cell": "gru", "conditioning": "film"}, {"regime": "online"}),
    "lstm, tbptt": (
        {"cell": "lstm", "layers": 2, "dropout": 0.3, "initializer": "chrono"},
        {"regime": "tbptt", "truncation": 5},
    ),
    "residual, full": (
        {"cell": "lstm", "layers": 3, "dropout": 0.3, "residual": True},
        {"regime": "full", "streams": "parallel"},
    ),
    "gru, full": (
        {"cell": "gru", "layers": 2, "dropout": 0.3, "learned_carry": True},
        {"regime": "full", "streams": "parallel"},
    ),
}


class LeftToAutodiff(StackedNetwork):
    """The same network with the gradient of JAX."""

    def unroll(self, params, carry, xs, resets, *, dropout_key=None):
        return self.unroll_autodiff(params, carry, xs, resets, dropout_key=dropout_key)


def chunk_of(network_fields, train, monkeypatch=None):
    config = tiny_config(network=network_fields, train=train)
    task = make_task(config.task)
    if monkeypatch is not None:
        for name in ("StackedNetwork", "SingleLayerNetwork"):
            monkeypatch.setattr(f"freqjax.networks.make.{name}", LeftToAutodiff)
    network = make_network(config.network, task)
    stream = layout(task.rows("train"), config)
    schedule = make_schedule(config.optimizer, 100, stream.inputs.shape[0])
    chunk = jax.jit(make_chunk(network, task, config, schedule, 2))
    return (
        chunk,
        state_of(network, task, config, network.init(jax.random.key(0)), stream.inputs.shape[2]),
        stream,
    )


def assert_close(ours, theirs, tolerance):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    "name", some(CASES, "rnn, online", "gru, online", "lstm, tbptt", "residual, full")
)
def test_every_regime_trains_as_with_autodiff(name, monkeypatch):
    chunk, state, stream = chunk_of(*CASES[name])
    network_fields, train = CASES[name]
    expected, start, _ = chunk_of(network_fields, train, monkeypatch)
    stream = jax.tree.map(lambda a: a[:10], stream)
    (ours, info), (theirs, same) = chunk(state, stream), expected(start, stream)
    assert_close(ours, theirs, 1e-5)
    assert_close(info.loss_sums, same.loss_sums, 1e-5)
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), ours.params, state.params)
    assert min(jax.tree.leaves(moved)) > 0 or stream.inputs.shape[1] == 1


def test_dropout_depends_on_the_key_and_the_number_of_the_update_alone():
    """In parts as whole, and with the seed's key given and traced as with none; another key, another end."""
    network_fields = {"cell": "rnn", "layers": 2, "dropout": 0.5}
    train = {"regime": "tbptt", "truncation": 4}
    chunk, start, stream = chunk_of(network_fields, train)
    whole, _ = chunk(start, stream)
    config = tiny_config(network=network_fields, train=train)
    task = make_task(config.task)
    network = make_network(config.network, task)
    schedule = make_schedule(config.optimizer, 100, 10)

    @jax.jit
    def keyed(state, stream, key):
        return make_chunk(network, task, config, schedule, 2, dropout_key=key)(state, stream)[0]

    def in_parts(key):
        state = start
        for first in (0, 5):
            state = keyed(state, jax.tree.map(lambda a: a[first : first + 5], stream), key)  # noqa: B023
        return state

    assert_close(in_parts(dropout_key(0)), whole, 1e-6)
    kernel = in_parts(dropout_key(1)).params["head"]["kernel"]
    assert np.abs(kernel - whole.params["head"]["kernel"]).max() > 1e-5


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Return the words that train a small GRU stack of every kind of part, for two epochs."""
    folder = tmp_path_factory.mktemp("gru")
    (folder / "config.py").write_text(
        "from tests.twins import tiny_config\n\n\ndef get_config():\n    return tiny_config(\n"
        "        network={'cell': 'gru', 'layers': 2, 'dropout': 0.2, 'conditioning': 'film'},\n"
        "        train={'regime': 'tbptt', 'truncation': 10},\n    )\n"
    )
    return folder, ["--config", str(folder / "config.py")]


def rows(folder):
    kept = ("step", "loss", "frozen_mse", "grad_norm")
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{key: json.loads(line)[key] for key in kept} for line in lines]


@pytest.fixture(scope="module")
def whole(words):
    """Return the folder of that run."""
    folder, config = words
    assert main([*config, "--workdir", str(folder / "whole")]) == 0
    return folder / "whole"


@pytest.mark.slow
def test_a_run_of_a_gru_is_resumed_and_evaluated(words, whole, capsys):
    folder, config = words
    halves = folder / "halves"
    assert main([*config, "--config.train.epochs=1", "--workdir", str(halves)]) == 0
    assert main([*config, "--resume", "--workdir", str(halves)]) == 0
    assert rows(halves) == rows(whole)
    summary = json.loads((whole / "summary.json").read_text())
    # Two layers of H = 4 whose input is one mixture, 3H (I + H + 2) each; two FiLMs of 2 · 2 · H; a head.
    assert summary["parameters"] == 12 * (1 + 4 + 2) + 12 * (4 + 4 + 2) + 2 * 16 + 5
    seen = ["--mode", "evaluate", "--checkpoint", str(whole), "--workdir", str(folder / "seen")]
    assert main([*seen, "--no-figures"]) == 0
    evaluation = json.loads((folder / "seen" / "evaluation.json").read_text())
    np.testing.assert_allclose(evaluation["test"]["mse"], summary["test"]["mse"], rtol=1e-5)
    capsys.readouterr()


@pytest.mark.slow
def test_a_run_of_a_gru_is_diagnosed(whole, capsys):
    assert main(["--mode", "diagnose", "--workdir", str(whole)]) == 0
    assert isinstance(json.loads((whole / "diagnosis.json").read_text()), list)
    assert "capacity" in (whole / "report.md").read_text()
    capsys.readouterr()


@pytest.mark.parametrize("cell", [{"cell": "gru"}, {"cell": "rnn", "nonlinearity": "relu"}])
def test_what_a_diagnosis_proposes_for_another_cell_is_a_valid_run(tmp_path, cell):
    whole = tiny_config(
        network={"layers": 2, "dropout": 0.2, "conditioning": "film", **cell},
        task={"sampling_rate": 100.0},
    )
    words = shlex.split(examined(tmp_path, whole).through_time)
    pairs = [word[len("--config.") :].split("=", 1) for word in words if "--config." in word]
    changed = overrides.apply(whole, [(name, value) for name, value in pairs])
    validation.validate_training(changed)
    assert changed.network.beyond_one_lstm == {}
    assert changed.network.dropout == 0


def test_the_cell_of_the_contributing_guide_trains(words, monkeypatch, capsys):
    folder, config = words
    _, section = _CONTRIBUTING.read_text(encoding="utf-8").split("## A new cell")
    example, line = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = "freqjax.networks.mgu"
    scope = types.ModuleType(module)
    monkeypatch.setitem(sys.modules, module, scope)
    exec(example, vars(scope))
    monkeypatch.setitem(CELLS, *ast.literal_eval(f"{{{line}}}").popitem())
    run = [*config, "--config.network.cell=mgu"]
    assert main([*run, "--workdir", str(folder / "mgu")]) == 0
    assert json.loads((folder / "mgu" / "summary.json").read_text())["parameters"] > 0
    words = ["--config.network.initializer=chrono", "--workdir", str(folder / "no")]
    assert main([*run, *words]) == 2
    assert "network.cell is mgu, which has no gate that keeps" in capsys.readouterr().err


@pytest.mark.slow
def test_a_cell_is_named_as_module_and_class_and_trains_resumes_and_sweeps(
    words, tmp_path, monkeypatch, capsys
):
    """The same cell in a module of a user's own, found in the current folder."""
    _, config = words
    examples = re.findall(r"```python\n(.*?)```", _CONTRIBUTING.read_text(), re.DOTALL)
    (example,) = [code for code in examples if "class MguCell" in code]
    (tmp_path / "own_cells.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    run = [*config, "--config.network.cell=own_cells:MguCell"]
    assert main([*run, "--config.train.epochs=1", "--workdir", "run"]) == 0
    assert main([*run, "--resume", "--workdir", "run"]) == 0
    kept = json.loads((tmp_path / "run" / "config.json").read_text())
    assert kept["network"]["cell"] == "own_cells:MguCell"
    axes = "--config.sweep.axes=network.hidden_size=4,3"
    assert main(["--mode", "sweep", *run, "--no-figures", axes, "--workdir", "sweep"]) == 0
    words = ["--config.network.initializer=chrono", "--workdir", "no"]
    assert main([*run, *words]) == 2
    assert "own_cells:MguCell, which has no gate that keeps" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
