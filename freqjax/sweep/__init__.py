"""Many replicas of a run at once: every combination of some fields, trained in as few programs as can be.

    python -m freqjax.main --mode sweep --config configs/sweep_seeds.py

From `axes` (which replicas, and which of them share a program) over `population` (their life) and
`program` (what is compiled) to `results`; `life` is the whole, and `processes` lets several share it.
"""

from freqjax.sweep.axes import Bucket, Replica, buckets, replicas
from freqjax.sweep.life import run

__all__ = ["Bucket", "Replica", "buckets", "replicas", "run"]
