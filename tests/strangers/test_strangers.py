"""Two tasks and a cell that are no part of freqjax go through every mode that extraction goes through."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping

import numpy as np
import pytest
from scipy import special

from freqjax.checkpoints import store as checkpoints
from freqjax.main import main
from freqjax.tasks import Batch
from freqjax.training.prepared import Prepared
from tests.processes import running
from tests.root import ROOT
from tests.slow import some
from tests.twins import split_of

# What a report of a task without sinusoids must not say.
SINUSOIDS = re.compile(
    r"clock|locker|frequenc|\bhz\b|mixture|predicting zero|kalman|component", re.I
)
SHORT = [
    "--config.network.hidden_size=6",
    "--config.optimizer.learning_rate=0.03",
    "--config.train.regime=full",
    "--config.train.streams=parallel",
    "--config.train.epochs=30",
    "--config.train.evaluate_every=5",
    "--config.train.diagnose=false",
]
TASKS = {
    "classifier": ["--config.task.name=tests.strangers.classifier:Task"],
    "regressor": ["--config.task.name=tests.strangers.regressor:Task"],
}


def read(path):
    return json.loads(path.read_text())


def rows_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module", params=some(TASKS, "classifier"))
def trained(request, tmp_path_factory):
    """Name and folder of a finished run of each task."""
    folder = tmp_path_factory.mktemp("runs") / request.param
    assert main([*TASKS[request.param], *SHORT, "--workdir", str(folder)]) == 0
    return request.param, folder


def kept_outputs(folder):
    """Return the task of a run, and the outputs of its kept weights on the test rows."""
    prepared = Prepared(read_config(folder))
    step = checkpoints.read_meta(folder, warn=pytest.fail).step
    params = checkpoints.restore_params(
        folder / "checkpoints" / str(step), prepared.initial_params(), warn=pytest.fail
    ).params
    return prepared.task, prepared.frozen(params).outputs("test")


def read_config(folder):
    from freqjax.config import overrides

    return overrides.load(folder / "config.json")


def at_the_last_sample(outputs: np.ndarray, batch: Batch) -> np.ndarray:
    """Return [B, O], the outputs at the last sample at which any input is present."""
    there = np.ones(outputs.shape[:2], bool)
    if isinstance(batch.mask, Mapping):
        there = np.logical_or.reduce([np.asarray(mask) for mask in batch.mask.values()])
    last = outputs.shape[1] - 1 - np.argmax(there[:, ::-1], axis=1)
    return outputs[np.arange(len(last)), last].astype(np.float64)


def test_the_numbers_are_those_of_numpy(trained):
    name, folder = trained
    task, outputs = kept_outputs(folder)
    found, batch, train = (
        read(folder / "summary.json"),
        split_of(task, "test"),
        split_of(task, "train"),
    )
    said = at_the_last_sample(outputs, batch)
    if name == "classifier":
        losses = -np.sum(batch.targets * special.log_softmax(said, axis=1), axis=1)
        right = said.argmax(axis=1) == batch.targets.argmax(axis=1)
        shares = train.targets.mean(axis=0)
        constant = -np.mean(np.log(shares)[batch.group])
        assert found["score"] == pytest.approx(right.mean())
        by_class = [right[batch.group == c].mean() for c in range(3)]
        np.testing.assert_allclose(found["score_per_class"], by_class)
        np.testing.assert_allclose(
            found["test"]["cross_entropy_per_class"],
            [losses[batch.group == c].mean() for c in range(3)],
            rtol=1e-5,
        )
        assert found["test"]["cross_entropy"] == pytest.approx(losses.mean(), rel=1e-5)
        assert found["baselines"]["constant"] == pytest.approx(1 / 3)
        assert list(found["baselines"]) == ["constant", "nearest mean"]
        assert found["higher_is_better"] and found["goal"] == 0.9
        assert set(found["validation"]) == set(found["train"]) == set(found["test"])
        assert found["learned"] == bool(min(by_class) > 0.9)
        assert found["test"]["cross_entropy"] < constant  # it has learned something
    else:
        weights = batch.weight
        losses = np.square(said - batch.targets).sum(axis=1)
        mean = np.average(train.targets, axis=0, weights=train.weight)
        constant = np.average(np.square(mean - batch.targets).sum(axis=1), weights=weights)
        assert found["score"] == pytest.approx(np.average(losses, weights=weights), rel=1e-5)
        assert found["baselines"] == {"constant": pytest.approx(constant, rel=1e-5)}
        assert found["test"]["mse"] == found["score"] and found["learned"] is None
    assert found["limit"] is None and "not known" in found["limit_note"]


def test_the_report_knows_no_sinusoids(trained):
    name, folder = trained
    for file in ("report.md", "CARD.md", "summary.json", "metrics.jsonl", "config.json"):
        text = (folder / file).read_text()
        assert not SINUSOIDS.search(text), f"{file}: {SINUSOIDS.search(text)}"
    report = (folder / "report.md").read_text()
    assert "## What is possible" in report and "No limit is known" in report
    assert ("## Classes taken for others" in report) == (name == "classifier")
    figures = sorted(path.name for path in (folder / "figures").glob("*.png"))
    general = ["gradient_norms.png", "group_scores.png", "learning_curves.png"]
    assert figures == (general if name == "classifier" else sorted([*general, "chasing_gap.png"]))
    assert all(f"(figures/{figure})" in report for figure in figures)


def test_the_summary_is_printed_without_sinusoids(trained, tmp_path, capsys):
    name, folder = trained
    flags = ["--mode", "evaluate", "--checkpoint", str(folder), "--workdir", str(tmp_path / "seen")]
    assert main(flags) == 0
    text = capsys.readouterr().out.replace(str(tmp_path), "").replace(str(folder), "")
    assert not SINUSOIDS.search(text), SINUSOIDS.search(text)
    assert ("accuracy" in text) == (name == "classifier")
    found, before = read(tmp_path / "seen" / "evaluation.json"), read(folder / "summary.json")
    assert [*found, "sha256"] == list(before)
    assert found["test"] == before["test"] and found["baselines"] == before["baselines"]
    assert (tmp_path / "seen" / "evaluation" / "group_scores.png").is_file()


def test_a_run_from_another_folder_finds_the_task(trained, tmp_path):
    """In a process of its own: here the module is imported already; and beside a package of its name."""
    _, folder = trained
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").touch()
    code = (
        "import sys\nsys.path[:] = [p for p in sys.path if p]\nfrom freqjax.main import main\n"
        f"sys.exit(main({['--mode', 'evaluate', '--no-figures', '--checkpoint', str(folder)]!r}"
        f" + ['--workdir', {str(tmp_path / 'seen')!r}]))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert (
        read(tmp_path / "seen" / "evaluation.json")["test"] == read(folder / "summary.json")["test"]
    )


def test_a_killed_run_goes_on_as_if_it_had_not_been(trained, tmp_path):
    name, _ = trained
    copy = tmp_path / "killed"
    words = [*TASKS[name], *SHORT, "--config.train.epochs=3000", "--workdir", str(copy)]
    command = [sys.executable, "-m", "freqjax.main", *words]
    with running(command, cwd=ROOT, stdout=subprocess.DEVNULL):
        deadline = time.monotonic() + 120
        while not list(copy.glob("checkpoints/[0-9]*")) and time.monotonic() < deadline:
            time.sleep(0.1)
    config = read(copy / "config.json")
    config["train"]["epochs"] = max(30, (len(rows_of(copy)) // 5 + 1) * 5)
    assert config["task"]["name"] == TASKS[name][0].partition("=")[2]
    epochs = f"--config.train.epochs={config['train']['epochs']}"
    assert main(["--resume", "--workdir", str(copy), epochs]) == 0
    whole = tmp_path / "whole"
    assert main([*TASKS[name], *SHORT, epochs, "--workdir", str(whole)]) == 0
    kept = ("step", "loss", "grad_norm")
    assert [[r[k] for k in kept] for r in rows_of(copy)] == [
        [r[k] for k in kept] for r in rows_of(whole)
    ]
    assert read(copy / "summary.json")["test"] == read(whole / "summary.json")["test"]


def test_seeds_are_swept(trained, tmp_path, capsys):
    name, _ = trained
    words = [*TASKS[name], *SHORT, "--config.sweep.axes=train.seed=0..2"]
    assert main(["--mode", "sweep", *words, "--workdir", str(tmp_path / "sweep")]) == 0
    rows = read(tmp_path / "sweep" / "sweep.json")["rows"]
    assert [row["train.seed"] for row in rows] == [0, 1, 2]
    text = (tmp_path / "sweep" / "sweep.json").read_text() + capsys.readouterr().out
    assert not SINUSOIDS.search(text), SINUSOIDS.search(text)
    flags = ["--mode", "evaluate", "--no-figures", "--checkpoint", str(tmp_path / "sweep" / "best")]
    assert main([*flags, "--workdir", str(tmp_path / "best")]) == 0
    assert list((tmp_path / "sweep").rglob("sweep.png"))


def test_a_run_is_diagnosed(trained, tmp_path, capsys):
    _, folder = trained
    copy = shutil.copytree(folder, tmp_path / "run")
    assert main(["--mode", "diagnose", "--workdir", str(copy)]) == 0
    assert isinstance(read(copy / "diagnosis.json"), list)
    report = (copy / "report.md").read_text()
    assert not SINUSOIDS.search(report), SINUSOIDS.search(report)
    assert "Not diagnosed" not in report
    assert not SINUSOIDS.search(capsys.readouterr().out)


def test_a_cell_of_the_users_own_learns_a_task_of_their_own(tmp_path):
    words = [*TASKS["classifier"], *SHORT, "--config.network.cell=tests.strangers.cell:LeakyCell"]
    assert main([*words, "--workdir", str(tmp_path / "run")]) == 0
    found = read(tmp_path / "run" / "summary.json")
    assert found["score"] > 0.6 > found["baselines"]["constant"]
    assert read(tmp_path / "run" / "config.json")["network"]["cell"].endswith(":LeakyCell")


def test_the_task_of_the_contributing_guide_is_learned(tmp_path, monkeypatch):
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## A new task")[1]
    example = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    assert example is not None
    (tmp_path / "counting.py").write_text(example[1], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = ["--config.task.name=counting:Counting", "--config.task.bits=5", *SHORT]
    assert main([*words, "--config.train.epochs=200", "--workdir", "run"]) == 0
    found = read(tmp_path / "run" / "summary.json")
    assert found["score"] < 0.2 * found["baselines"]["constant"]
    assert read(tmp_path / "run" / "config.json")["task"]["bits"] == 5


def test_an_export_says_what_the_network_reads(trained, tmp_path, capsys):
    name, folder = trained
    if name == "classifier":
        words = ["export", "--checkpoint", str(folder), "--output", str(tmp_path / "e")]
        assert main(words) == 0
        capsys.readouterr()
        text = (tmp_path / "e" / "README.md").read_text()
        assert not SINUSOIDS.search(text)
        inputs = Prepared(read_config(folder)).task.inputs
        assert all(f"{part.name}, {part.size} number" in text for part in inputs)
