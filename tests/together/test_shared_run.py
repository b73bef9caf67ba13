"""A run that processes share, each with two devices, against the same run on one device of one process."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
import types

import jax
import numpy as np
import pytest

from freqjax import UserError
from freqjax.config import sections
from freqjax.deploy.trained import load
from freqjax.main import main
from freqjax.run import ending, escalation
from freqjax.training.division import Division
from tests.processes import running
from tests.root import ROOT
from tests.tasks.autoencoder.made import config_of, write_sequences
from tests.together import worker
from tests.twins import tiny_config

ENVIRONMENT = os.environ | {"JAX_PLATFORMS": "cpu", "FREQJAX_PROGRESS": "off"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def silent(_):
    return None


def autoencoder(folder, epochs):
    """A run of 32 sequences in batches of 8, of different lengths, some of whose vectors are dropped."""
    fields = {
        "batch": 8,
        "epochs": epochs,
        "hidden_size": 5,
        "encoder": "recurrent",
        "decoder": "recurrent",
    }
    fields |= {"word_dropout": 0.1, "regime": "examples"}
    config = config_of({"data": str(folder / "own.npz")}, **fields)
    config.train.diagnose = config.train.page = False
    return config


def parallel():
    """A run of 4 blocks side by side, in updates of 5 samples that carry the state on."""
    config = tiny_config(
        task={"frequencies": (1.0, 3.0, 4.0, 5.0)},
        train={"regime": "tbptt", "truncation": 5, "streams": "parallel", "page": False},
    )
    config.optimizer.name, config.optimizer.learning_rate = "sgd", 0.05
    return config


def write(config, folder):
    folder.with_suffix(".json").write_text(json.dumps(sections.to_dict(config)), encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def unevaluated():
    """Runs without the evaluation at their end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ending, "sum_up", worker.end)
        yield


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What two processes print, and the folders of runs that they made; one of which one process began."""
    folder = tmp_path_factory.mktemp("shared")
    write_sequences(folder)
    write(autoencoder(folder, 2), folder / "resumed")
    write(parallel(), folder / "parallel")
    escalation.train(autoencoder(folder, 1), folder / "resumed", say=silent)
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "tests.together.worker", address, "2"]
    names = [str(folder / name) for name in ("resumed", "parallel")]
    settings = {"cwd": ROOT, "env": ENVIRONMENT, "text": True}
    settings |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with (
        running([*command, "0", "2", *names], **settings) as first,
        running([*command, "1", "2", *names], **settings) as second,
    ):
        said = [process.communicate(timeout=240)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), "\n".join(said)
    return folder, said


def assert_same_weights(ours, theirs):
    for a, b in zip(
        jax.tree.leaves(load(ours).params), jax.tree.leaves(load(theirs).params), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    frozen = next(name for name in rows[0] if name.startswith("frozen") and "per" not in name)
    return [[row["loss"], row[frozen], row["grad_norm"]] for row in rows]


def test_two_processes_go_on_with_a_run_of_one_which_goes_on_with_theirs(shared, tmp_path):
    folder, said = shared
    config = autoencoder(folder, 3)
    escalation.train(config, tmp_path / "one", say=silent)
    escalation.train(config, folder / "resumed", resume=True, say=silent)
    np.testing.assert_allclose(losses(folder / "resumed"), losses(tmp_path / "one"), rtol=1e-4)
    assert_same_weights(folder / "resumed", tmp_path / "one")
    assert "resumed at update 4, epoch 1" in said[0]
    assert "devices: 4 of 2 processes divide the 8 sequences of each mini-batch" in said[0]
    assert "epoch" not in said[1] and "devices" not in said[1]


def test_two_processes_divide_streams_that_run_side_by_side(shared, tmp_path):
    folder, said = shared
    escalation.train(parallel(), tmp_path / "one", say=silent)
    np.testing.assert_allclose(losses(folder / "parallel"), losses(tmp_path / "one"), rtol=1e-4)
    assert_same_weights(folder / "parallel", tmp_path / "one")
    assert "devices: 4 of 2 processes divide the 4 sequences of each mini-batch" in said[0]


def test_a_folder_keeps_no_other_processes(shared):
    values = json.loads((shared[0] / "parallel" / "config.json").read_text())
    assert values["run"] == dataclasses.asdict(sections.RunConfig()) | values["run"]
    assert (values["run"]["coordinator"], values["run"]["process_id"]) == ("", None)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"train.regime": "online"}, "train.regime is online: it must be examples, windows, or"),
        ({"train.regime": "full"}, "train.streams is sequential: it must be parallel"),
        (
            {
                "train.regime": "full",
                "train.streams": "parallel",
                "curriculum.first_horizon": 0.5,
                "network.learned_carry": True,
                "train.divergence_factor": None,
            },
            "curriculum.first_horizon is 0.5: it must be none",
        ),
        (
            {
                "train.regime": "full",
                "train.streams": "parallel",
                "train.escalate": (8,),
                "train.diagnose": True,
            },
            "train.escalate is 8: it must be empty",
        ),
    ],
)
def test_what_processes_cannot_share_is_refused_before_they_meet(fields, part, tmp_path):
    config = tiny_config()
    config.run.coordinator, config.run.num_processes, config.run.process_id = "127.0.0.1:1", 2, 1
    for name, value in fields.items():
        section, _, field = name.partition(".")
        setattr(getattr(config, section), field, value)
    with pytest.raises(UserError, match=f"{part}.* run.coordinator is set"):
        escalation.train(config, tmp_path / "run", say=silent)
    assert not (tmp_path / "run").exists()


def test_a_number_of_sequences_that_processes_cannot_halve_is_refused():
    devices = [types.SimpleNamespace(process_index=n) for n in (0, 0, 1, 1)]
    with pytest.raises(UserError, match="it must divide the 7 sequences of each mini-batch"):
        Division(devices, 7, "train.batch")


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["--config.run.num_processes=2"], "run.num_processes is 2: it goes with run.coordinator"),
        (
            ["--config.run.coordinator=here", "--workdir=run"],
            "run.coordinator is 'here': it must be HOST:PORT",
        ),
        (["--config.run.coordinator=127.0.0.1:1"], "--workdir is missing"),
        (
            [
                "--config.run.coordinator=127.0.0.1:1",
                "--config.run.num_processes=2",
                "--workdir=run",
            ],
            "run.process_id is none",
        ),
    ],
)
def test_wrong_fields_are_one_sentence(flags, part, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps(sections.to_dict(parallel())), encoding="utf-8"
    )
    assert main(["--mode", "train", "--config", "config.json", *flags]) == 2
    said = capsys.readouterr().err
    assert part in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_process_ends_the_other_with_one_sentence(lost, tmp_path):
    config = parallel()
    config.train.epochs = 1_000_000
    write(config, tmp_path / "run")
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "tests.together.worker", address, "2"]
    settings = {"cwd": ROOT, "env": ENVIRONMENT, "text": True}
    settings |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with (
        running([*command, "0", "2", str(tmp_path / "run")], **settings) as first,
        running([*command, "1", "2", str(tmp_path / "run")], **settings) as second,
    ):
        until = time.monotonic() + 120
        while not (tmp_path / "run" / "metrics.jsonl").exists() and time.monotonic() < until:
            time.sleep(0.2)
        both = [first, second]
        both[lost].kill()
        said = both[1 - lost].communicate(timeout=60)[1]
        both[lost].communicate()
    assert both[1 - lost].returncode == 2
    assert said == (
        f"freqjax: process {lost} of this run was lost: start all of them again with --resume.\n"
    )
