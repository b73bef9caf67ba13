"""Export of the best replica of a sweep to a run's folder, which every mode accepts as a checkpoint."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import jax

from freqjax.checkpoints import store as checkpoints
from freqjax.checkpoints.records import Record
from freqjax.config import sections as configs
from freqjax.networks import Paddable
from freqjax.networks.padding import crop_hidden
from freqjax.sweep.axes import Bucket
from freqjax.system import files
from freqjax.training.prepared import assemble, param_shapes


def export(
    bucket: Bucket, index: int, source: Path, destination: Path, *, warn: Callable[[str], None]
) -> None:
    """Write the best weights of a replica to their own folder.

    Args:
      bucket: the bucket of the replica.
      index: the index of the replica.
      source: the folder of the bucket's checkpoints; the newest is the one with the results.
      destination: the folder to write, replaced if it exists.
      warn: called with a sentence for a damaged checkpoint that is skipped.
    """
    place = [replica.index for replica in bucket.replicas].index(index)
    config = bucket.replicas[place].config
    network = assemble(config).network
    hidden, wider = config.network.hidden_size, bucket.hidden_size
    wide = dataclasses.replace(config.network, hidden_size=wider)
    shapes = param_shapes(assemble(dataclasses.replace(config, network=wide)).network)
    several = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((len(bucket.replicas), *leaf.shape), leaf.dtype), shapes
    )
    with checkpoints.CheckpointStore(source, warn=warn, read_only=True) as store:
        newest = source / str(store.steps()[-1])
    saved = checkpoints.restore_params(newest, several, warn=warn)
    own = jax.tree.map(lambda a: a[place], saved.params)
    if hidden < wider and isinstance(network, Paddable):
        own = crop_hidden(own, network.hidden_axes(), hidden, wider)
    shutil.rmtree(destination, ignore_errors=True)
    replica = Record.from_json(saved.meta, str(newest)).replicas[place]
    record = Record(config=configs.to_dict(config), replicas=[replica]).to_json()
    step = replica.trainer["step"]
    frozen = replica.stopping.best_frozen
    metric = math.inf if frozen is None else frozen
    checkpoints.save_params_only(destination, step, own, record, metric=metric, warn=warn)
    files.write_json(destination / "config.json", configs.to_dict(config))
