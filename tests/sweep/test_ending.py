"""Files of a sweep that has ended."""

import csv
import json

import pytest

from freqjax import SweepConfig, sweep
from freqjax.checkpoints.records import Spent
from freqjax.config import overrides
from freqjax.main import main
from freqjax.run.workdir import Workdir
from freqjax.sweep import ending, figure, results
from freqjax.sweep.axes import buckets, replicas
from freqjax.sweep.standards import names_of
from freqjax.training.prepared import assemble
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


@pytest.mark.parametrize("kind", [tuple, list])  # as they are swept, and as sweep.json holds them
def test_values_of_several_texts_are_written_and_drawn(tmp_path, pictures, kind):
    axis, values = "task.noise_colors", [("white",), ("pink", "brown"), ("pink",)]
    known = {"zero_predictor_mse": 0.5, "stop_reason": "epochs_done", "worst_test_mse": 0.2}
    rows = [
        known | {"replica": n, axis: kind(value), "train_mse": 0.1, "test_mse": 0.1 + n}
        for n, value in enumerate(values)
    ]
    names = names_of(assemble(tiny_config()).task)
    aggregates = results.aggregate(rows, [axis], "test_mse")
    said = "\n".join(results.text(rows, aggregates, [axis], names))
    assert f"{axis} = pink brown " in said and f"--config.{axis}=" in said
    path = figure.sweep(rows, aggregates, [axis], {}, names, tmp_path)
    assert path.stat().st_size > 5000


def test_numbers_of_a_value_are_short():
    assert results.shown((1.0, 2, 0.1 + 0.2)) == "1 2 0.3" and results.shown(0.5) == "0.5"
