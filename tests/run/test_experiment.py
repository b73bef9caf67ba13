"""A run's life: what it leaves, that it can be stopped anywhere, and that it never lies about it."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

import freqjax
from freqjax import UserError
from freqjax.config import overrides
from freqjax.report.saved import read as read_summary
from freqjax.run.experiment import Experiment, run
from freqjax.run.workdir import Workdir
from freqjax.tasks import Extraction, make_task
from freqjax.tasks.extraction import datasets
from tests.processes import running
from tests.slow import some
from tests.twins import extraction, split_of, tiny_config

# What a clock or a process measures differs from run to run, with its checksum; all else must not.
_MEASURED = ("seconds", "memory_mb", "crc32")


def silent(_line):
    return None


def train(config, folder, resume=False):
    return freqjax.train(config, folder, resume=resume, say=silent)


def rows(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [{k: v for k, v in row.items() if k not in _MEASURED} for row in found]


def comparable(summary):
    return {k: v for k, v in summary.items() if k != "wall_seconds"}


def curriculum_config(epochs=6):
    return tiny_config(
        task={"sampling_rate": 50.0, "noise": "fresh"},
        network={"initializer": "rotor", "learned_carry": True, "hidden_size": 8},
        train={
            "regime": "full",
            "streams": "parallel",
            "epochs": epochs,
            "divergence_factor": None,
        },
        curriculum={"first_horizon": 0.2},
    )


CONFIGS = {
    "online": tiny_config(train={"epochs": 6}, task={"reset": "never"}),
    "fresh tbptt with a plateau": tiny_config(
        task={"noise": "fresh"},
        train={"regime": "tbptt", "truncation": 5, "epochs": 6, "divergence_factor": None},
        optimizer={"schedule": "plateau", "plateau_patience": 0, "plateau_min_delta": 1.0},
    ),
    "full with a cosine": tiny_config(
        train={"regime": "full", "streams": "parallel", "epochs": 6},
        optimizer={"schedule": "cosine", "name": "sgd"},
    ),
    "curriculum": curriculum_config(),
}


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """Suppress figures, which take most of the time, except in the test of figures."""
    if "leaves_what_it_should" not in request.node.name:
        monkeypatch.setattr(Extraction, "draw", lambda *_: [])


@pytest.mark.filterwarnings("error")
def test_a_run_leaves_what_it_should(tmp_path):
    lines = []
    summary = freqjax.train(tiny_config(), tmp_path / "run", say=lines.append)
    folder = tmp_path / "run"
    names = {p.name for p in folder.iterdir()} - {".lock"}
    assert names == {
        "config.json", "metrics.jsonl", "summary.json", "report.md", "CARD.md", "checkpoints", "figures",
    }  # fmt: skip
    assert read_summary(folder / "summary.json", pytest.fail) == summary
    assert overrides.load(folder / "config.json") == tiny_config()
    assert len(list((folder / "figures").glob("*.png"))) >= 8
    for n, row in enumerate(rows(folder), 1):
        assert row["epoch"] == n
        assert row["step"] == 40 * n
        assert len(row["loss_per_frequency"]) == len(row["frozen_mse_per_frequency"]) == 2
        assert row["lr"] == pytest.approx(1e-3)
    text = "\n".join(lines)
    assert "frozen" in text
    assert "left" in text
    assert "predicting zero" in text
    assert str(folder / "figures") in text


def test_the_summary_agrees_with_the_checkpoint_it_names(tmp_path):
    config = tiny_config(train={"regime": "full", "streams": "parallel", "epochs": 8})
    config.optimizer.learning_rate = 0.02
    summary = train(config, tmp_path / "run")
    assert summary["parameters"] == 4 * 4 * (3 + 4) + 2 * 16 + 5
    assert summary["weights"] == "best"
    assert summary["stop_reason"] == "epochs_done"
    network = freqjax.load(tmp_path / "run")
    blocks = make_task(config.task).rows("test")
    _, outputs = network.unroll(np.swapaxes(blocks.inputs, 0, 1))
    squared = np.square(np.swapaxes(np.asarray(outputs), 0, 1) - blocks.targets)
    np.testing.assert_allclose(summary["test"]["mse"], squared.mean(), rtol=1e-5)
    np.testing.assert_allclose(
        summary["test"]["mse_per_frequency"], squared.mean(axis=(1, 2)), rtol=1e-5
    )
    best = min(row["frozen_mse"] for row in rows(tmp_path / "run"))
    np.testing.assert_allclose(summary["train"]["mse"], best, rtol=1e-5)


@pytest.mark.parametrize("name", some(CONFIGS, "online"))
def test_a_run_repeats_itself_bitwise(tmp_path, name):
    first, second = (train(CONFIGS[name], tmp_path / folder) for folder in "ab")
    assert rows(tmp_path / "a") == rows(tmp_path / "b")
    assert comparable(first) == comparable(second)


class _Interrupt:
    """A `say` that sends SIGTERM to this process when the progress shows an epoch."""

    def __init__(self, epoch):
        self.mark = f"epoch {epoch}/"

    def __call__(self, line):
        if line.startswith(self.mark):
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("name", some(CONFIGS, "online", "curriculum"))
def test_an_interrupted_run_resumes_bitwise(tmp_path, name, monkeypatch):
    monkeypatch.setattr("freqjax.run.lines._LINE_SECONDS", 0.0)
    whole = train(CONFIGS[name], tmp_path / "whole")
    outcome = run(CONFIGS[name], tmp_path / "cut", resume=False, say=_Interrupt(2))
    assert outcome.signum == signal.SIGTERM
    assert outcome.summary["stop_reason"] == "interrupted"
    assert len(rows(tmp_path / "cut")) < 6
    resumed = train(CONFIGS[name], tmp_path / "cut", resume=True)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert comparable(resumed) == comparable(whole)


def test_a_run_stopped_in_mid_epoch_resumes_bitwise(tmp_path, monkeypatch):
    monkeypatch.setattr("freqjax.training.sources.CHUNK_ROWS", 7)
    config = CONFIGS["online"]
    train(config, tmp_path / "whole")
    calls = []

    def advance(self, original=freqjax.training.trainers.StreamTrainer.advance):
        calls.append(1)
        if len(calls) == 9:  # the third chunk of the second epoch
            os.kill(os.getpid(), signal.SIGINT)
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr("freqjax.training.trainers.StreamTrainer.advance", advance)
        outcome = run(config, tmp_path / "cut", resume=False, say=silent)
    assert outcome.signum == signal.SIGINT
    assert len(rows(tmp_path / "cut")) == 1
    train(config, tmp_path / "cut", resume=True)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def start(folder, *flags):
    command = [sys.executable, "-m", "freqjax.main", "--workdir", str(folder), *flags]
    return running(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(process, folder, count):
    while process.poll() is None:
        path = folder / "metrics.jsonl"
        if path.exists() and path.read_text().count("\n") >= count:
            return
        time.sleep(0.01)


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path):
    config = tiny_config(train={"epochs": 40, "divergence_factor": None})
    whole = train(config, tmp_path / "whole")
    path = tmp_path / "config.json"
    path.write_text((tmp_path / "whole" / "config.json").read_text())
    moments, killed = random.Random(0), 0
    for attempt in range(3):
        with start(tmp_path / "cut", "--config", str(path), "--resume") as process:
            wait_for(process, tmp_path / "cut", 3 + 12 * attempt)
            time.sleep(moments.uniform(0, 0.1))
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 2
    resumed = train(config, tmp_path / "cut", resume=True)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert comparable(resumed) == comparable(whole)


def test_a_run_that_is_killed_before_its_summary_does_not_go_on(tmp_path, monkeypatch):
    config = tiny_config(train={"epochs": 9, "target_mse": 10.0})
    whole = train(config, tmp_path / "whole")
    assert whole["stop_reason"] == "target_reached"

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("freqjax.run.ending.sum_up", die)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "cut")
    assert comparable(train(config, tmp_path / "cut", resume=True)) == comparable(whole)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_a_prolonged_run_that_is_killed_goes_on(tmp_path, monkeypatch):
    """The summary of its first end must not be taken for the end of the second part."""
    longer = tiny_config(train={"epochs": 6, "checkpoint_every": 1, "divergence_factor": None})
    train(longer, tmp_path / "whole")
    train(
        tiny_config(train={"epochs": 2, "checkpoint_every": 1, "divergence_factor": None}),
        tmp_path / "cut",
    )

    def die(self, original=freqjax.training.trainers.StreamTrainer.advance):
        if self.epoch == 4:
            raise RuntimeError("as a kill would")
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr("freqjax.training.trainers.StreamTrainer.advance", die)
        with pytest.raises(RuntimeError, match="as a kill"):
            train(longer, tmp_path / "cut", resume=True)
    assert train(longer, tmp_path / "cut", resume=True)["epochs"] == 6
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_a_run_that_was_killed_while_it_started_can_be_started_again(tmp_path):
    (tmp_path / "checkpoints" / "manifests").mkdir(parents=True)
    (tmp_path / ".config.json.123").write_text('{"task"')
    assert train(tiny_config(), tmp_path, resume=True)["stop_reason"] == "epochs_done"


@pytest.mark.parametrize("initializer", ["pytorch", "orthogonal", "unit_forget", "chrono"])
def test_every_initializer_trains_under_every_trainer(initializer):
    for config in (tiny_config(), curriculum_config()):
        config.network.initializer = initializer
        task = make_task(config.task)
        trainer = Experiment(config, silent)._make_trainer(config)
        result = trainer.advance()
        assert result is not None and np.isfinite(result.loss), task


def test_weights_that_are_not_numbers_stop_the_run_and_are_not_kept(tmp_path):
    config = tiny_config(
        optimizer={"name": "sgd", "learning_rate": 1e37, "clip_norm": None},
        train={"regime": "full", "epochs": 5, "divergence_factor": None, "checkpoint_every": 1},
    )
    assert train(config, tmp_path)["stop_reason"] == "non_finite"
    steps = [p for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()]
    for step in steps:
        weights = freqjax.load(step).params
        assert all(np.isfinite(w).all() for w in jax.tree.leaves(weights))


def test_a_curriculum_that_breaks_ends_with_a_summary(tmp_path):
    config = curriculum_config()
    config.curriculum.damping = 1e30
    config.task.amplitude_range = (1e37, 1e38)
    summary = train(config, tmp_path)
    assert summary["stop_reason"] in ("non_finite", "epochs_done")
    json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_exit_with_their_number(tmp_path, signum):
    path = tmp_path / "config.py"
    path.write_text(
        "from tests.twins import extraction, tiny_config\n"
        "def get_config():\n"
        "    return tiny_config(train={'epochs': 100000, 'divergence_factor': None})\n"
    )
    with start(tmp_path / "run", "--config", str(path)) as process:
        wait_for(process, tmp_path / "run", 2)
        process.send_signal(signum)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + signum, output
    assert "Traceback" not in output
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["stop_reason"] == "interrupted"
    last = max(
        int(p.name) for p in (tmp_path / "run" / "checkpoints").iterdir() if p.name.isdigit()
    )
    assert last == summary["updates"]


def test_a_finished_run_says_so_and_keeps_its_files(tmp_path):
    train(tiny_config(), tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    lines = []
    freqjax.train(tiny_config(), tmp_path, resume=True, say=lines.append)
    assert "is finished (epochs_done after epoch 2)" in lines[0]
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_more_epochs_go_on_from_the_end(tmp_path):
    longer = tiny_config(train={"epochs": 5})
    train(longer, tmp_path / "whole")
    train(tiny_config(), tmp_path / "cut")
    assert train(longer, tmp_path / "cut", resume=True)["epochs"] == 5
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        (
            {"learning_rate": 0.1, "schedule": "cosine", "warmup_fraction": 0.0},
            "with the moments so far",
        ),
        ({"name": "sgd", "learning_rate": 0.1}, "with fresh moments"),
    ],
)
def test_a_changed_optimizer_begins_its_schedule_anew(tmp_path, optimizer, said):
    train(tiny_config(), tmp_path)
    lines = []
    config = tiny_config(train={"epochs": 4}, optimizer=optimizer)
    freqjax.train(config, tmp_path, resume=True, say=lines.append)
    assert any(said in line for line in lines)
    rates = [row["lr"] for row in rows(tmp_path)]
    assert rates[:2] == [pytest.approx(1e-3)] * 2
    # The new schedule spans the 80 updates that are left; the third epoch ends at its 40th.
    expected = 0.05 * (1 + np.cos(np.pi * 39 / 80)) if "schedule" in optimizer else 0.1
    assert rates[2] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"network": {"hidden_size": 5}}, r"network.hidden_size differ .*is 5 and was 4"),
        ({"train": {"seed": 3}}, "train.seed differ"),
        ({"train": {"epochs": 1}}, "train.epochs is 1: the run has made 2 already"),
    ],
)
def test_a_resume_changes_nothing_but_epochs_and_optimizer(tmp_path, sections, sentence):
    train(tiny_config(), tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match=sentence):
        train(tiny_config(**sections), tmp_path, resume=True)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_resume_needs_the_same_data(tmp_path):
    path = tmp_path / "rows.npz"
    for seed in (1, 2):
        task = extraction(tiny_config(task={"train_seed": seed}))
        path.unlink(missing_ok=True)
        datasets.write_rows(path, task.dataset(split_of(task, "train")), 20.0, 20)
        config = tiny_config(task={"train_path": str(path)}, train={"epochs": 1 + seed})
        if seed == 1:
            train(config, tmp_path / "run")
    with pytest.raises(UserError, match=r"task\.train_path: the file is not the one"):
        train(config, tmp_path / "run", resume=True)


def test_rows_from_a_file_train_as_synthesis_does(tmp_path):
    task = extraction(tiny_config())
    path = tmp_path / "rows.csv"
    datasets.write_rows(path, task.dataset(split_of(task, "train")), 20.0, 20)
    train(tiny_config(), tmp_path / "a")
    config, lines = tiny_config(task={"train_path": str(path), "noise": "fresh"}), []
    freqjax.train(config, tmp_path / "b", say=lines.append)
    assert sum("task.noise is fixed, not fresh" in line for line in lines) == 1
    freqjax.train(config, tmp_path / "b", resume=True, say=lines.append)
    assert "nothing to do" in lines[-1]
    assert rows(tmp_path / "a") == rows(tmp_path / "b")
    synthesised, own = (json.loads((tmp_path / f / "summary.json").read_text()) for f in "ab")
    assert own["test"] == synthesised["test"]
    assert synthesised["limit"]["bayes_mse"] is not None
    assert own["limit"]["bayes_mse"] is None and own["limit"]["linear_mmse"] is None
    assert own["limit"]["baselines"] == synthesised["limit"]["baselines"]
    assert "Rows of a file (task.train_path) have no limit" in own["limit_note"]


def test_half_written_rows_and_rows_of_the_future_are_dropped(tmp_path):
    config = tiny_config(train={"epochs": 4})
    train(config, tmp_path / "whole")
    train(tiny_config(), tmp_path / "cut")
    with (tmp_path / "cut" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "step": 120, "loss": 9.0}\n{"epoch": 4, "st')
    train(config, tmp_path / "cut", resume=True)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path):
    config = tiny_config(train={"epochs": 4, "checkpoint_every": 1})
    train(config, tmp_path / "whole")
    train(tiny_config(train={"epochs": 3, "checkpoint_every": 1}), tmp_path / "cut")
    victim = next(
        (tmp_path / "cut" / "checkpoints" / "120" / "params").rglob("*ocdbt.process_0/d/*")
    )
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    lines = []
    freqjax.train(config, tmp_path / "cut", resume=True, say=lines.append)
    assert any("120 is damaged" in line for line in lines)
    assert any("resumed at update 80" in line for line in lines)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_folders_are_not_shared_nor_overwritten(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="it is not empty; --resume goes on"):
        train(tiny_config(), tmp_path / "full")
    with pytest.raises(UserError, match=r"holds files but no config\.json"):
        train(tiny_config(), tmp_path / "full", resume=True)
    with (
        Workdir(tmp_path / "used", resume=False),
        pytest.raises(UserError, match="another process"),
    ):
        train(tiny_config(), tmp_path / "used")
    with pytest.raises(UserError, match="it is a file"):
        train(tiny_config(), tmp_path / "full" / "thesis.tex")


def test_resume_of_nothing_starts(tmp_path):
    assert train(tiny_config(), tmp_path / "new", resume=True)["stop_reason"] == "epochs_done"


def test_training_that_breaks_says_where(tmp_path):
    config = tiny_config(
        optimizer={"name": "sgd", "learning_rate": 1e38, "clip_norm": None},
        train={"epochs": 5, "divergence_factor": None},
    )
    summary = train(config, tmp_path)
    assert summary["stop_reason"] == "non_finite"
    assert "non-finite loss or gradient first at step" in " ".join(rows(tmp_path)[-1]["alerts"])
    json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)


def test_bad_configs_write_nothing(tmp_path):
    config = tiny_config(train={"regime": "tbptt", "truncation": 7})
    with pytest.raises(UserError, match=r"train\.truncation is 7"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
