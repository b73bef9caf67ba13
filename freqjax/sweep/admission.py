"""What is checked of a sweep's replicas before anything is written or trained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from freqjax.config.sections import Config
from freqjax.networks import make_network, needs_of
from freqjax.sweep.axes import Bucket, Replica
from freqjax.system import files
from freqjax.tasks import make_task
from freqjax.training.gradients import engines
from freqjax.training.regimes import is_alone


def check(buckets: Sequence[Bucket]) -> list[str]:
    """Read the rows that come from files, fit networks to tasks, and choose the engine of every bucket.

    Returns:
      What a run would say of its engine, for each bucket that has something to say.

    Raises:
      UserError: a network that does not fit its task, rows that cannot be used, or an engine that does
        not serve.
    """
    for networks in _by_task(buckets):
        task = make_task(networks[0].task)
        for config in networks:
            needs_of(config.network, task)
        if networks[0].task.train_path or networks[0].task.test_path:
            task.split("train")
            task.split("test")
    notes = []
    for bucket in buckets:
        config = bucket.replicas[0].config
        if not is_alone(config):
            task = make_task(config.task)
            notes.append(engines.choose(make_network(config.network, task), task, config).note)
    return [note for note in dict.fromkeys(notes) if note is not None]


def _by_task(buckets: Sequence[Bucket]) -> list[list[Config]]:
    """Configs of replicas that differ in task or network, those of one task together."""
    found: dict[str, dict[str, Config]] = {}
    for replica in (replica for bucket in buckets for replica in bucket.replicas):
        task, network = (
            json.dumps(dataclasses.asdict(section))
            for section in (replica.config.task, replica.config.network)
        )
        found.setdefault(task, {})[network] = replica.config
    return [list(configs.values()) for configs in found.values()]


def data_hashes(replicas: Sequence[Replica]) -> dict[str, str]:
    """The SHA-256 of every file that rows of the replicas come from, by path."""
    paths = {p for r in replicas for p in (r.config.task.train_path, r.config.task.test_path) if p}
    return {path: files.file_hash(Path(path)) for path in sorted(paths)}
