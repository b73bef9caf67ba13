"""Accuracy of the diagnosis on faults planted afresh (`benchmarks.afresh_plants`): what is named, and where.

    python -m benchmarks.planted_afresh [--calibrate | --mend] [NAME ...]

Without a flag it grades seed 9, on which no threshold was set; they were set on 1, `--calibrate`, and 2, and
misses of seeds 3 and 7 were mended on 3, 5, 6 and 8. Each run is a line in
benchmarks/results/planted_afresh.jsonl (of the calibration, in planted_afresh_calibration.jsonl); runs that
are there already are not made again, so that a grading that was killed goes on. `--mend` trains each run of
seed 7 without its fault instead, which proves its label. A fault of one cause is right where it is ranked
first; one of two where both are in the first three, one of them first.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import freqjax
from benchmarks import record
from benchmarks.afresh_plants import Fault
from benchmarks.afresh_table import FAULTS

# Flag → seed, and the ending of the file of results.
_SEEDS = {"": (9, ""), "--calibrate": (1, "_calibration"), "--mend": (7, "_mended")}
_AMONG = 3


@contextlib.contextmanager
def _quick() -> Iterator[None]:
    """Draw no figures and make no probes, which take longer than the training; no diagnosis reads them."""
    with (
        np.errstate(all="ignore"),
        mock.patch("freqjax.tasks.extraction.figures.drawings", lambda *a, **k: []),
        mock.patch("freqjax.tasks.extraction.figures.rotors", lambda *a, **k: a[-1]),
        mock.patch("freqjax.tasks.task.run_drawings", lambda *a, **k: []),
        mock.patch(
            "freqjax.tasks.extraction.task.Extraction.probe",
            lambda *a: {"words": "", "table": []},
        ),
    ):
        yield


def examine(fault: Fault, seed: int, folder: Path) -> dict[str, Any]:
    """Train a run with its fault, and read its diagnosis."""
    began = time.perf_counter()
    with fault.planted(folder, seed) as config, _quick():
        freqjax.train(config, folder, say=lambda line: None)
    causes = [c["cause"] for c in json.loads((folder / "diagnosis.json").read_text())]
    summary = json.loads((folder / "summary.json").read_text())
    return {
        "fault": fault.name,
        "kind": fault.kind,
        "planted": list(fault.causes),
        "seed": seed,
        "causes": causes,
        "learned": bool(summary["learned"]),
        "train": summary["train"]["mse"],
        "test": summary["test"]["mse"],
        **verdict(fault.causes, causes),
        "training_seconds": round(summary["wall_seconds"], 1),
        "seconds": round(time.perf_counter() - began, 1),
    }


def verdict(planted: Sequence[str], causes: Sequence[str]) -> dict[str, bool]:
    """Judge what was named: `right`, and `both` of two among the first three."""
    if not planted:
        return {"right": not causes, "both": not causes}
    among = set(planted) <= set(causes[:_AMONG])
    first = bool(causes) and causes[0] in planted
    return {"right": first and (len(planted) == 1 or among), "both": among}


def mend(fault: Fault, seed: int, folder: Path) -> dict[str, Any]:
    """Train a run without its fault: does it reach its goal then?"""
    with fault.planted(folder, seed, mended=True) as config, _quick():
        config.train.diagnose = False
        summary = freqjax.train(config, folder, say=lambda line: None)
    return {
        "fault": fault.name,
        "seed": seed,
        "mended": bool(summary["learned"]),
        "mended_test": summary["test"]["mse"],
        "goal": summary["goal"],
    }


def report(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Count what is right, by kind, with the runs that are not."""
    well = [r for r in rows if not r["planted"] and r["learned"]]
    short = sum(not r["planted"] and not r["learned"] for r in rows)
    faults = [r for r in rows if r["planted"]]
    two = [r for r in faults if len(r["planted"]) == 2]
    lines = []
    for kind in ("plain", "borderline", "compound"):
        ours = [r for r in faults if r["kind"] == kind]
        lines.append(f"{kind}: {sum(r['right'] for r in ours)} of {len(ours)} right")
    right = sum(r["right"] for r in faults)
    lines.append(f"{right} of {len(faults)} faults right ({right / max(len(faults), 1):.0%})")
    first = sum(bool(r["causes"]) and r["causes"][0] in r["planted"] for r in faults)
    lines.append(f"{first} of {len(faults)} with a planted cause ranked first")
    lines.append(f"{sum(r['both'] for r in two)} of {len(two)} with both causes in the first three")
    lines.append(
        f"{sum(not r['right'] for r in well)} of {len(well)} healthy runs diagnosed with a fault"
    )
    lines.append(f"{short} runs without a fault missed their goal, and are not counted")
    spared = [r for r in faults if r["learned"] and not r["right"]]
    if spared:
        lines.append(
            f"{len(spared)} of the faults not right did not keep the run from its goal: without them "
            f"{right / (len(faults) - len(spared)):.0%} are right"
        )
    lines.append(f"{sum(r['seconds'] for r in rows):.0f} s in all")
    return lines


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON lines; none where it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def main(arguments: Sequence[str]) -> None:
    """Grade all faults, or those that are named, that were not graded yet."""
    which = next((word for word in arguments if word in _SEEDS), "")
    mending = which == "--mend"
    names = [word for word in arguments if not word.startswith("--")]
    seed, kind = _SEEDS[which]
    path = record.RESULTS / f"planted_afresh{kind}.jsonl"
    rows = read(path)
    if any(row["seed"] != seed for row in rows):
        print(f"{path.name} has rows of another seed: they are replaced.")
        path.unlink()
        rows = []
    done = {row["fault"] for row in rows}
    with record.scratch() as scratch:
        for fault in FAULTS:
            if fault.name in done or (names and fault.name not in names):
                continue
            if mending and not fault.provable:
                continue
            row = (mend if mending else examine)(fault, seed, Path(scratch) / fault.name)
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)
    rows = read(path)
    if mending:
        print(f"{sum(row['mended'] for row in rows)} of {len(rows)} runs mended")
        return
    for row in rows:
        if not row["right"]:
            print(f"wrong: {row['fault']}: {row['planted']} taken for {row['causes']}")
    print("\n".join(report(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
