"""Saves checkpoints without a pause until it is killed, each better than the last: `python ... DIRECTORY`."""

import itertools
import sys
from pathlib import Path

from freqjax.checkpoints.store import CheckpointStore
from tests.checkpoints.checkpoint_victim import state_at


def main() -> None:
    """Prints a line once there is a step to read."""
    with CheckpointStore(Path(sys.argv[1]), warn=print) as store:
        for step in itertools.count(1):
            store.save(step, *state_at(step), {"step": step}, metric=-step)
            if step == 1:
                print("saved", flush=True)


if __name__ == "__main__":
    main()
