"""Many replicas of a run at once: every combination of some fields, trained in as few programs as can be.

    python -m freqjax.main --mode sweep --config configs/sweep_seeds.py

`axes` makes the replicas and puts those that can share a program into a bucket. Replicas of a bucket are
trained by `shared`, in the compiled functions of `program`, or by `serial`, one after another; `logs` has
what both have in common. `sweep` is the whole, `processes` lets several share it, `results` words its end.
"""

from freqjax.sweep.axes import Bucket, Replica, buckets, replicas
from freqjax.sweep.sweep import run

__all__ = ["Bucket", "Replica", "buckets", "replicas", "run"]
