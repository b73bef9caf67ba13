"""Jobs of many online seeds at once, as a sweep trains them, compared with one.

    python -m benchmarks.seed_jobs PLATFORM UPDATES ROUNDS

Prints rows as JSON, for `benchmarks.devices`. It is a process of its own because JAX needs one CPU device a
core, which is fixed when it starts. A unit is a seed-step, one update of one seed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

import jax

from benchmarks.contenders import Contender, alternate, row_of, timed
from freqjax import Config, SweepConfig, TaskConfig, TrainConfig
from freqjax.sweep import buckets, replicas
from freqjax.sweep.shared import SharedReplicas
from freqjax.system import devices

# Numbers of seeds at once, by platform; a GPU has many more cores.
COUNTS = {"cpu": (1, 8)}
_MANY = (1, 8, 128, 1024)


def measured(platform: str, updates: int, rounds: int) -> list[dict[str, Any]]:
    """Measure the rows of the jobs seeds_N in a process of its own."""
    words = [platform, str(updates), str(rounds)]
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.seed_jobs", *words],
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(found.stdout)


def contender(seeds: int, updates: int) -> Contender:
    """Prepare `updates` updates of each of `seeds` seeds, hidden 64, on as many local devices as they fill.

    `updates` is a multiple of 4: four blocks, one a frequency.
    """
    config = Config(
        task=TaskConfig(duration=updates / 4000),
        train=TrainConfig(epochs=10_000, evaluate_every=0, divergence_factor=None),
        sweep=SweepConfig(axes={"train.seed": tuple(range(seeds))}),
    )
    (bucket,) = buckets(replicas(config), config.sweep.widest_padding)
    used = jax.local_devices()[:seeds]
    members = SharedReplicas(bucket, bucket.replicas, used)

    def work() -> None:
        done = members.epoch
        while members.epoch == done:
            members.advance()

    return Contender("freqjax", timed(work, seeds * updates), len(used))


def main(arguments: Sequence[str]) -> int:
    """Measure and print the rows."""
    platform, updates, rounds = arguments[0], int(arguments[1]), int(arguments[2])
    devices.select(platform)
    devices.use_cpu_cores(None)
    counts = COUNTS.get(platform, _MANY)
    contenders = [contender(count, updates) for count in counts]
    times = alternate(contenders, rounds)
    jobs = []
    for place, count in enumerate(counts):
        row = row_of(contenders[place], [found[place] for found in times])
        jobs.append({"job": f"seeds_{count}", "engine": None, "platform": platform} | row)
        if place:
            throughput = median(found[0] / found[place] for found in times)
            jobs[-1]["throughput"] = float(f"{throughput:.3g}")
    print(json.dumps(jobs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
