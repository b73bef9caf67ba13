"""Runs of the program in subprocesses, and the files of results."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freqjax.system import devices

RESULTS = Path(__file__).parent / "results"
# Load of the machine before the benchmark.
_LOAD = os.getloadavg()[0]


def train(flags: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run `python -m freqjax.main` with `flags` in a subprocess.

    Returns:
      summary.json, with `process_seconds`, the whole command from start to exit, figures included.
    """
    command = [sys.executable, "-m", "freqjax.main", "--workdir", str(folder), *flags]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    return json.loads((folder / "summary.json").read_text()) | {"process_seconds": seconds}


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Make a temporary folder for runs."""
    return tempfile.TemporaryDirectory(prefix="freqjax-benchmark-")


def write(name: str, command: str, rows: list[dict[str, Any]], **versions: str) -> Path:
    """Write benchmarks/results/NAME.json: the command, the machine, and one object a row.

    `versions` are those of other packages that were measured. Returns the path.
    """
    RESULTS.mkdir(exist_ok=True)
    value = {
        "command": command,
        "machine": {
            "device": devices.describe(),
            "cpu": cpu(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "load": round(_LOAD, 1),
            "load_after": round(os.getloadavg()[0], 1),
        },
        "versions": devices.versions() | versions,
        "rows": rows,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(value, indent=1) + "\n")
    print(f"wrote {path}")
    return path


def read(name: str) -> list[dict[str, Any]]:
    """Read the rows of benchmarks/results/NAME.json; none if there is no such file."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["rows"] if path.exists() else []


def version(name: str) -> str:
    """Return the version of freqjax that benchmarks/results/NAME.json was measured with."""
    return json.loads((RESULTS / f"{name}.json").read_text())["versions"]["freqjax"]


def cpu() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
