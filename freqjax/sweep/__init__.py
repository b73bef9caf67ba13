"""Sweeps: replicas of a run for values of some fields, listed or drawn, in as few programs as possible.

    python -m freqjax.main --mode sweep --config configs/sweep_seeds.py

`draws` draws the points of axes that have a law, and `axes` makes the replicas and groups those that can
share a program into buckets. Replicas of a bucket are trained by `shared`, with the compiled functions of
`program`, or by `serial`, one after another; `logs` has their common parts. `sweep` runs the whole sweep,
`processes` shares it between several processes, `results` formats the results, and `page` shows them in a
browser.
"""

from freqjax.sweep.axes import Bucket, Replica, buckets, replicas
from freqjax.sweep.sweep import run

__all__ = ["Bucket", "Replica", "buckets", "replicas", "run"]
