"""Folders of sweeps for the tests of pages: files as a sweep leaves them, of losses that were drawn."""

import json
from pathlib import Path

import numpy as np

from freqjax import SweepConfig
from freqjax.checkpoints import rows as log
from freqjax.config import overrides
from freqjax.config import sections as configs
from freqjax.config.axes import laws_of
from freqjax.sweep import results
from freqjax.sweep.axes import replicas
from freqjax.sweep.standards import names_of
from freqjax.training.prepared import assemble
from tests.twins import tiny_config

AXES = {
    "train.seed": (0, 1, 2),
    "network.hidden_size": (4, 10),
    "optimizer.learning_rate": (1e-3, 1e-2),
}
EPOCHS = 6
KEYS = ("train_mse", "test_mse", "worst_test_mse")
# The replica that diverges in its third epoch, and the one that stops after the fourth.
LOST, SHORT = 7, 2


def write(folder: Path, *, ended: bool = True, axes=None, draws: int = 0) -> dict:
    """Write a sweep of twelve replicas to a folder; return its sweep.json."""
    config = tiny_config()
    config.sweep = SweepConfig(axes=axes or AXES, draws=draws)
    config = overrides.apply(config, [])
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(configs.to_dict(config)), encoding="utf-8")
    rng, rows = np.random.default_rng(0), []
    for member in replicas(config):
        losses = np.exp(rng.normal(-2, 1, (2, EPOCHS)))
        epochs = {LOST: 3, SHORT: 4}.get(member.index, EPOCHS)
        for epoch in range(1, epochs + 1):
            lost = member.index == LOST and epoch == 3
            row = {
                "replica": member.index,
                "epoch": epoch,
                "step": 10 * epoch,
                "loss": None if lost else losses[0, epoch - 1],
                "frozen_mse": None if lost else losses[1, epoch - 1],
                "seconds": 0.1,
                "alerts": [],
            }
            log.append(folder / "metrics.jsonl", row)
        found = {key: float(v) for key, v in zip(KEYS, np.exp(rng.normal(-2, 1, 3)), strict=True)}
        rows.append(
            {"replica": member.index, **member.values, "epochs": epochs, "updates": 10 * epochs}
            | {"stop_reason": "epochs_done", "best_epoch": 2, "zero_predictor_mse": 0.5}
            | (dict.fromkeys(KEYS) if member.index == LOST else found)
        )
    names, fields = names_of(assemble(config).task), list(config.sweep.axes)
    swept = {"axes": fields, "best_replica": results.best_replica(rows, names), "rows": rows}
    swept["aggregates"] = results.aggregate(rows, fields, laws=laws_of(config))
    if ended:
        (folder / "sweep.json").write_text(json.dumps(swept), encoding="utf-8")
        (folder / "sweep.csv").write_text(results.to_csv(rows), encoding="utf-8")
        values = {"replicas": len(rows), "programs": 1, "updates": 700, "device": "cpu"}
        (folder / "summary.json").write_text(json.dumps(values), encoding="utf-8")
        (folder / "best").mkdir()
    return json.loads(json.dumps(swept))
