"""Benchmark of the noise that makes a code smooth: what it costs, and what it is worth when a number moves.

    python -m benchmarks.poems_noise

Trains configs/poems.py with values of `task.code_noise` other than its own by whole commands and writes
benchmarks/results/poems_noise.json: a row a value, with the cosine on held-out chapters as evaluated, with
every number moved by one level, and at 4 bits a number.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import record

# Standard deviations; a level of 8 bits is 2/255 = 0.0078.
VALUES = (0.002, 0.008, 0.032)


def main() -> None:
    """Train with each value in a process of its own."""
    rows = []
    for value in VALUES:
        flags = ["--config", "configs/poems.py", f"--config.task.code_noise={value}"]
        with record.scratch() as scratch:
            summary = record.train(flags, Path(scratch) / "run")
        probes = summary["probes"]
        rows.append(
            {
                "code_noise": value,
                "cosine": summary["test"]["cosine"],
                "validation_cosine": summary["validation"]["cosine"],
                "moved": probes["moved"],
                "four_bits": probes["by_bits"]["4"],
                "process_seconds": round(summary["process_seconds"], 1),
            }
        )
        print(rows[-1], flush=True)
    record.write("poems_noise", "python -m benchmarks.poems_noise", rows)


if __name__ == "__main__":
    main()
