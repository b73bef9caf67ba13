"""Runs and sweeps that train with a Kalman filter: what they leave, resume, sum up and say."""

import json
import math
import os
import signal

import jax
import pytest

import freqjax
from freqjax import SweepConfig, UserError, sweep
from freqjax.main import main
from freqjax.report import summary
from freqjax.run import escalation
from freqjax.run.resuming import refuse_other_changes
from freqjax.sweep.axes import Replica
from freqjax.sweep.serial import Alike, SerialReplica
from freqjax.training.filter import trainer as filtering
from freqjax.training.prepared import Prepared
from freqjax.training.regimes import require_trainable
from tests.training.filter.small import config_of

FEW = {"train__epochs": "2", "train__diagnose": "false"}


def silent(_line):
    return None


@pytest.fixture
def undrawn(monkeypatch):
    """Draw nothing."""
    monkeypatch.setattr("freqjax.tasks.Extraction.draw", lambda *_: [])


def rows_of(folder):
    """Return the rows of metrics without what a clock or a process measures."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    measured = ("seconds", "memory_mb", "crc32")
    return [{k: v for k, v in json.loads(line).items() if k not in measured} for line in lines]


def interrupt(monkeypatch, after):
    """Let a signal come before the advance that follows `after` others."""
    original, calls = filtering.FilterTrainer.advance, []

    def advance(self):
        calls.append(1)
        if len(calls) == after + 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self)

    monkeypatch.setattr(filtering.FilterTrainer, "advance", advance)
    return calls


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")
@pytest.mark.usefixtures("undrawn")
def test_an_interrupted_run_resumes_to_the_same_rows_and_evaluates_to_its_summary(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(filtering, "CHUNK_ROWS", 70)
    config = config_of(task__reset="epoch", **FEW)
    whole = freqjax.train(config, tmp_path / "whole", say=silent)
    with monkeypatch.context() as patch:
        interrupt(patch, 7)  # within the first block of the second epoch
        outcome = escalation.run(config, tmp_path / "run", resume=False, say=silent)
    assert outcome.signum == signal.SIGTERM
    assert 400 < outcome.summary["updates"] < 600
    resumed = freqjax.train(config, tmp_path / "run", resume=True, say=silent)
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "whole")
    same = [{k: v for k, v in s.items() if k != "wall_seconds"} for s in (resumed, whole)]
    assert same[0] == same[1]
    assert (resumed["updates"], resumed["stop_reason"]) == (800, "epochs_done")
    # The best row's shadow losses are the frozen training losses of the weights that were kept.
    best = min(row["frozen_mse"] for row in rows_of(tmp_path / "run"))
    assert resumed["train"]["mse"] == pytest.approx(best, rel=2e-4)
    out = tmp_path / "out"
    assert main(["evaluate", f"--checkpoint={tmp_path / 'run'}", f"--workdir={out}"]) == 0
    capsys.readouterr()
    evaluated = json.loads((out / "evaluation.json").read_text())
    assert evaluated["test"] == resumed["test"]


def test_a_run_that_learned_too_little_says_so_without_gradients_or_chasing(tmp_path):
    config = config_of(train__epochs="1", train__diagnose="true")
    lines = []
    found = freqjax.train(config, tmp_path / "run", say=lines.append)
    assert found["frozen_prequential_ratio"] is None
    causes = json.loads((tmp_path / "run" / "diagnosis.json").read_text())
    assert not {c["cause"] for c in causes} & {"weight_chasing", "forgetting", "capacity"}
    report = (tmp_path / "run" / "report.md").read_text()
    assert "A Kalman filter takes no gradient of a loss" in report
    assert "Frozen: the lowest so far of weights\nheld still, on the rows of the block" in report
    assert "chase" not in report + "\n".join(lines)
    drawn = {path.name for path in (tmp_path / "run" / "figures").iterdir()}
    assert "learning_curves.png" in drawn
    assert not drawn & {"gradient_norms.png", "chasing_gap.png"}
    first = next(line for line in lines if line.startswith("epoch 1/1"))
    row = rows_of(tmp_path / "run")[0]
    assert f"loss {row['loss']:.4f}" in first
    assert f"frozen {row['frozen_mse']:.4f}" in first


@pytest.mark.usefixtures("undrawn")
def test_a_run_begins_with_the_weights_of_another(tmp_path):
    freqjax.train(config_of(**FEW), tmp_path / "first", say=silent)
    config = config_of(**FEW, train__init_from=str(tmp_path / "first"))
    found = freqjax.train(config, tmp_path / "second", say=silent)
    assert found["init_from"]["path"] == str(tmp_path / "first")
    # Its first shadows are of the weights that the first run kept.
    kept = min(row["frozen_mse"] for row in rows_of(tmp_path / "first"))
    assert rows_of(tmp_path / "second")[0]["frozen_mse"] == pytest.approx(kept, rel=1e-4)


@pytest.fixture(scope="module")
def of_another_seed(tmp_path_factory):
    """Name of a checkpoint whose biases are not those of seed 0."""
    folder = tmp_path_factory.mktemp("begun") / "first"
    fields = {**FEW, "train__epochs": "1", "train__page": "false", "train__seed": "7"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("freqjax.tasks.Extraction.draw", lambda *_: [])
        freqjax.train(config_of(**fields), folder, say=silent)
    return str(folder)


@pytest.mark.usefixtures("undrawn")
def test_a_run_from_other_weights_resumes_with_what_it_does_not_train(of_another_seed, tmp_path):
    config = config_of(**FEW, train__init_from=of_another_seed)
    whole = freqjax.train(config, tmp_path / "whole", say=silent)
    first = config_of(**{**FEW, "train__epochs": "1"}, train__init_from=of_another_seed)
    freqjax.train(first, tmp_path / "run", say=silent)
    resumed = freqjax.train(config, tmp_path / "run", resume=True, say=silent)
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "whole")
    assert resumed["test"] == whole["test"]


def test_a_replica_that_was_held_goes_on_elsewhere_from_its_initial_weights():
    """Of the speeds of an LRU, whose priors are a share of the initial ones."""
    config = config_of("online_lru", **{**FEW, "train__epochs": "4"})
    (device, *_), replica = jax.devices(), Replica(0, {}, config)

    def rows_until(member, epoch):
        rows = []
        while member.log.is_before(epoch):
            rows += member.advance(device)
        return [(row["loss"], row["frozen_mse"]) for row in rows]

    whole = rows_until(SerialReplica(replica, Alike()), math.inf)
    first, second = SerialReplica(replica, Alike()), SerialReplica(replica, Alike())
    rows = rows_until(first, 3)  # the best weights are no longer the initial ones
    first.hold()
    assert first.held is not None
    second.resume(first.held)
    assert rows + rows_until(second, math.inf) == whole


@pytest.mark.slow
def test_replicas_of_a_sweep_are_their_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("freqjax.tasks.Extraction.draw", lambda *_: [])
    config = config_of(**FEW)
    config.sweep = SweepConfig(axes={"train.seed": (0, 1)})
    sweep.run(config, tmp_path / "sweep", resume=False, figures=False, say=silent)
    table = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    freqjax.train(config_of(**FEW, train__seed="1"), tmp_path / "run", say=silent)
    alone = json.loads((tmp_path / "run" / "summary.json").read_text())
    replica = next(r for r in table["rows"] if r["train.seed"] == 1)
    assert replica["test_mse"] == pytest.approx(alone["test"]["mse"], rel=1e-6)
    own = [row for row in rows_of(tmp_path / "sweep") if row["replica"] == replica["replica"]]
    for one, other in zip(own, rows_of(tmp_path / "run"), strict=True):
        assert {key: one[key] for key in ("loss", "frozen_mse", "step")} == {
            key: other[key] for key in ("loss", "frozen_mse", "step")
        }


def test_losses_of_different_weights_make_no_ratio():
    task = freqjax.tasks.make_task(config_of().task)
    row = {"epoch": 1, "loss": 0.1, "frozen_mse": 0.5, task.columns.loss: [0.1, 0.1]}
    assert summary.of_rows([row], task, 1)["frozen_prequential_ratio"] == pytest.approx(5)
    filtered = row | {"covariance_trace": 3.0}
    assert summary.of_rows([filtered], task, 1)["frozen_prequential_ratio"] is None


def test_a_network_that_a_filter_cannot_train_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(UserError, match=r"^network.initializer is orthogonal: it must be rotor or"):
        freqjax.train(config_of(network__initializer="orthogonal"), tmp_path / "run", say=silent)
    assert not (tmp_path / "run").exists()


def test_initial_weights_that_join_two_pairs_are_refused():
    config = config_of(train__init_from="elsewhere")
    prepared = Prepared(config)
    params = prepared.initial_params()
    require_trainable(prepared.network, prepared.task, config, params)
    kernel = params["cell"]["recurrent"]["kernel"]
    params["cell"]["recurrent"]["kernel"] = kernel.at[1, 2].set(0.1)  # units of pairs 0 and 1
    with pytest.raises(
        UserError, match=r"^train.init_from is elsewhere: .* and 1 of them are not.$"
    ):
        require_trainable(prepared.network, prepared.task, config, params)


def test_a_resume_cannot_change_between_a_filter_and_gradients():
    config, other = config_of(), config_of()
    other.optimizer.name = "adam"
    with pytest.raises(UserError, match=r"^optimizer.name is ekf and was adam: a resume cannot"):
        refuse_other_changes(config, other)
    with pytest.raises(UserError, match=r"^optimizer.name is adam and was ekf: a resume cannot"):
        refuse_other_changes(other, config)
    other.optimizer.name = "ekf"
    other.optimizer.observation_noise = 0.5
    assert refuse_other_changes(config, other) == ["optimizer.observation_noise"]
