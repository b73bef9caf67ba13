"""Benchmark of training updates of the recurrent sequence autoencoder, freqjax beside PyTorch.

    python -m benchmarks.autoencoder_speed

Times the jobs of `benchmarks.autoencoder_jobs` at the size of the published form: always forced, and forced
at half of the samples. Blocks of updates of both engines alternate in a process of their own, one thread
each. Times are CPU time of the process, which other load of the machine changes less than the time of the
clock. Writes benchmarks/results/autoencoder_speed.json.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks import record
from benchmarks.autoencoder_jobs import Job, Shape

SHARES = (1.0, 0.5)
_BATCHES, _ROUNDS = 2, 5
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def measured(shape: Shape, share: float, batches: int, rounds: int) -> dict[str, Any]:
    """Time both engines in this process, which must be limited to one thread."""
    job = Job(shape, share, batches)
    engines = {"freqjax": job.freqjax(), "pytorch": job.pytorch()}
    for run in engines.values():
        run()  # compiles, and warms up
    times = [{name: run() for name, run in engines.items()} for _ in range(rounds)]
    row: dict[str, Any] = {"share": share, **shape._asdict(), "rounds": rounds}
    for name in engines:
        found = [time[name] for time in times]
        row[name] = {"median_ms": round(median(found), 1), "min_ms": round(min(found), 1)}
    ratio = median(time["pytorch"] / time["freqjax"] for time in times)
    return row | {"pytorch_over_freqjax": float(f"{ratio:.3g}")}


def main(arguments: Sequence[str]) -> int:
    """Measure each job in a process of its own and write the rows; with a share, print its row."""
    if arguments:
        print(json.dumps(measured(Shape(), float(arguments[0]), _BATCHES, _ROUNDS)))
        return 0
    rows = []
    limits = {"XLA_FLAGS": _ONE_THREAD, "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    for share in SHARES:
        command = [sys.executable, "-m", "benchmarks.autoencoder_speed", str(share)]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | limits)
        rows.append(json.loads(found.stdout))
        print(rows[-1], flush=True)
    versions = {"torch": importlib.metadata.version("torch")}
    record.write("autoencoder_speed", "python -m benchmarks.autoencoder_speed", rows, **versions)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
