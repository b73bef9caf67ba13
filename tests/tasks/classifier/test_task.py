"""The classifier as a task: sequences, balance, baselines with the same context, and whole runs."""

import json
from typing import Any

import jax
import numpy as np
import pytest

import freqjax
from freqjax import (
    ClassifierConfig,
    Config,
    NetworkConfig,
    OptimizerConfig,
    SweepConfig,
    TrainConfig,
    sweep,
)
from freqjax.diagnosis import saved_run
from freqjax.errors import UserError
from freqjax.tasks.classifier.task import Classifier

RANDOM = np.random.default_rng(3)


def write(path, *, classes=3, persons=8, recordings=2, windows=6, auxiliary=False):
    """Write recordings in which every window's class is told by a slope, and the persons by an offset."""
    random = np.random.default_rng(3)
    rows = [(p, r, w) for p in range(persons) for r in range(recordings) for w in range(windows)]
    person, recording = (np.array([row[n] for row in rows]) for n in (0, 1))
    label = random.integers(0, classes, len(rows))
    time = np.linspace(-1, 1, 16)
    signal = label[:, None] * time + 0.2 * random.normal(size=(len(rows), 16))
    values = np.stack([signal, random.normal(size=signal.shape)], axis=-1)
    arrays = {"motion": values, "label": label, "group": person, "recording": recording}
    if auxiliary:
        arrays["auxiliary"] = np.where(np.arange(len(rows)) % 2, label % 2, -1)
    np.savez(path, **arrays)
    return path


def task_of(path, **fields):
    return Classifier(ClassifierConfig(data=str(path), folds=4, baseline_kernels=84, **fields))


def test_sequences_hold_each_window_once_at_its_place(tmp_path):
    path = write(tmp_path / "a.npz")
    alone = task_of(path, derived=False)
    around = task_of(path, context="both", stretch=4, derived=False)
    for name in ("train", "validation", "test"):
        single, stretched = alone.rows(name), around.rows(name)
        kept = np.asarray(stretched.weights) > 0
        assert kept.sum() == len(single.targets) == len(alone.dataset.parts[name].label)
        outputs = np.asarray(stretched.targets)
        found = around.logits(outputs, name).argmax(axis=1)
        np.testing.assert_array_equal(found, alone.dataset.parts[name].label)


def test_fresh_stretches_hold_whole_recordings_from_other_offsets(tmp_path):
    task = task_of(write(tmp_path / "a.npz"), context="past", stretch=4, noise="fresh")
    counts = set()
    for seed in range(4):
        rows = task.sequences(task.sample(jax.random.key(seed), 4))
        kept = np.asarray(rows.weights) > 0
        assert kept.sum() == len(task.dataset.train.label)
        # A stretch begins with a window wherever it has one.
        assert np.array_equal(kept[:, 0], kept.any(axis=1))
        counts.add(tuple(np.flatnonzero(kept.ravel()).tolist()))
    assert len(counts) > 1


def test_a_sampler_draws_the_classes_alike_and_its_shift_is_undone(tmp_path):
    path = tmp_path / "a.npz"
    write(path, classes=2)
    arrays = dict(np.load(path))
    arrays["label"] = (RANDOM.random(len(arrays["label"])) < 0.2).astype(int)
    np.savez(path, **arrays)
    task = task_of(path, noise="fresh", balance="both")
    drawn = np.concatenate(
        [np.asarray(task.sample(jax.random.key(s), 1).targets)[:, 0].argmax(-1) for s in range(30)]
    )
    assert abs(drawn.mean() - 0.5) < 0.05
    share = task.dataset.train.label.mean()
    odds = np.log(share / (1 - share))
    # Twice corrected: by the sampler, and by weights that know nothing of it.
    shift = sum(s[1] - s[0] for s in task.shifts)
    assert shift == pytest.approx(-2 * odds, rel=1e-6)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"balance": "sampler"}, "task.noise must be fresh"),
        ({"stride": 4}, "task.stride is 4: it must be none"),
        ({"folds": 4, "fold": 4}, "task.fold is 4: it must be below"),
        ({"encoder": "transformer", "heads": 5}, "task.heads is 5: it must divide"),
        ({"auxiliary": 0.5}, "has no array auxiliary"),
        ({"class_names": ("a",)}, "it must have one for each of the 3 labels"),
        ({"train_path": "x.npz"}, "task.train_path is x.npz: it must be empty"),
        ({"test_path": "x.npz"}, "task.test_path is x.npz: there is no such file"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, fields, said):
    config = config_of(write(tmp_path / "a.npz"))
    for name, value in fields.items():
        setattr(config.task, name, value)
    with pytest.raises(UserError, match=said):
        freqjax.train(config, tmp_path / "run", say=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_test_rows_without_a_label_are_refused_where_they_judge(tmp_path):
    path, other = write(tmp_path / "a.npz"), write(tmp_path / "b.npz")
    arrays = dict(np.load(other))
    arrays["label"][3] = -1
    np.savez(other, **arrays)
    config, folder = config_of(path, test_path=str(other)), tmp_path / "run"
    swept = config_of(path, test_path=str(other))
    swept.sweep = SweepConfig(axes={"train.seed": (0, 1)})
    modes = [
        lambda: freqjax.train(config, folder, say=lambda line: None),
        lambda: sweep.run(swept, folder, resume=False, figures=False, say=lambda line: None),
        lambda: saved_run.read(folder, config, lambda line: None),
    ]
    for mode in modes:
        with pytest.raises(
            UserError, match=r"^task.test_path is .*b.npz: all its rows must have a"
        ):
            mode()
    assert not folder.exists()


def config_of(path, **fields):
    return Config(
        task=ClassifierConfig(data=str(path), folds=4, baseline_kernels=84, **fields),
        network=NetworkConfig(cell="gru", hidden_size=8),
        optimizer=OptimizerConfig(learning_rate=0.01),
        train=TrainConfig(
            regime="examples", batch=16, epochs=12, divergence_factor=None, diagnose=False
        ),
    )


def test_a_run_learns_slopes_and_tells_what_others_reach(tmp_path):
    path = write(tmp_path / "a.npz", auxiliary=True)
    config = config_of(path, context="past", windows=2, stretch=4, auxiliary=0.5)
    config.train.epochs = 30
    summary = freqjax.train(config, tmp_path / "run", say=lambda line: None)
    saved = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert saved["test"]["accuracy"] == summary["test"]["accuracy"] > 0.7
    wanted = {"accuracy", "macro_f1", "average_precision", "ece"}
    assert wanted < set(saved["test"])
    assert set(saved["baselines"]) == {"constant", "logistic", "minirocket"}
    assert saved["baselines"]["constant"]["macro_f1"] < 0.3 < saved["test"]["macro_f1"]
    assert wanted < set(saved["baselines"]["minirocket"])
    assert saved["beyond"]["constant"]["value"] > 0.2
    figures = {path.name for path in (tmp_path / "run" / "figures").glob("*.png")}
    assert {"confusion.png", "reliability.png", "by_class.png", "by_group.png"} < figures
    assert "stretches.png" in figures and "modalities.png" not in figures
    report = (tmp_path / "run" / "report.md").read_text()
    assert "at most 2 windows before each" in report


def test_two_classes_have_a_threshold_and_a_ranking(tmp_path):
    path = write(tmp_path / "a.npz", classes=2)
    config = config_of(path)
    config.train.epochs = 4
    summary = freqjax.train(config, tmp_path / "run", say=lambda line: None)
    assert summary["score_name"] == "average precision"
    assert 0 < summary["threshold"] < 1
    assert {"f1", "f1_tuned", "roc_area"} < set(summary["test"])
    own: Any = config.task
    assert summary["baselines"]["constant"]["average_precision"] == pytest.approx(
        np.mean(Classifier(own).dataset.test.label)
    )
    assert (tmp_path / "run" / "figures" / "ranking.png").exists()


def test_a_refit_trains_on_validation_rows_and_chooses_nothing_by_them(tmp_path):
    path = write(tmp_path / "a.npz")
    task = task_of(path, refit=True)
    count = len(task.dataset.train.label) + len(task.dataset.validation.label)
    assert len(task.rows("train").targets) == count
    assert task.split("validation") is None
    config = config_of(path, refit=True)
    config.train.epochs = 2
    summary = freqjax.train(config, tmp_path / "run", say=lambda line: None)
    assert summary["temperature"] == 1 and summary["weights"] == "best"


def test_baselines_that_are_refit_are_calibrated_by_a_fit_that_did_not_see_validation_rows(
    tmp_path,
):
    path = write(tmp_path / "a.npz", classes=2)
    fitted, refit = (task_of(path, refit=asked).judge for asked in (False, True))
    once, again = fitted.baselines["logistic"], refit.baselines["logistic"]
    assert again.temperature == once.temperature
    assert again.threshold == once.threshold
    assert np.any(again.probabilities["test"] != once.probabilities["test"])
    assert refit.baselines["minirocket"].temperature != 1
