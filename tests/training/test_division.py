"""Mini-batches of one run divided over devices, against the same run on one."""

import json
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax import ClassifierConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig
from freqjax.deploy.trained import load
from freqjax.training import placement
from freqjax.training.division import Division
from freqjax.training.prepared import Prepared
from freqjax.training.trainers import StreamTrainer
from tests.root import ROOT
from tests.tasks.autoencoder.made import config_of, write_sequences
from tests.tasks.classifier.test_task import write as write_windows
from tests.twins import tiny_config

# 32 sequences to train on: a pass is 4 updates of 8.
_FIELDS = {"batch": 8, "epochs": 2, "hidden_size": 5, "encoder": "both", "decoder": "recurrent"}
_FIELDS |= {
    "cell": "rnn",
    "layers": 2,
    "residual": True,
    "dropout": 0.2,
    "word_dropout": 0.1,
    "forcing": (0.5,),
}


def trainer_of(folder, count, **fields):
    config = config_of({"data": str(write_sequences(folder))}, **(_FIELDS | fields))
    config.run.cpu_devices = count
    prepared = Prepared(config)
    return StreamTrainer(prepared.network, prepared.task, config, prepared.train_rows)


def assert_close(ours, theirs):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_two_devices_train_as_one_and_go_on_from_a_checkpoint(tmp_path):
    one, two = trainer_of(tmp_path, 1), trainer_of(tmp_path, 2)
    assert (one.note, two.note) == (None, "devices: 2 divide the 8 sequences of each mini-batch")
    assert len(two._state.params["encoder"]["read"]["kernel"].devices()) == 2

    def advance_both():
        ours, theirs = two.advance(), one.advance()
        assert ours is not None
        assert theirs is not None
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
        assert_close(two.params, one.params)
        assert_close(two.device_state(), one.device_state())

    advance_both()
    params, state = jax.device_get((two.params, two.device_state()))
    told = two.host_state()
    advance_both()
    last = jax.device_get(two.params)
    two.restore(*jax.tree.map(jnp.asarray, (params, state)), host_state=told)
    two.advance()
    assert_close(two.params, last)
    assert two.refresh_optimizer() == one.refresh_optimizer()
    advance_both()
    assert jax.tree.leaves(two.params)[0].devices() == {jax.devices()[0]}


@pytest.mark.parametrize("encoder", ["convolutions", "transformer"])
def test_two_devices_train_a_classifier_as_one(tmp_path, encoder):
    path = write_windows(tmp_path / "windows.npz")

    def trainer(count):
        task = ClassifierConfig(
            data=str(path), folds=4, encoder=encoder, dropout=0.2, smoothing=0.1
        )
        config = Config(
            task=task,
            network=NetworkConfig(cell="gru", hidden_size=8),
            # Adam divides by gradients that are rounding alone, which differs from division to division.
            optimizer=OptimizerConfig(name="sgd", learning_rate=0.05),
            train=TrainConfig(regime="examples", batch=8, epochs=2),
        )
        config.run.cpu_devices = count
        prepared = Prepared(config)
        return StreamTrainer(prepared.network, prepared.task, config, prepared.train_rows)

    one, two = trainer(1), trainer(2)
    assert two.note == "devices: 2 divide the 8 sequences of each mini-batch"
    ours, theirs = two.advance(), one.advance()
    assert ours is not None and theirs is not None
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
    assert_close(two.params, one.params)


def test_each_device_has_its_part_of_the_sequences(tmp_path):
    trainer = trainer_of(tmp_path, 4)
    rows = trainer._division.rows(trainer._source.part(0, 0))
    assert [s.data.shape[2] for s in rows.inputs.addressable_shards] == [2] * 4


@pytest.mark.parametrize(
    ("sequences", "count", "note"),
    [
        (8, 4, "devices: 4 divide the 8 sequences of each mini-batch"),
        (6, 3, "devices: 3 of 4 compute the 6 sequences .* a train.batch that is a multiple of 4 uses all"),
        (5, 1, "devices: 1 of 4 compute the 5 sequences of each mini-batch, since 4 do not divide them"),
    ],
)  # fmt: skip
def test_what_does_not_divide_evenly_takes_fewer_devices_and_says_so(sequences, count, note):
    division = Division(jax.devices(), sequences, "train.batch")
    assert division.count == count
    assert division.note is not None
    assert re.match(note, division.note)


@pytest.mark.parametrize(
    ("train", "divided"),
    [
        ({"regime": "examples"}, True),
        ({"regime": "windows"}, True),
        ({"regime": "full", "streams": "parallel"}, True),
        ({"regime": "tbptt", "streams": "parallel"}, True),
        ({"regime": "full"}, False),
        ({"regime": "tbptt"}, False),
        ({"regime": "online", "streams": "parallel"}, False),
    ],
)
def test_what_lies_side_by_side_is_divided_and_a_chosen_device_is_kept(train, divided):
    config = tiny_config(train=train)
    assert placement.sharing(config) == jax.devices()[:1]
    config.run.cpu_devices = 3
    assert placement.sharing(config) == jax.devices()[: 3 if divided else 1]
    with jax.default_device(jax.devices()[1]):
        assert placement.sharing(config) == jax.devices()[1:2]


def test_gauss_newton_steps_are_not_divided():
    config = tiny_config(
        train={"regime": "full", "streams": "parallel"}, curriculum={"first_horizon": 0.5}
    )
    config.run.cpu_devices = 3
    assert placement.sharing(config) == jax.devices()[:1]


@pytest.mark.parametrize(
    "train",
    [
        {"regime": "windows", "steps_per_epoch": 3},
        {"regime": "tbptt", "truncation": 5, "streams": "parallel"},
        {"regime": "full", "streams": "parallel"},
    ],
    ids=lambda train: train["regime"],
)
def test_two_devices_divide_windows_and_streams_as_one(train):
    def trainer(count):
        config = tiny_config(train=train, windows={"length": 8, "stride": 4, "batch": 4})
        config.optimizer.name, config.optimizer.learning_rate = "sgd", 0.05
        config.run.cpu_devices = count
        prepared = Prepared(config)
        return StreamTrainer(prepared.network, prepared.task, config, prepared.train_rows)

    one, two = trainer(1), trainer(2)
    assert two.note is not None and two.note.startswith("devices: 2 divide the ")
    for _ in range(2):
        ours, theirs = two.advance(), one.advance()
        assert ours is not None and theirs is not None
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
    assert_close(two.params, one.params)
    assert_close(two.device_state(), one.device_state())


@pytest.mark.slow
def test_a_run_on_two_devices_finds_what_one_finds(tmp_path):
    """Two programs, since a process sees as many CPU devices as it begins with."""
    data = write_sequences(tmp_path)
    flags = ["-m", "freqjax.main", "--config.task.name=autoencoder", f"--config.task.data={data}"]
    fields = {"task.encoder": "recurrent", "task.decoder": "recurrent", "network.hidden_size": 5}
    fields |= {
        "train.regime": "examples",
        "task.numbers": 3,
        "train.batch": 8,
        "train.epochs": 2,
        "train.diagnose": "false",
    }
    flags += [f"--config.{name}={value}" for name, value in fields.items()]
    said, losses, params = [], [], []
    for count in (1, 2):
        folder = tmp_path / str(count)
        done = subprocess.run(
            [sys.executable, *flags, f"--config.run.cpu_devices={count}", "--workdir", str(folder)],
            cwd=ROOT, env=os.environ | {"JAX_PLATFORMS": "cpu"}, text=True,
            capture_output=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        said.append("devices: 2 divide the 8 sequences of each mini-batch" in done.stdout)
        summary = json.loads((folder / "summary.json").read_text())
        frozen = [value for key, value in summary.items() if key.startswith("frozen")]
        losses.append([value for value in frozen if value is not None])
        params.append(load(folder).params)
    assert said == [False, True]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert_close(*params)
