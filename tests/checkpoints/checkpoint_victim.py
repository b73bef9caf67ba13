"""Saves checkpoints in a loop until it is killed: `python checkpoint_victim.py DIRECTORY`.

It resumes as a run does, and prints a line per save. Every state is a function of its step alone,
so whoever restores one can tell whether it is exactly what was saved.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from freqjax.checkpoints.store import CheckpointStore


class Training(NamedTuple):
    """The rest of the train state."""

    updates: jax.Array
    momentum: jax.Array  # (64,)
    key: jax.Array


def state_at(step: int) -> tuple[dict, Training]:
    """Return the parameters and the rest of the state after `step` updates."""
    random = np.random.default_rng(step)
    params = {"Dense_0": {"kernel": jnp.asarray(random.normal(size=(64, 32)), jnp.float32)}}
    momentum = jnp.asarray(random.normal(size=64), jnp.float32)
    return params, Training(jnp.asarray(step, jnp.int32), momentum, jax.random.key(step))


def metric_at(step: int) -> float:
    """Return a metric that is largest in the middle of each dozen steps, so that the best step changes."""
    return float(np.sin(step) - step / 50)


def main() -> None:
    """Resume from the newest good step and save every following one."""
    with CheckpointStore(Path(sys.argv[1]), warn=print) as store:
        restored = store.restore_last(*state_at(0))
        step = restored.step if restored else 0
        store.discard_after(step)
        print("ready", step, flush=True)
        while True:
            step += 1
            store.save(step, *state_at(step), {"step": step}, metric=metric_at(step))
            print("saved", step, flush=True)


if __name__ == "__main__":
    main()
