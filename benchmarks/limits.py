"""Benchmark of `--mode limits`: the limits of the main task, and the time that they take.

    python -m benchmarks.limits

Runs `--mode limits --config configs/default.py` with an empty cache and then with a full one, and writes
benchmarks/results/limits.json: the rows of limits.json, and the seconds of both commands.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import record


def main() -> None:
    """Run the mode with an empty cache and with a full one."""
    with record.scratch() as scratch:
        environment = os.environ | {"FREQJAX_CACHE": str(Path(scratch) / "cache")}
        seconds = []
        for name in ("cold", "warm"):
            folder = Path(scratch) / name
            command = [sys.executable, "-m", "freqjax.main", "--mode", "limits"]
            command += ["--config", "configs/default.py", "--workdir", str(folder)]
            began = time.perf_counter()
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
            seconds.append(round(time.perf_counter() - began, 1))
        rows = json.loads((Path(scratch) / "cold" / "limits.json").read_text())
    print(f"{seconds[0]} s with an empty cache, {seconds[1]} s with a full one")
    timed = {"cold_seconds": seconds[0], "warm_seconds": seconds[1]}
    record.write("limits", "python -m benchmarks.limits", [row | timed for row in rows])


if __name__ == "__main__":
    main()
