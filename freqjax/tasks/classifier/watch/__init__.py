"""Exercises of the shoulder by the sensors of a watch, which ship with freqjax.

`python -m benchmarks.watch_data` makes the file; NOTICE.md has its source and its licence.

The file is a stacked one as `freqjax.tasks.classifier.sequences` reads it: windows of 64 samples at 25 a
second, 32 apart, of 140 recordings of 10 persons; the modalities accelerometer and gyroscope with 3 channels
each; label, the exercise (`EXERCISES`).
"""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).with_name("watch.npz")
# In the order of the labels, by the abbreviations of the source.
EXERCISES = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
