"""A hundred replicas of original A at once: 25 seeds at each of four learning rates, in one program.

    python -m freqjax.main --mode sweep --config configs/sweep_seeds.py

Two epochs each, 8 million updates. Expected: a frozen MSE of 0.50 for every
seed and rate: nothing is learned, so neither the seed nor the learning rate explains the result of
original A.
"""

from freqjax import Config, ExtractionConfig, OptimizerConfig, SweepConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(reset="never"),
        optimizer=OptimizerConfig(clip_norm=1.0),
        train=TrainConfig(regime="online", epochs=2, divergence_factor=None),
        sweep=SweepConfig(
            axes={
                "train.seed": tuple(range(25)),
                "optimizer.learning_rate": (3e-3, 1e-3, 3e-4, 1e-4),
            }
        ),
    )
