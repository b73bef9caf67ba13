"""Sweeps: a replica is its solo run, wherever and with whomever it is trained."""

import dataclasses
import functools
import json
import math
import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest
from scipy import stats

import freqjax
from freqjax import Config, RunConfig, SweepConfig, UserError, sweep
from freqjax.checkpoints.records import ReplicaRecord
from freqjax.checkpoints.rows import read as read_rows
from freqjax.config import overrides
from freqjax.config import sections as configs
from freqjax.main import main
from freqjax.networks import make_network
from freqjax.sweep import checks, lines, results
from freqjax.sweep import sweep as sweeping
from freqjax.sweep.axes import buckets, replicas
from freqjax.sweep.shared import SharedReplicas
from freqjax.tasks import Extraction, make_task
from freqjax.tasks.autoencoder.presets import preset
from freqjax.tasks.extraction import datasets
from freqjax.training.frozen import group_means, make_forward
from freqjax.training.trainers import StreamTrainer
from tests.processes import running
from tests.root import ROOT
from tests.twins import split_of, tiny_config


def silent(_line):
    return None


def sweep_config(axes, **sections) -> Config:
    config = tiny_config(**sections)
    config.sweep = SweepConfig(axes={field: tuple(values) for field, values in axes.items()})
    return overrides.apply(config, [])


def run(config, folder, *, resume=False, say=silent, figures=False):
    return sweep.run(config, folder, resume=resume, figures=figures, say=say)


def found(folder):
    return json.loads((folder / "sweep.json").read_text())


def rows_of(folder, replica=None):
    kept = [row for row in read_rows(folder / "metrics.jsonl", pytest.fail)]
    return [row for row in kept if replica is None or row["replica"] == replica]


ONLINE = sweep_config(
    {
        "train.seed": (0, 3),
        "network.hidden_size": (4, 3),
        "task.phase_scale": (1.0, 0.1),
        "optimizer.learning_rate": (1e-3, 1e-2),
    },
    train={"epochs": 3, "divergence_factor": None},
)
FRESH = sweep_config(
    {
        "network.initializer": ("pytorch", "orthogonal"),
        "optimizer.epsilon": (1e-8, 1e-3),
        "optimizer.weight_decay": (1e-4, 1e-2),
        "optimizer.clip_norm": (0.1, 1.0),
    },
    task={"noise": "fresh"},
    train={"regime": "tbptt", "truncation": 5, "epochs": 13, "divergence_factor": None},
    optimizer={"schedule": "plateau", "plateau_patience": 0, "plateau_min_delta": 1.0},
)
STACK = sweep_config(
    {"train.seed": (0, 1), "network.hidden_size": (4, 3), "network.dropout": (0.0, 0.5)},
    train={"regime": "full", "streams": "parallel", "epochs": 5, "divergence_factor": None},
    network={"cell": "gru", "layers": 2, "conditioning": "film"},
)
COSINE = sweep_config(
    {
        "train.epochs": (100, 110),
        "task.phase_scale": (0.5,),
        "optimizer.learning_rate": (0.01, 0.02),
        "optimizer.final_fraction": (0.1, 0.2),
    },
    task={"start": "random", "starts": 3},
    train={"regime": "full", "streams": "parallel", "divergence_factor": None, "evaluate_every": 7},
    optimizer={"schedule": "cosine", "name": "sgd"},
)


def solo(config):
    """Return the rows of a solo run, each with its frozen loss, and its weights."""
    task = make_task(config.task)
    blocks = task.rows("train")
    network = make_network(config.network, task)
    trainer = StreamTrainer(network, task, config, blocks)
    forward, rows = make_forward(network), []
    while trainer.epoch < config.train.epochs:
        result = trainer.advance()
        if result is not None:
            outputs = forward(trainer.params, blocks, config.task.reset)
            rows.append(result.row | {"frozen": group_means(outputs, blocks, task)})
    return rows, trainer.params


@pytest.mark.parametrize(
    ("config", "indices"),
    [
        pytest.param(ONLINE, (0, 13), id="online"),
        pytest.param(FRESH, (2, 13), id="fresh tbptt with a plateau", marks=pytest.mark.slow),
        pytest.param(COSINE, (0, 5), id="full with a cosine", marks=pytest.mark.slow),
    ],
)
def test_every_replica_is_its_solo_run(config, indices):
    """Losses, gradients, rates and frozen errors of 100 updates and more, to 1e-5."""
    members = shared(config)
    rows = [epoch(members) for _ in range(max(r.config.train.epochs for r in replicas(config)))]
    for index in indices:
        replica = replicas(config)[index]
        expected, params = solo(replica.config)
        assert expected[-1]["step"] >= 100
        mine = [row for at_epoch in rows for row in at_epoch if row["replica"] == index]
        assert len(mine) == len(expected)
        for a, b in zip(mine, expected, strict=True):
            if b["step"] > 120:  # rounding grows from update to update
                break
            for key in ("epoch", "step", "loss", "grad_norm", "grad_norm_max", "lr"):
                assert a[key] == pytest.approx(b[key], rel=1e-5), key
            if a["frozen_mse"] is not None:
                assert a["frozen_mse_per_frequency"] == pytest.approx(b["frozen"], rel=1e-5)
        head = members.arrays().state.params["head"]["bias"][index]
        np.testing.assert_allclose(head, params["head"]["bias"], rtol=1e-4)


@pytest.mark.slow
def test_a_replica_ends_as_a_run_alone_does(tmp_path, monkeypatch):
    """The same best weights, and the same word for why it stopped."""
    monkeypatch.setattr(Extraction, "draw", lambda *_: [])
    stopping = {"patience": 2, "min_delta": 0.0, "epochs": 30, "divergence_factor": 1.1}
    axes = {"optimizer.learning_rate": (1e-3, 0.3), "network.hidden_size": (4, 3)}
    config = sweep_config(axes, train=stopping)
    run(config, tmp_path / "sweep")
    for index in (0, 3):
        row = found(tmp_path / "sweep")["rows"][index]
        alone = freqjax.train(replicas(config)[index].config, tmp_path / f"{index}", say=silent)
        for key in ("stop_reason", "epochs", "updates", "parameters", "weights"):
            assert row[key] == alone[key], key
        assert row["train_mse"] == pytest.approx(alone["train"]["mse"], rel=1e-5)
        assert row["test_mse"] == pytest.approx(alone["test"]["mse"], rel=1e-5)


@pytest.mark.slow
def test_stacks_of_any_cell_sweep_and_dropout_is_the_replicas_own(tmp_path):
    run(STACK, tmp_path / "sweep")
    assert json.loads((tmp_path / "sweep/summary.json").read_text())["programs"] == 3
    for index in (0, 2, 7):
        expected, _ = solo(replicas(STACK)[index].config)
        for a, b in zip(rows_of(tmp_path / "sweep", index), expected, strict=True):
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)


def shared(config, devices=None):
    (bucket,) = buckets(replicas(config), config.sweep.widest_padding)
    return SharedReplicas(bucket, bucket.replicas, devices)


def epoch(members):
    while True:
        rows = members.advance()
        if rows is not None:
            return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_padding_stays_exactly_zero():
    config = sweep_config(
        {"network.hidden_size": (4, 3)}, network={"learned_carry": True}, train={"epochs": 3}
    )
    members = shared(config)
    for _ in range(3):
        epoch(members)
    state = members.arrays().state
    narrow = jax.tree.map(lambda a: a[1], state.params)
    assert not np.any(narrow["cell"]["recurrent"]["kernel"][3])
    assert not np.any(narrow["cell"]["input"]["kernel"][:, 3::4])
    assert not np.any(narrow["head"]["kernel"][3]) and narrow["carry"][3] == 0
    assert not np.any(state.carry.c[1, :, 3]) and not np.any(state.opt_state.mu["carry"][1, 3])
    assert np.all(narrow["cell"]["recurrent"]["kernel"][:3, :3] != 0)


def test_devices_change_nothing_and_a_restore_may_change_them():
    config = sweep_config({"train.seed": (0, 1, 2, 3, 4)}, train={"epochs": 4})
    alone, spread = shared(config, jax.devices()[:1]), shared(config)
    for _ in range(2):
        assert epoch(alone) == epoch(spread)
    two = shared(config, jax.devices()[:2])
    saved = json.loads(json.dumps([dataclasses.asdict(r) for r in spread.records()]))
    two.restore(spread.arrays(), [ReplicaRecord.from_json(values) for values in saved])
    for _ in range(2):
        assert epoch(alone) == epoch(two)
    assert alone.results() == two.results()


def test_nothing_recompiles_and_the_state_is_given_up():
    config = sweep_config({"train.seed": (0, 1)}, train={"epochs": 9})
    members = shared(config)
    epoch(members)
    compiled = members.compilations
    before = members._arrays.state.params["head"]["kernel"]
    for _ in range(3):
        epoch(members)
    assert before.is_deleted()
    members.restore(members.arrays(), members.records())
    epoch(members)
    assert members.compilations == compiled


def test_a_replica_that_diverges_is_frozen_and_the_others_go_on(tmp_path):
    sections = {
        "optimizer": {"name": "sgd", "clip_norm": None},
        "train": {"epochs": 4, "divergence_factor": None, "regime": "full", "streams": "parallel"},
    }
    rates = (1e-3, 1e30, 1e-2)
    run(sweep_config({"optimizer.learning_rate": rates}, **sections), tmp_path / "all")
    run(sweep_config({"optimizer.learning_rate": rates[::2]}, **sections), tmp_path / "good")
    rows = found(tmp_path / "all")["rows"]
    assert rows[1]["stop_reason"] == "non_finite" and rows[1]["bad_update"] is not None
    assert rows[1]["epochs"] < 4
    assert len(rows_of(tmp_path / "all", 1)) == rows[1]["epochs"]
    for mine, theirs in zip(rows[::2], found(tmp_path / "good")["rows"], strict=True):
        assert mine | {"replica": 0} == theirs | {"replica": 0}
    assert found(tmp_path / "all")["best_replica"] != 1


CURRICULUM = sweep_config(
    {"train.seed": (0, 1, 2)},
    task={"sampling_rate": 50.0, "noise": "fresh"},
    network={"initializer": "rotor", "learned_carry": True, "hidden_size": 8},
    train={"regime": "full", "streams": "parallel", "epochs": 4, "divergence_factor": None},
    curriculum={"first_horizon": 0.2},
)


@pytest.mark.slow
def test_a_curriculum_is_swept_one_by_one_and_resumes(tmp_path, monkeypatch):
    """A kill after two of three are done loses the third alone."""
    monkeypatch.setattr(Extraction, "draw", lambda *_: [])
    monkeypatch.setattr(sweeping, "_SAVE_SECONDS", 0.0)
    monkeypatch.setattr(lines, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(jax, "local_devices", lambda *_: jax.devices()[:2])
    with pytest.raises(Killed):
        run(CURRICULUM, tmp_path / "sweep", say=killer(6))
    said = []
    run(CURRICULUM, tmp_path / "sweep", resume=True, say=said.append)
    assert sum(line.startswith("epoch") for line in said) == 4
    row = found(tmp_path / "sweep")["rows"][2]
    alone = freqjax.train(replicas(CURRICULUM)[2].config, tmp_path / "2", say=silent)
    assert row["test_mse"] == pytest.approx(alone["test"]["mse"], rel=1e-4)
    assert row["updates"] == alone["updates"] and row["parameters"] == alone["parameters"]
    losses = [row["loss"] for row in rows_of(tmp_path / "2")]
    assert [row["loss"] for row in rows_of(tmp_path / "sweep", 2)] == pytest.approx(
        losses, rel=1e-4
    )
    assert len(rows_of(tmp_path / "sweep")) == 12


def test_windows_are_swept_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(Extraction, "draw", lambda *_: [])
    config = sweep_config(
        {"train.seed": (0, 1)},
        train={"regime": "windows", "epochs": 2},
        windows={"length": 6, "stride": 2, "batch": 4},
    )
    run(config, tmp_path / "sweep")
    alone = freqjax.train(replicas(config)[1].config, tmp_path / "alone", say=silent)
    row = found(tmp_path / "sweep")["rows"][1]
    assert row["test_mse"] == pytest.approx(alone["test"]["mse"], rel=1e-4)
    assert (row["updates"], row["epochs"]) == (alone["updates"], alone["epochs"])


class Killed(Exception):
    pass


def killer(after):
    """Return a `say` that raises during an epoch's end, like a kill."""
    lines = []

    def say(line):
        lines.append(line)
        if sum(line.startswith("epoch") for line in lines) == after:
            raise Killed

    return say


@pytest.mark.parametrize(
    "after", [pytest.param(1, marks=pytest.mark.slow), 3, pytest.param(5, marks=pytest.mark.slow)]
)
def test_a_killed_sweep_resumes_to_the_same_end(after, tmp_path, monkeypatch):
    axes = {"train.seed": (0, 1), "network.hidden_size": (9, 4)}  # two programs
    config = sweep_config(axes, train={"epochs": 3})
    monkeypatch.setattr(sweeping, "_SAVE_SECONDS", 0.0)
    monkeypatch.setattr(lines, "LINE_SECONDS", 0.0)
    run(config, tmp_path / "whole")
    with pytest.raises(Killed):
        run(config, tmp_path / "cut", say=killer(after))
    assert not (tmp_path / "cut" / "sweep.json").exists()
    run(config, tmp_path / "cut", resume=True)
    assert found(tmp_path / "cut") == found(tmp_path / "whole")
    for one, other in zip(rows_of(tmp_path / "cut"), rows_of(tmp_path / "whole"), strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}


def test_means_and_intervals_are_students():
    values = [0.3, 0.1, 0.25, 0.4]
    mean, low, high = results.mean_interval(values)
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (mean, low, high) == pytest.approx((np.mean(values), *expected))
    assert results.mean_interval([0.5]) == (0.5, None, None)
    rows = [{"a": a, "test_mse": m} for a, m in ((1, 0.2), (2, None), (1, 0.4), (2, 0.1))]
    one, two = results.aggregate(rows, ["a"])
    assert (one["replicas"], one["not_finite"], one["test_mse_mean"]) == (2, 0, pytest.approx(0.3))
    assert (two["replicas"], two["not_finite"], two["test_mse_best"]) == (2, 1, 0.1)


def test_programs_are_shared_by_what_they_are_made_from():
    def count(axes, **sections):
        config = sweep_config(axes, **sections)
        return len(buckets(replicas(config), config.sweep.widest_padding))

    assert count({"train.seed": range(50)}) == 1
    assert count({"network.hidden_size": (64, 48, 43, 42, 21)}) == 3  # 64 to 43, 42, 21
    assert count({"optimizer.beta1": (0.9, 0.8)}) == 2
    assert count({"optimizer.clip_norm": (1.0, 2.0, None)}) == 2
    assert count({"optimizer.weight_decay": (0.0, 0.1, 0.2)}) == 2
    assert count({"task.duration": (1.0, 2.0)}) == 2
    assert count({"task.frequencies": ((1.0, 2.0), (1.0, 4.0), (1.0,))}) == 2
    assert count({"train.regime": ("online", "full")}) == 2
    curriculum = {k: getattr(CURRICULUM, k).__dict__ for k in ("task", "network", "train")}
    axes = {"network.hidden_size": (10, 8), "train.seed": (0, 1)}
    assert count(axes, curriculum=CURRICULUM.curriculum.__dict__, **curriculum) == 2
    # Fields of a task that its network is made from divide replicas that are trained one by one.
    config = preset("tiny")
    config.task.data, config.task.length, config.task.dimensions = "poems", 50, 300
    config.sweep.axes = {"task.numbers": (8, 12), "task.word_dropout": (0.0, 0.1)}
    assert len(buckets(replicas(config), config.sweep.widest_padding)) == 2


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "sweep.axes is empty"),
        ("train.sed=1", "nearest one is config.train.seed"),
        ("train.seed", "must be FIELD=VALUE"),
        ("train.seed=1,1", "a value is there twice"),
        ("run.process_id=1", "an axis is a field of one of"),
        ("train.seed=a", "must be a whole number"),
        ("train.seed=0..200;task.train_seed=0..200", "give 40401 replicas"),
        ("train.seed=0..4000000000", "more than 10000 values"),
        ("network.hidden_size=4,0", "network.hidden_size is 0"),
        ("optimizer.learning_rate=1e-3,-1", "optimizer.learning_rate is -1"),
        ("train.truncation=3,5;train.regime=tbptt", "train.truncation is 3"),
        ("network.initializer=pytorch,rotor", "task.rotor_high is 20 Hz"),
    ],
)
def test_a_wrong_axis_is_one_sentence_before_anything_is_written(text, part, tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps(configs.to_dict(tiny_config())))
    flags = ["--mode", "sweep", "--config", str(tmp_path / "config.json")]
    code = main([*flags, "--workdir", str(tmp_path / "run"), f"--config.sweep.axes={text}"])
    said = capsys.readouterr().err
    assert code == 2 and part in said and said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"process_id": 1}, "goes with run.coordinator"),
        ({"coordinator": "somewhere", "num_processes": 2, "process_id": 0}, "must be HOST:PORT"),
        ({"coordinator": "localhost:99999"}, "must be HOST:PORT"),
        ({"coordinator": "localhost:9999", "num_processes": 2}, "run.process_id is none"),
        (
            {"coordinator": "localhost:9999", "num_processes": 2, "process_id": 2},
            "must be below run.num_processes, 2",
        ),
        ({"cpu_devices": 3}, "JAX runs already, with 4"),
    ],
)
def test_processes_that_cannot_meet_are_told_why(fields, part, tmp_path):
    jax.devices("cpu")  # with a GPU JAX may run without
    config = sweep_config({"train.seed": (0,)})
    config.run = RunConfig(**fields)
    with pytest.raises(UserError, match=part):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("network", "engine", "part"),
    [
        (
            {"initializer": "pytorch", "recurrence": "pairs"},
            "auto",
            "network.initializer is pytorch",
        ),
        ({"initializer": "rotor", "cell": "lru"}, "native", "the network is a LruNetwork"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_before_a_folder_is_made(
    network, engine, part, tmp_path
):
    config = sweep_config(
        {"train.seed": (0, 1)},
        task={"rotor_high": 8.0},
        network={"learned_carry": True, "hidden_size": 8} | network,
        optimizer={"name": "ekf"},
        train={
            "regime": "online", "streams": "sequential", "gradient": "rtrl", "engine": engine,
            "divergence_factor": None,
        },
    )  # fmt: skip
    with pytest.raises(UserError, match=part):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_resume_of_another_sweep_is_refused(tmp_path):
    run(sweep_config({"train.seed": (0,)}, train={"epochs": 0}), tmp_path / "run")
    other = sweep_config({"train.seed": (0, 1)}, train={"epochs": 0})
    with pytest.raises(UserError, match=r"sweep\.axes differ"):
        run(other, tmp_path / "run", resume=True)


def test_a_resume_with_the_axes_in_another_order_is_refused(tmp_path):
    axes = {"train.seed": (0, 1), "optimizer.learning_rate": (0.1, 0.2)}
    run(sweep_config(axes, train={"epochs": 0}), tmp_path / "run")
    turned = sweep_config(dict(reversed(axes.items())), train={"epochs": 0})
    with pytest.raises(UserError, match=r"sweep\.axes \(their order\) differ"):
        run(turned, tmp_path / "run", resume=True)


def test_a_sweeps_folder_is_not_a_runs(tmp_path, capsys):
    run(sweep_config({"train.seed": (0,)}, train={"epochs": 1}), tmp_path / "run")
    before = (tmp_path / "run/metrics.jsonl").read_text()
    assert main(["--mode", "train", "--resume", "--workdir", str(tmp_path / "run")]) == 2
    assert "sweep.axes is set: --mode sweep trains its replicas" in capsys.readouterr().err
    assert (tmp_path / "run/metrics.jsonl").read_text() == before


def test_what_no_replica_could_do_is_refused_before_anything_is_written(tmp_path):
    config = sweep_config({"network.cell": ("lstm", "gru")}, train={"engine": "closed_form"})
    with pytest.raises(UserError, match=r"train\.engine is closed_form"):
        run(config, tmp_path / "run")
    config = sweep_config({"train.seed": (0,)}, task={"train_path": str(tmp_path / "rows.npz")})
    with pytest.raises(UserError, match=r"rows\.npz"):
        run(config, tmp_path / "run")
    noisy = configs.default_config("lines")
    noisy.task.noise_path, noisy.task.noise_colors = str(tmp_path / "noise.wav"), ("recordings",)
    noisy.sweep = SweepConfig(axes={"train.seed": (0,)})
    with pytest.raises(UserError, match=r"noise\.wav"):
        run(noisy, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("axes", [{"train.seed": (0,)}, {"train.escalate": ((), (5, 6))}])
@pytest.mark.parametrize("resume", [False, True])  # of nothing that is there
def test_further_sizes_are_refused(tmp_path, axes, resume):
    train = {"diagnose": True, "escalate": (5, 6)}
    with pytest.raises(UserError, match=r"^train\.escalate is 5, 6: it must be empty in a sweep, "):
        run(sweep_config(axes, train=train), tmp_path / "run", resume=resume)
    assert not (tmp_path / "run").exists()


def test_an_earlier_sweep_with_fields_that_have_no_effect_goes_on():
    """They are refused where a sweep begins, and were not always."""
    axes = {"train.escalate": ((), (5, 6))}
    members = replicas(sweep_config(axes, train={"diagnose": True}))
    assert checks.check(buckets(members, 1.0), pytest.fail, begun=True) == []


def test_an_axis_over_the_noise_of_rows_of_a_file_is_refused(tmp_path):
    path, task = tmp_path / "rows.npz", make_task(tiny_config().task)
    assert isinstance(task, Extraction)
    datasets.write_rows(path, task.dataset(split_of(task, "train")), 20.0, 20)
    config = sweep_config({"task.noise": ("fixed", "fresh")}, task={"train_path": str(path)})
    with pytest.raises(
        UserError, match=r"^task\.noise is fresh: as an axis of a sweep it must be fixed"
    ):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_kept_checkpoints_are_said_to_have_no_effect_once():
    for axes, every, count in (
        ({"network.hidden_size": (4, 40)}, 1, 1),
        ({"train.checkpoint_every": (0, 2)}, 0, 1),
        ({"network.hidden_size": (4, 40)}, 0, 0),
    ):
        members = replicas(sweep_config(axes, train={"checkpoint_every": every}))
        notes = checks.check(buckets(members, 1.0), pytest.fail)
        assert len([n for n in notes if n.startswith("train.checkpoint_every has no")]) == count


def test_replicas_on_rows_of_a_file_are_fixed_and_one_line_says_so(tmp_path):
    path, lines = tmp_path / "rows.npz", []
    task = make_task(tiny_config().task)
    assert isinstance(task, Extraction)
    datasets.write_rows(path, task.dataset(split_of(task, "train")), 20.0, 20)
    file = {"train_path": str(path), "noise": "fresh"}
    config = sweep_config({"train.seed": (0, 1)}, task=file, train={"epochs": 1})
    run(config, tmp_path / "run", say=lines.append)
    assert sum("task.noise is fixed, not fresh" in line for line in lines) == 1
    assert json.loads((tmp_path / "run" / "config.json").read_text())["task"]["noise"] == "fixed"
    assert {r.config.task.noise for r in replicas(config)} == {"fixed"}


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("rungs", [{}, {"halving": 2, "first_rung": 1}], ids=["all", "halved"])
def test_two_processes_of_two_devices_find_what_one_process_finds(rungs, tmp_path):
    axes = {"train.seed": (0, 1, 2), "network.hidden_size": (4, 3)}
    config = sweep_config(axes, train={"epochs": 2, "divergence_factor": None})
    config.sweep = dataclasses.replace(config.sweep, **rungs)
    run(config, tmp_path / "one")
    (tmp_path / "config.json").write_text(json.dumps(configs.to_dict(config)))
    flags = ["--mode", "sweep", "--no-figures", "--config", str(tmp_path / "config.json")]
    flags += ["--workdir", str(tmp_path / "two"), "--config.run.cpu_devices=2"]
    flags += [f"--config.run.coordinator=127.0.0.1:{free_port()}", "--config.run.num_processes=2"]
    start = functools.partial(
        running, cwd=ROOT, env=os.environ | {"JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    command = [sys.executable, "-m", "freqjax.main", *flags]
    with (
        start([*command, "--config.run.process_id=0"]) as first,
        start([*command, "--config.run.process_id=1"]) as second,
    ):
        said = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    one, two = found(tmp_path / "one"), found(tmp_path / "two")
    assert one["best_replica"] == two["best_replica"]
    assert len([row for row in two["rows"] if row["epochs"] == 1]) == (3 if rungs else 0)
    for mine, theirs in zip(one["rows"], two["rows"], strict=True):
        for key, value in mine.items():
            same = pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
            assert theirs[key] == same, key
    summary = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert (summary["processes"], summary["devices"]) == (2, 4)
    assert (
        math.isfinite(summary["wall_seconds"]) and "epoch 2/2" in said[0] and "epoch" not in said[1]
    )
