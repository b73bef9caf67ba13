"""Benchmark of the speed and the memory of live streams and of extraction.

    python -m benchmarks.signals

Pipes one and ten million numbers through `--mode stream`, extracts from an hour at 48 kHz, and writes
benchmarks/results/signals.json. Every process is held to one core.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmarks import record
from freqjax.recordings import wav_header

_CHECKPOINT = "checkpoints/clock64"
_RATE, _SECONDS = 48_000, 3600


def _measure(words: list[str], feed: Callable[[IO[bytes]], None]) -> dict[str, Any]:
    """Run the program on one core; `feed` writes its standard input."""
    command = [sys.executable, "-m", "freqjax.main", "--checkpoint", _CHECKPOINT, "--select", "3"]
    core = min(os.sched_getaffinity(0))
    began = time.perf_counter()
    process = subprocess.Popen([*command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    os.sched_setaffinity(process.pid, {core})  # before it has a second thread
    assert process.stdin and process.stdout
    feeder = threading.Thread(target=feed, args=(process.stdin,))
    feeder.start()
    lines = 0
    while piece := process.stdout.read(1 << 16):
        lines += piece.count(b"\n")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    feeder.join()
    process.stdout.close()
    if process.returncode:
        raise RuntimeError(f"{words} exited with {process.returncode}")
    return {"seconds": round(seconds, 2), "memory_mb": usage.ru_maxrss / 1e3, "lines": lines}


def _numbers(millions: int) -> Callable[[IO[bytes]], None]:
    values = np.random.default_rng(0).normal(size=1_000_000) * 0.3
    text = "".join(f"{value:.6g}\n" for value in values).encode()

    def feed(file: IO[bytes]) -> None:
        for _ in range(millions):
            file.write(text)
        file.close()

    return feed


def _write_hour(path: Path) -> None:
    """Write an hour of four sines in noise, 24 bits, second by second."""
    time_s = np.arange(_RATE) / _RATE
    clean = np.sin(2 * np.pi * time_s[:, None] * [1, 3, 5, 7]).mean(axis=1)
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, _RATE)
    whole = np.rint(0.75 * (clean + noise) * 2**23).astype("<i4")
    second = whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    samples = _RATE * _SECONDS
    with path.open("wb") as file:
        file.write(wav_header.make(wav_header.Header(1, 1, _RATE, 24, 0, 0), 1, samples))
        for _ in range(_SECONDS):
            file.write(second)


def main() -> None:
    """Measure two streams and one extraction."""
    rows = []
    for millions in (1, 10):
        found = _measure(["--mode", "stream"], _numbers(millions))
        if found.pop("lines") != millions * 1_000_000:
            raise RuntimeError("a line had no answer")
        rows.append({"what": "live stream", "samples": millions * 1_000_000, **found})
        print(rows[-1], flush=True)
    with record.scratch() as scratch:
        source, output = Path(scratch) / "hour.wav", Path(scratch) / "out.wav"
        _write_hour(source)
        words = ["--mode", "extract", "--input", str(source), "--output", str(output), "--resample"]
        found = _measure(words, lambda file: file.close())
        del found["lines"]
        rows.append({"what": "recording", "samples": _RATE * _SECONDS, **found})
        print(rows[-1], flush=True)
    record.write("signals", "python -m benchmarks.signals", rows)


if __name__ == "__main__":
    main()
