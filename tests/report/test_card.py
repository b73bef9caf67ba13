"""CARD.md of runs of every task: its numbers are the summary's, its commands and its Python can be run."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest

import freqjax
from freqjax import (
    ClassifierConfig,
    Config,
    LinesConfig,
    NetworkConfig,
    TrainConfig,
    commandline,
    diagnosis,
)
from freqjax.main import main
from freqjax.report.tables import cell
from freqjax.run import ending
from freqjax.tasks.examination import Examination
from freqjax.text import printable
from tests.slow import some
from tests.tasks.autoencoder.made import LINEAR, config_of, write_sequences
from tests.twins import tiny_config

# Keys of https://github.com/huggingface/hub-docs/blob/main/modelcard.md, by where they stand.
HUB_KEYS = {
    "": {"language", "license", "license_name", "license_link", "library_name", "tags", "datasets"}
    | {"metrics", "base_model", "model-index", "pipeline_tag"},
    "result": {"task", "dataset", "metrics", "source"},
    "task": {"type", "name"},
    "dataset": {"type", "name", "config", "split", "revision", "args"},
    "metric": {"type", "value", "name", "config", "args", "verified"},
}
FOLDER = 'a: "b" | <i> # no*'


def extraction(folder):
    """Train an extraction that learns nothing."""
    freqjax.train(tiny_config(), folder, say=lambda line: None)


def constructed(folder):
    """Evaluate a solution that was written into the weights."""
    config = tiny_config(
        task={"sampling_rate": 100.0, "duration": 2.0},
        network={"initializer": "constructed", "hidden_size": 8},
        train={"epochs": 0},
    )
    freqjax.train(config, folder, say=lambda line: None)


def stranger(folder):
    """Train a task that is no part of freqjax."""
    words = ["--config.task.name=tests.strangers.classifier:Task", "--config.network.hidden_size=6"]
    words += ["--config.train.regime=full", "--config.train.streams=parallel"]
    words += ["--config.train.epochs=3", "--config.train.diagnose=false"]
    assert main([*words, "--workdir", str(folder)]) == 0


def lines(folder):
    """Train on short recordings of two lines."""
    task = LinesConfig(frequencies=(50.0, 80.0), duration=0.5, recordings=3, test_recordings=4)
    train = TrainConfig(regime="full", streams="parallel", epochs=1, diagnose=False)
    config = Config(task=task, network=NetworkConfig(hidden_size=4), train=train)
    freqjax.train(config, folder, say=lambda line: None)


def autoencoder(folder):
    """Train a linear autoencoder of sequences of a file."""
    config = config_of({"data": str(write_sequences(folder.parent))}, **LINEAR)
    config.train.epochs, config.train.diagnose = 1, False
    freqjax.train(config, folder, say=lambda line: None)


def classifier(folder):
    """Train a classifier of windows of a pattern, whose law is known."""
    task = ClassifierConfig(
        data="pattern", pattern_rows=600, pattern_samples=8, baseline_kernels=84
    )
    train = TrainConfig(
        regime="examples", batch=32, epochs=1, divergence_factor=None, diagnose=False
    )
    config = Config(task=task, network=NetworkConfig(hidden_size=8), train=train)
    freqjax.train(config, folder, say=lambda line: None)


RUNS = {
    made.__name__: made
    for made in (extraction, constructed, stranger, lines, autoencoder, classifier)
}


@pytest.fixture(scope="module", params=some(list(RUNS), "extraction", "constructed", "stranger"))
def run(request, tmp_path_factory):
    """Return kind, folder and card of a run whose folder has a name that might be markup."""
    folder = tmp_path_factory.mktemp("cards") / FOLDER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ending, "made", lambda draw, say: [])
        RUNS[request.param](folder)
    return request.param, folder, (folder / "CARD.md").read_text(encoding="utf-8")


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def block_of(card):
    """Return the lines between the first two lines of ---."""
    lines = card.splitlines()
    assert lines[0] == "---"
    return lines[1 : lines.index("---", 1)]


def test_the_front_matter_has_the_hubs_keys_and_the_summarys_numbers(run):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    kind, folder, card = run
    summary = summary_of(folder)
    found = yaml.safe_load("\n".join(block_of(card)))
    assert set(found) <= HUB_KEYS[""] and "license" not in found
    assert found["library_name"] == "freqjax" and "freqjax" in found["tags"]
    assert ("constructed" in found["tags"]) == (kind == "constructed")
    (model,) = found["model-index"]
    assert model["name"] == printable(FOLDER)
    (result,) = model["results"]
    assert set(result) <= HUB_KEYS["result"]
    for part in ("task", "dataset"):
        assert set(result[part]) <= HUB_KEYS[part] and {"type", "name"} <= set(result[part])
    for metric in result["metrics"]:
        assert {"type", "value"} <= set(metric) <= HUB_KEYS["metric"]
    scores = [metric["value"] for metric in result["metrics"]]
    (label,) = (key for key in summary if key.startswith("score_per_"))
    groups = summary[label] if len(summary[label]) > 1 else []
    assert scores == [score for score in (summary["score"], *groups) if score is not None]


def test_the_numbers_are_the_summarys_for_a_reader_without_yaml(run):
    _, folder, card = run
    summary = summary_of(folder)
    values = [one.split(": ")[1] for one in block_of(card) if one.strip().startswith("value: ")]
    assert float(values[0]) == summary["score"]
    table = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", card.split("## Scores")[1], re.MULTILINE))
    assert table["this network"] == cell(summary["score"])
    limit = summary["limit"]
    if isinstance(limit, dict):  # extraction gives more than one number
        limit = float(np.mean(limit["bayes_mse_per_frequency"]))
    assert table["limit, of any estimator"] == cell(limit)
    assert f"{summary['parameters']:,} parameters" in card
    if limit is None:
        assert summary["limit_note"].rstrip(".") in card


def test_constants_and_the_best_baseline_stand_beside_the_score(run):
    _, folder, card = run
    summary = summary_of(folder)
    report = (folder / "report.md").read_text(encoding="utf-8")
    for title in re.findall(r"^### (.+)$", card, re.MULTILINE):
        assert f"## {title}" in report
    numbers = {
        name: value
        if isinstance(value, float)
        else next(own for own in value.values() if own is not None)
        for name, value in summary["baselines"].items()
    }
    others = {name: value for name, value in numbers.items() if name not in ("constant", "zero")}
    named = re.search(r"\| best baseline: (.+?) \| (.+?) \|", card)
    assert (named is not None) == bool(others)
    if named is not None and isinstance(next(iter(summary["baselines"].values())), float):
        best = (max if summary["higher_is_better"] else min)(others, key=others.__getitem__)
        assert named.groups() == (best.replace("_", " "), cell(others[best]))


def test_what_was_constructed_is_never_called_learned(run):
    kind, _, card = run
    said = re.sub(r"not learned|[Nn]othing was learned", "", card.split("\n## Config")[0])
    if kind == "constructed":
        assert "Constructed, not learned" in card and "## What it was made of" in card
        said = said.replace("as trained", "")  # a probe's name
        assert not re.search(r"\b(learn|train)(ed|s)\b", said)
    else:
        assert "onstructed" not in card


def test_its_python_runs_in_its_folder_and_its_commands_are_read(run, tmp_path, monkeypatch):
    kind, folder, card = run
    copy = shutil.copytree(folder, tmp_path / "copy")
    monkeypatch.chdir(copy)
    (python,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    exec(compile(python, "card", "exec"), {})
    (shell,) = re.findall(r"```sh\n(.*?)```", card, re.DOTALL)
    commands = [shlex.split(line)[1:] for line in shell.splitlines() if line.startswith("freqjax ")]
    for words in commands:
        commandline.parse(words)
    streams = [words for words in commands if words[0] in ("stream", "extract")]
    assert bool(streams) == (kind in ("extraction", "constructed", "lines", "classifier"))
    if kind == "extraction":
        evaluate, export = commands[0], commands[-1]
        assert main([*evaluate, "--no-figures", "--workdir", "seen"]) == 0
        seen = json.loads((copy / "seen" / "evaluation.json").read_text(encoding="utf-8"))
        assert seen["score"] == summary_of(folder)["score"]
        assert main(export) == 0 and (copy / "exported" / "README.md").is_file()


def test_it_names_no_path_of_the_machine(run):
    _, folder, card = run
    assert str(folder.parent) not in card


def examined(cause, found, words):
    """Return the result of an examination that advises a change."""
    return Examination(
        cause, found, words, {}, threshold="none", experiment="freqjax train", advice="Change it."
    )


def test_a_diagnosis_writes_it_again_but_not_on_other_rows(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setattr(ending, "made", lambda draw, say: [])
    freqjax.train(tiny_config(), folder, say=lambda line: None)
    first = (folder / "CARD.md").read_text(encoding="utf-8")
    assert "Not diagnosed." in first
    found = [
        examined("weight_chasing", True, "One | <b>two</b>."),
        examined("capacity", False, "No."),
        examined("bad_data", None, "Who knows."),
    ]
    monkeypatch.setattr(diagnosis, "diagnose", lambda run: diagnosis.Diagnosis(False, found))
    other = ["--config.task.test_seed=9"]
    assert main(["--mode", "diagnose", "--workdir", str(folder), *other]) == 0
    assert (folder / "CARD.md").read_text(encoding="utf-8") == first
    assert main(["--mode", "diagnose", "--workdir", str(folder)]) == 0
    card = (folder / "CARD.md").read_text(encoding="utf-8")
    assert block_of(card) == block_of(first)
    assert r"1. **weight chasing.** One \| \<b>two\</b>. Change it." in card
    assert "Looked for and not found: capacity." in card and "Not examined: bad data." in card


def test_a_score_that_is_not_finite_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(ending, "made", lambda draw, say: [])
    config = tiny_config(optimizer={"learning_rate": 1e30, "name": "sgd"})
    freqjax.train(config, tmp_path / "run", say=lambda line: None)
    card = (tmp_path / "run" / "CARD.md").read_text(encoding="utf-8")
    summary = summary_of(tmp_path / "run")
    finite = summary["score"] is not None and np.isfinite(summary["score"])
    assert ("model-index" in card) == finite
    assert re.search(r"\bnan\b|\binf\b", "".join(block_of(card))) is None
