"""Exact reference: a clock constructed in 12 of the 64 units. Nothing is learned.

    python -m freqjax.main --config configs/constructed.py

Expected: a test MSE below 1e-8 at every frequency, also with one state carried through all blocks: the
network can represent the solution that the originals' training did not find.
"""

from freqjax import Config, NetworkConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        network=NetworkConfig(initializer="constructed"),
        train=TrainConfig(epochs=0),
    )
