"""Translation of the checkpoint records of version 0.1 into the present format.

A run's was {config, trainer, stopping, elapsed_seconds, data_hashes}, with the hashes by field; a sweep's
{stories, progress, results, spent, data_hashes}, with the hashes by path; that of weights only {config}.
"""

from __future__ import annotations

from typing import Any

FORMAT = 2


def upgrade(values: dict[str, Any]) -> dict[str, Any]:
    """Return a record of any version in the present format."""
    if "format" in values:
        return values
    return _of_sweep(values) if "stories" in values else _of_run(values)


def _of_run(values: dict[str, Any]) -> dict[str, Any]:
    config, replicas = values["config"], []
    if "trainer" in values:
        trainer, stopping = values["trainer"], values["stopping"]
        replicas = [{"index": 0, "trainer": trainer, "stopping": stopping, "best_epoch": None}]
    return {
        "format": FORMAT,
        "config": config,
        "replicas": replicas,
        "results": None,
        "spent": {"wall_seconds": values.get("elapsed_seconds", 0.0)},
        "data_hashes": {
            config["task"][field.removeprefix("task.")]: digest
            for field, digest in values.get("data_hashes", {}).items()
        },
    }


def _of_sweep(values: dict[str, Any]) -> dict[str, Any]:
    progress = values["progress"]
    return {
        "format": FORMAT,
        "config": {},
        "replicas": [_of_replica(saved, progress["next_chunk"]) for saved in values["stories"]],
        "results": values["results"],
        "spent": values["spent"],
        "data_hashes": values["data_hashes"],
    }


def _of_replica(saved: dict[str, Any], next_chunk: int) -> dict[str, Any]:
    kept = ("epoch", "step", "totals", "losses", "bad_step")
    plateau = dict(zip(("scale", "best", "waited"), saved["plateau"], strict=True))
    return {
        "index": saved["index"],
        "trainer": {
            **{name: saved[name] for name in kept},
            "plateau": plateau,
            "next_chunk": next_chunk,
        },
        "stopping": saved["stopping"],
        "best_epoch": saved["best_epoch"],
    }
