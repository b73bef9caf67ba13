"""What is checked of a sweep's replicas before anything is written or trained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from freqjax.networks import make_network
from freqjax.sweep.axes import Bucket, Replica
from freqjax.system import files
from freqjax.tasks import make_task
from freqjax.training.gradients import engines
from freqjax.training.regimes import is_alone


def check(buckets: Sequence[Bucket]) -> list[str]:
    """Read the rows that come from files, and choose the engine of every bucket.

    Returns:
      What a run would say of its engine, for each bucket that has something to say.

    Raises:
      UserError: rows that cannot be used, or an engine that does not serve.
    """
    read = set()
    for bucket in buckets:
        for replica in bucket.replicas:
            task = replica.config.task
            key = json.dumps(dataclasses.asdict(task))
            if (task.train_path or task.test_path) and key not in read:
                read.add(key)
                made = make_task(task)
                made.split("train")
                made.split("test")
    notes = []
    for bucket in buckets:
        config = bucket.replicas[0].config
        if not is_alone(config):
            task = make_task(config.task)
            notes.append(engines.choose(make_network(config.network, task), task, config).note)
    return [note for note in dict.fromkeys(notes) if note is not None]


def data_hashes(replicas: Sequence[Replica]) -> dict[str, str]:
    """The SHA-256 of every file that rows of the replicas come from, by path."""
    paths = {p for r in replicas for p in (r.config.task.train_path, r.config.task.test_path) if p}
    return {path: files.file_hash(Path(path)) for path in sorted(paths)}
