"""Benchmark of start-up: the time of short commands with an empty cache and with a full one.

    python -m benchmarks.startup

Five times over, in processes of their own: the whole run of configs/quick.py, evaluating the shipped
checkpoint without figures, and loading it from Python, each with an empty cache (cold) and right after with
the same one (warm); `--help` and a wrong argument, which use no cache. Writes
benchmarks/results/startup.json.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import record

_ROOT = Path(__file__).parent.parent
_ROUNDS = 5
_MAIN = ("-m", "freqjax.main")
QUICK = "configs/quick.py, a whole run"
EVALUATE = "evaluate checkpoints/clock64 without figures"
LOAD = "freqjax.load and one step"
HELP = "--help"
_CHECKPOINT = ("--checkpoint", "checkpoints/clock64")
# Name → the words after `python`, the exit code, and whether the command uses the cache.
TIMED = {
    QUICK: ((*_MAIN, "--config", "configs/quick.py", "--workdir", "{scratch}-{number}"), 0, True),
    EVALUATE: (
        (*_MAIN, "--mode", "evaluate", *_CHECKPOINT, "--no-figures", "--workdir", "{scratch}"),
        0,
        True,
    ),
    LOAD: (
        (
            "-c",
            "import freqjax; network = freqjax.load('checkpoints/clock64'); "
            "network.step(network.init_carry(), [[0.1, 1, 0, 0, 0]])",
        ),
        0,
        True,
    ),
    HELP: ((*_MAIN, "--help"), 0, False),
    "a wrong argument": ((*_MAIN, "--mode", "none"), 2, False),
}


def seconds(
    words: tuple[str, ...], code: int, scratch: Path, cache: Path, **variables: str
) -> float:
    """Time a command whose exit code is `code`; what it writes goes to folders beside `scratch`.

    `variables` are those of the environment beside this process's own.
    """
    number = len(list(scratch.parent.iterdir()))
    command = [word.format(scratch=scratch, number=number) for word in words]
    environment = os.environ | {"FREQJAX_CACHE": str(cache)} | variables
    began = time.perf_counter()
    found = subprocess.run(
        [sys.executable, *command], cwd=_ROOT, env=environment, capture_output=True, check=False
    )
    took = time.perf_counter() - began
    if found.returncode != code:
        raise RuntimeError(f"{' '.join(command)} gave {found.returncode}: {found.stderr.decode()}")
    return took


def main() -> None:
    """Time every command in turn, and write the rows."""
    times: dict[tuple[str, str], list[float]] = {}
    with record.scratch() as scratch:
        for number in range(_ROUNDS):
            for index, (what, (words, code, cached)) in enumerate(TIMED.items()):
                cache = Path(scratch) / f"cache-{number}-{index}"
                for state in ("cold", "warm") if cached else ("warm",):
                    took = seconds(words, code, Path(scratch) / "run", cache)
                    times.setdefault((what, state), []).append(took)
    rows: list[dict[str, Any]] = []
    for what in TIMED:
        row: dict[str, Any] = {"what": what, "runs": _ROUNDS}
        for state in ("cold", "warm"):
            found = times.get((what, state))
            row[f"{state}_seconds"] = None if found is None else round(median(found), 2)
        rows.append(row)
        cold = "" if row["cold_seconds"] is None else f"cold {row['cold_seconds']} s, warm "
        print(f"{what}: {cold}{row['warm_seconds']} s")
    record.write("startup", "python -m benchmarks.startup", rows)


if __name__ == "__main__":
    main()
