"""Data of a known law: the limit against the posterior's own score, and the gap of a network to it."""

import json
from typing import Any

import numpy as np
import pytest

import freqjax
from freqjax import ClassifierConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig
from freqjax.checkpoints.records import Record, data_hashes
from freqjax.config import overrides, validation
from freqjax.errors import UserError
from freqjax.tasks.classifier import possible, scores
from freqjax.tasks.classifier.dataset import load_dataset
from freqjax.tasks.classifier.foreign import with_test
from freqjax.tasks.classifier.judged import Judged
from freqjax.tasks.classifier.sources import BLOCKS, Drawing

_FIELDS: dict[str, Any] = {"data": "pattern", "pattern_samples": 8, "pattern_channels": 1}


def dataset_of(rows, seed=1, p=0.3, separation=1.5):
    drawing = Drawing(p, separation, 8, 1, rows, seed)
    return load_dataset("pattern", shares=(0.5, 0.1, 0.4), drawing=drawing)


def judged_as(dataset, probabilities, threshold):
    """Judge probabilities of class 1 on the test rows."""
    found = {"test": np.stack([1 - probabilities, probabilities], axis=1)}
    return Judged(found, found, 1.0, threshold)


def test_the_limit_is_the_score_of_the_exact_posterior_on_many_rows():
    dataset = dataset_of(100_000)
    assert dataset.law is not None and dataset.class_names == ("noise", "pattern")
    exact = possible.posterior(dataset.law, dataset.test)
    # By Bayes' rule a share q of the rows whose posterior is q has the pattern.
    near = np.abs(exact - 0.5) < 0.05
    assert dataset.test.label[near].mean() == pytest.approx(0.5, abs=0.02)
    limit, labels = possible.limit_of(dataset.law), dataset.test.label
    assert scores.average_precision(labels, exact) == pytest.approx(
        limit.average_precision, abs=0.006
    )
    best = scores.best_threshold(labels, exact)
    assert (best.f1, best.threshold) == pytest.approx((limit.f1, limit.threshold), abs=0.02)


def test_the_gap_is_nothing_for_the_posterior_and_something_for_what_sees_less():
    dataset = dataset_of(10_000)
    assert dataset.law is not None
    limit = possible.limit_of(dataset.law)
    exact = possible.posterior(dataset.law, dataset.test)
    none = possible.possible(dataset, judged_as(dataset, exact, limit.threshold))
    assert none is not None
    assert none.exact == none.network
    assert [gap.value for gap in none.gaps.values()] == [0, 0]
    noisy = 1 / (1 + np.exp(-np.random.default_rng(0).normal(np.log(exact / (1 - exact)), 1.0)))
    some = possible.possible(dataset, judged_as(dataset, noisy, limit.threshold))
    assert some is not None
    for name, gap in some.gaps.items():
        assert gap.value == pytest.approx(none.exact[name] - some.network[name])
        assert gap.low > 0 and gap.groups == 16
    words = " ".join(possible.section_of(some)[0].words)
    assert f"F1 {limit.f1:.4f}" in words and f"from a posterior of {limit.threshold:.4f}" in words


def test_rows_of_a_seed_are_the_same_and_others_are_of_another_pattern():
    first, again, other = dataset_of(2000), dataset_of(2000), dataset_of(2000, seed=2)
    np.testing.assert_array_equal(first.train.inputs["signal"], again.train.inputs["signal"])
    assert first.law is not None and other.law is not None
    assert not np.allclose(first.law.pattern, other.law.pattern)
    groups = [np.unique(part.group) for part in first.parts.values()]
    assert sum(map(len, groups)) == BLOCKS == len(np.unique(np.concatenate(groups)))


def test_of_other_data_the_law_is_not_known():
    dataset = load_dataset()
    assert dataset.law is None
    anything = judged_as(dataset, np.full(len(dataset.test.label), 0.5), 0.5)
    assert possible.possible(dataset, anything) is None
    assert possible.section_of(None) == []


def test_the_law_of_the_data_is_not_that_of_another_file(tmp_path):
    dataset = dataset_of(2000)
    drawn = np.random.default_rng(0).normal(size=(6, 8, 1))
    np.savez(tmp_path / "other.npz", signal=drawn, label=np.arange(6) % 2, group=np.arange(6))
    found = with_test(dataset, tmp_path / "other.npz")
    assert len(found.test.label) == 6 and found.law is None


def config_of(**fields):
    return Config(
        task=ClassifierConfig(
            **{
                "split": (0.5, 0.1, 0.4),
                "baseline_kernels": 84,
                "derived": False,
                **_FIELDS,
                **fields,
            }
        ),
        network=NetworkConfig(cell="gru", hidden_size=8),
        optimizer=OptimizerConfig(name="adamw", learning_rate=0.01, schedule="cosine"),
        train=TrainConfig(
            regime="examples", batch=64, epochs=6, divergence_factor=None, diagnose=False
        ),
    )


def test_a_network_is_close_to_the_limit_and_not_beyond_it(tmp_path, monkeypatch):
    config = config_of(pattern_rows=5000, pattern_separation=2.0)
    compared, compare = [], possible.possible
    monkeypatch.setattr(
        possible, "possible", lambda *given: compared.append(given) or compare(*given)
    )
    summary = freqjax.train(config, tmp_path / "run", say=lambda line: None)
    # Once an evaluation, of which a run has one.
    assert len(compared) == 1
    saved = json.loads((tmp_path / "run" / "summary.json").read_text())
    found, limit = saved["possible"], saved["limit"]
    assert limit == found["bayes"]["average_precision"]
    assert found["bayes"]["threshold"] == found["bayes"]["f1"] / 2
    interval = saved["interval"]
    assert saved["score"] < limit + 3 * interval["error"]
    gap = found["gap"]["average_precision"]
    assert gap["value"] == pytest.approx(
        found["exact"]["average_precision"] - summary["test"]["average_precision"]
    )
    assert -2 * gap["error"] < gap["value"] < 0.1
    assert found["gap"]["f1"]["high"] > 0
    report = (tmp_path / "run" / "report.md").read_text()
    assert f"{limit:.4f} is the best possible" in report
    assert "The gap to the limit" in report and "the law of the rows is known" in report


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"data": "", "pattern_samples": 32, "pattern_channels": 2, "pattern_rows": 500},
            "task.pattern_rows is 500: it must be left as it is",
        ),
        ({"length": 16}, "task.length is 16: it must be none where task.data is pattern"),
        (
            {"pattern_prevalence": 0.01, "pattern_rows": 5000},
            "it must be at least 10000 at a task.",
        ),
        ({"pattern_rows": 2**24, "pattern_samples": 64}, "must be at most 268,435,456"),
        ({"pattern_prevalence": 1.0}, "task.pattern_prevalence is 1: it must be above 0 and below"),
        ({"pattern_separation": 0.0}, "task.pattern_separation is 0: it must be a number above 0"),
        ({"pattern_samples": 1}, "task.pattern_samples is 1: it must be at least 2"),
    ],
)
def test_a_law_that_cannot_be_drawn_is_one_sentence(fields, said):
    with pytest.raises(UserError, match=said):
        validation.validate_training(config_of(**fields))


def test_a_law_is_chosen_on_the_command_line():
    pairs = [("task.name", "classifier"), ("task.data", "pattern"), ("task.pattern_rows", "600")]
    config = overrides.apply(Config(), [*pairs, ("train.regime", "examples")])
    own: Any = validation.validate_training(config).task
    assert own.drawn == (0.2, 2.0, 32, 2, 600)
    # Rows that are drawn are no file that may change before a resume.
    assert data_hashes([config]) == {} == Record({}).changed_files(config)
