"""Strict online learning on the stream as it is: 40,000 fixed rows in order, at most four times.

    python -m freqjax.main --config configs/online_stream.py

One update a sample, nothing stored of the past, no backpropagation through time, no curriculum. The state
starts over at each block; `--config.task.reset=epoch` carries one state through all rows. Expected: a frozen
test MSE below 0.01 at every frequency. See docs/online.md.
"""

from freqjax import Config, ExtractionConfig, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(noise="fixed"),
        network=NetworkConfig(initializer="rotor", learned_carry=True, recurrence="pairs"),
        optimizer=OptimizerConfig(name="ekf"),
        train=TrainConfig(
            regime="online",
            gradient="rtrl",
            state_correction=True,
            epochs=4,
            target_mse=3e-4,
            divergence_factor=None,
        ),
    )
