"""Sweeps: replicas of a run for every combination of some fields, trained in as few programs as possible.

    python -m freqjax.main --mode sweep --config configs/sweep_seeds.py

`axes` makes the replicas and groups those that can share a program into buckets. Replicas of a bucket are
trained by `shared`, with the compiled functions of `program`, or by `serial`, one after another; `logs` has
their common parts. `sweep` runs the whole sweep, `processes` shares it between several processes, and
`results` formats the results, and `page` shows them in a browser.
"""

from freqjax.sweep.axes import Bucket, Replica, buckets, replicas
from freqjax.sweep.sweep import run

__all__ = ["Bucket", "Replica", "buckets", "replicas", "run"]
