"""Benchmark of variants of the main job.

    python -m benchmarks.variants

Each row is a run of `configs/gauss_newton.py` with the overrides of a variant, at one of its seeds.
Writes benchmarks/results/variants.json.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import record

_ADAM = (
    "curriculum.first_horizon=none",
    "optimizer.learning_rate=2e-3",
    "train.evaluate_every=25",
)

SPECTRAL, CONSTRUCTED = "spectral start (data-driven)", "constructed (nothing learned)"
# Name → (seeds, overrides).
VARIANTS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "as configured": ((0,), ()),
    "fixed noise: the 40,000 rows of train seed 1 alone": ((0,), ("task.noise=fixed",)),
    SPECTRAL: ((0, 1), ("network.initializer=spectral",)),
    CONSTRUCTED: ((0,), ("network.initializer=constructed", "train.epochs=0")),
    "PyTorch-uniform start": ((0,), ("network.initializer=pytorch", "train.epochs=80")),
    "PyTorch-uniform start, first horizon 0.05 s": (
        (0,),
        ("network.initializer=pytorch", "curriculum.first_horizon=0.05", "train.epochs=80"),
    ),
    "chrono start": ((0,), ("network.initializer=chrono", "train.epochs=80")),
    "no curriculum: Gauss-Newton on the whole 10 s": (
        (0,),
        ("curriculum.first_horizon=10", "train.epochs=25"),
    ),
    "strides of 2.5": ((0, 1), ("curriculum.growth=2.5", "train.epochs=60")),
    "rotors over a wider band, 0.2 to 50 Hz": (
        (0,),
        ("task.rotor_low=0.2", "task.rotor_high=50"),
    ),
    "hidden 32": ((0,), ("network.hidden_size=32",)),
    "Adam, full backpropagation over 10 s": ((0,), (*_ADAM, "train.epochs=60")),
    "Adam, truncated at 250": (
        (0,),
        (*_ADAM, "train.regime=tbptt", "train.truncation=250", "train.epochs=30"),
    ),
    "Adam, truncated at 1000": (
        (0,),
        (*_ADAM, "train.regime=tbptt", "train.truncation=1000", "train.epochs=30"),
    ),
}


def main() -> None:
    """Run every variant in a process of its own."""
    rows = []
    with record.scratch() as scratch:
        for name, (seeds, overrides) in VARIANTS.items():
            for seed in seeds:
                folder = Path(scratch) / f"run{len(rows)}"
                flags = [f"--config.{o}" for o in (*overrides, f"train.seed={seed}")]
                summary = record.train(["--config", "configs/gauss_newton.py", *flags], folder)
                rows.append(
                    {
                        "variant": name,
                        "overrides": list(overrides),
                        "seed": seed,
                        "initializer": summary["initializer"],
                        "stop_reason": summary["stop_reason"],
                        "updates": summary["updates"],
                        "process_seconds": round(summary["process_seconds"], 1),
                        "distinct_rows": summary["distinct_rows"],
                        "test_mse_per_frequency": summary["test"]["mse_per_frequency"],
                        "verdict": summary["probes"]["verdict"],
                    }
                )
                print(rows[-1], flush=True)
    record.write("variants", "python -m benchmarks.variants", rows)


if __name__ == "__main__":
    main()
