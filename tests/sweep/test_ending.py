"""Files of a sweep that has ended."""

import csv
import json

import pytest

from freqjax import SweepConfig, sweep
from freqjax.checkpoints.records import Spent
from freqjax.config import overrides
from freqjax.main import main
from freqjax.run.workdir import Workdir
from freqjax.sweep import ending
from freqjax.sweep.axes import buckets, replicas
from tests.twins import tiny_config


def silent(_line):
    return None


def swept(axes):
    config = tiny_config()
    config.sweep = SweepConfig(axes=axes)
    return overrides.apply(config, [])


def test_the_best_replica_is_a_checkpoint_that_repeats_its_numbers(tmp_path, pictures):
    axes = {"optimizer.learning_rate": (1e-3, 1e-2), "network.hidden_size": (4, 3)}
    assert (
        sweep.run(swept(axes), tmp_path / "sweep", resume=False, figures=True, say=silent) is None
    )
    found = json.loads((tmp_path / "sweep/sweep.json").read_text())
    best = found["rows"][found["best_replica"]]
    evaluate = ["--mode", "evaluate", "--no-figures", "--checkpoint", str(tmp_path / "sweep/best")]
    assert main([*evaluate, "--workdir", str(tmp_path / "evaluated")]) == 0
    again = json.loads((tmp_path / "evaluated" / "evaluation.json").read_text())
    assert again["parameters"] == best["parameters"]
    assert again["test"]["mse"] == pytest.approx(best["test_mse"], rel=1e-5)
    assert (tmp_path / "sweep/figures/sweep.png").stat().st_size > 5000
    table = list(csv.DictReader((tmp_path / "sweep/sweep.csv").read_text().splitlines()))
    assert [float(row["test_mse"]) for row in table] == [row["test_mse"] for row in found["rows"]]


def test_where_no_loss_is_finite_no_replica_is_best(tmp_path):
    all_of_them = buckets(replicas(swept({"train.seed": (4, 5)})), 1.0)
    row = dict.fromkeys(("train_mse", "test_mse", "worst_test_mse")) | {"zero_predictor_mse": 0.5}
    row |= {"stop_reason": "non_finite", "updates": 3}
    rows = [row | {"replica": index, "train.seed": 4 + index} for index in (0, 1)]
    said, origins = [], {"b": 2, "a": 1}
    with Workdir(tmp_path / "sweep", resume=False) as folder:
        ending.write(
            folder,
            all_of_them,
            rows,
            Spent(wall_seconds=7.0),
            origins,
            laws={},
            figures=False,
            page=False,
            say=said.append,
        )
    assert not (tmp_path / "sweep/best").exists()
    results = json.loads((tmp_path / "sweep/sweep.json").read_text())
    assert (results["best_replica"], results["rows"]) == (None, rows)
    summary = json.loads((tmp_path / "sweep/summary.json").read_text())
    assert (summary["replicas"], summary["programs"], summary["updates"]) == (2, 1, 6)
    assert summary["wall_seconds"] == 7
    assert summary["init_from"] == [{"path": "a", "step": 1}, {"path": "b", "step": 2}]
    assert len(said) == 1 and "stopped as non_finite: 2 (replica 0, 1)" in said[0]
