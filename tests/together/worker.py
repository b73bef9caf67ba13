"""One of the processes that share runs, each of a config in JSON: see `test_shared_run.py`.

Arguments: HOST:PORT, how many processes, which this is, its CPU devices, and a folder for each run. The
config of a run is beside its folder, FOLDER.json; a folder that is there is resumed.
"""

import json
import sys
from pathlib import Path

from freqjax.config import validation
from freqjax.config.sections import RunConfig
from freqjax.processes import exchange
from freqjax.run import ending, escalation


def end(run, best, reason, say):
    """Do without the evaluation of a run, which is that of a run of one process."""
    del run, best, say
    return {"test": {}, "stop_reason": reason}


def work(address: str, count: int, index: int, devices: int, folders: list[str]) -> None:
    """Make the runs one after another."""
    ending.sum_up = end
    for folder in map(Path, folders):
        values = json.loads(folder.with_suffix(".json").read_text(encoding="utf-8"))
        config = validation.from_dict(values, "the test")
        config.run = RunConfig(
            cpu_devices=devices, coordinator=address, num_processes=count, process_id=index
        )
        outcome = escalation.run(config, folder, resume=folder.exists(), say=print)
        assert outcome.signum is None
        assert bool(outcome.summary) == (index == 0)
    assert exchange.count() == count


if __name__ == "__main__":
    place, *numbers = sys.argv[1:5]
    count, index, devices = map(int, numbers)
    work(place, count, index, devices, sys.argv[5:])
