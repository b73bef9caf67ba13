"""Checks of a sweep's replicas before anything is written or trained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from freqjax.checkpoints import beginnings
from freqjax.checkpoints.beginnings import Warn
from freqjax.checkpoints.records import Record, data_hashes
from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.networks import Network, make_network
from freqjax.processes import exchange
from freqjax.run.workdir import Workdir
from freqjax.sweep.axes import Bucket, Replica
from freqjax.system import capacity, devices
from freqjax.system.capacity import Need
from freqjax.tasks import make_task
from freqjax.tasks.predicting import require_judged
from freqjax.training import footprint, placement
from freqjax.training.gradients import engines
from freqjax.training.prepared import assemble
from freqjax.training.regimes import is_alone, require_trainable

_NO_CHECKPOINTS = (
    "train.checkpoint_every has no effect in a sweep, which keeps best and last weights alone."
)


def check(buckets: Sequence[Bucket], warn: Warn, *, begun: bool = False) -> list[str]:
    """Read rows and weights from files, check networks against tasks, and choose the engine of every bucket.

    Args:
      buckets: the buckets of the sweep.
      warn: called with a sentence for each damaged checkpoint that is skipped.
      begun: whether the sweep is one that goes on, whose initial weights are not read again.

    Returns:
      The notes that a run would print about its engine, and one about a field without effect, each once.

    Raises:
      UserError: a network does not match its task, rows or weights cannot be used, an engine does not support
        a run, or a new sweep has a field that would not do what it says.
    """
    if not begun:  # what an earlier sweep had without an effect does not stop it
        for bucket in buckets:
            for replica in bucket.replicas:
                _refuse_without_effect(replica)
    for networks in _by_task(buckets):
        task = make_task(networks[0].task)
        require_judged(task)
        for config in networks:
            network = make_network(config.network, task)
            if config.train.init_from and not begun:
                beginnings.read(config.train.init_from, network, warn)
        if networks[0].task.named_files:
            task.split("train")
            task.split("test")
    notes: list[str | None] = []
    if any(r.config.train.checkpoint_every for bucket in buckets for r in bucket.replicas):
        notes.append(_NO_CHECKPOINTS)
    for bucket in buckets:
        config = bucket.replicas[0].config
        task, network = assemble(config)
        if is_alone(config):
            require_trainable(network, task, config, None)
            with placement.placed(config, notes.append):
                notes.append(engines.choose(network, task, config).note)
        else:
            _require_memory(bucket, network, task.samples)
            notes.append(engines.choose(network, task, config).note)
    return [note for note in dict.fromkeys(notes) if note is not None]


def _refuse_without_effect(replica: Replica) -> None:
    """Refuse fields that a replica cannot have: it is not diagnosed, and rows of a file are fixed."""
    task, sizes = replica.config.task, replica.config.train.escalate
    if sizes:  # which go by a diagnosis
        raise UserError(
            f"train.escalate is {', '.join(map(str, sizes))}: it must be empty in a sweep, whose axes may "
            "name network.hidden_size instead."
        )
    if replica.values.get("task.noise", task.noise) != task.noise:
        raise UserError(
            f"task.noise is {replica.values['task.noise']}: as an axis of a sweep it must be {task.noise} "
            "where task.train_path names a file, whose rows cannot be drawn anew."
        )


def _require_memory(bucket: Bucket, network: Network, samples: int) -> None:
    """Require that the replicas of a bucket that this process trains have the memory they need, at least.

    Raises:
      UserError: they have not.
    """
    if not devices.on_cpu():
        return
    replicas = len(bucket.replicas) // exchange.count() or 1
    needs = footprint.needs(bucket.replicas[0].config, network, 1, samples)
    said = f"sweep.axes give {len(bucket.replicas)} replicas that are trained together"
    worst = max(needs, key=lambda need: need.bytes)
    capacity.require([Need(said, worst.what, replicas * sum(need.bytes for need in needs))])


def _by_task(buckets: Sequence[Bucket]) -> list[list[Config]]:
    """Return the configs of replicas that differ in task, network or initial weights, grouped by task."""
    found: dict[str, dict[str, Config]] = {}
    for config in (replica.config for bucket in buckets for replica in bucket.replicas):
        task = json.dumps(dataclasses.asdict(config.task))
        network = json.dumps([dataclasses.asdict(config.network), config.train.init_from])
        found.setdefault(task, {})[network] = config
    return [list(configs.values()) for configs in found.values()]


def refuse_other_data(bucket: Bucket, record: Record) -> None:
    """Check that the files of rows have not changed since `record` was saved.

    Raises:
      UserError: a file is not the one that the sweep was trained on.
    """
    # A file that many replicas read is looked at once.
    paths = data_hashes(replica.config for replica in bucket.replicas)
    for path, digest in paths.items():
        if record.data_hashes.get(path) != digest:
            raise UserError(
                f"{path}: the file is not the one the sweep was trained on (its SHA-256 differs); a "
                "resume needs the same data."
            )


def refuse_other_sweep(config: Config, folder: Workdir) -> None:
    """Compare the config with that of the sweep which is in a folder already, if there is one.

    Raises:
      UserError: they differ in more than devices and processes.
    """
    saved = folder.read_json("config.json")
    if saved is None:
        return
    before = validation.from_dict(saved, "config.json")
    changed = [f for f in configs.differing_fields(config, before) if not f.startswith("run.")]
    if not changed and list(before.sweep.axes) != list(config.sweep.axes):
        changed = ["sweep.axes (their order)"]
    if changed:
        raise UserError(
            f"{', '.join(changed)} differ from the sweep's own: only run.* may change on a resume."
        )
