"""What every benchmark does: run the program as its user would, and write down what came out."""

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
# How busy the machine was before the benchmark added its own work.
_LOAD = os.getloadavg()[0]


def train(flags: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run `python -m freqjax.main` with `flags` in a process of its own.

    Returns:
      summary.json, with `process_seconds`, the whole command from start to exit, figures included.
    """
    command = [sys.executable, "-m", "freqjax.main", "--workdir", str(folder), *flags]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    return json.loads((folder / "summary.json").read_text()) | {"process_seconds": seconds}


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for runs that nobody keeps."""
    return tempfile.TemporaryDirectory(prefix="freqjax-benchmark-")


def write(name: str, command: str, rows: list[dict[str, Any]], **versions: str) -> Path:
    """Write benchmarks/results/NAME.json: the command, the machine, and one object a row.

    `versions` are those of what else was measured. Returns the path.
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
        },
        "versions": devices.versions() | versions,
        "rows": rows,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(value, indent=1) + "\n")
    print(f"wrote {path}")
    return path


def read(name: str) -> list[dict[str, Any]]:
    """The rows of benchmarks/results/NAME.json; none where it has not been measured yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["rows"] if path.exists() else []


def cpu() -> str:
    """The processor in words."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
