"""Eight seeds of original A's recipe at two learning rates, all in one program.

    python -m freqjax.main --mode sweep --config configs/sweep_seeds.py

Sixteen replicas, 5 epochs each, take about 20 s on 2 cores. Expected: no seed and neither rate learns
anything, the frozen MSE is 0.5 to 0.7 everywhere: the recipe fails by what it is, not by bad luck.
"""

from freqjax import Config, OptimizerConfig, SweepConfig, TaskConfig, TrainConfig


def get_config() -> Config:
    """The config of the command above."""
    return Config(
        task=TaskConfig(reset="never"),
        optimizer=OptimizerConfig(clip_norm=1.0),
        train=TrainConfig(regime="online", epochs=5, divergence_factor=None),
        sweep=SweepConfig(
            axes={"train.seed": tuple(range(8)), "optimizer.learning_rate": (1e-3, 1e-4)}
        ),
    )
