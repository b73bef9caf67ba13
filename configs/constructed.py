"""The exact reference: a clock with the frequencies written into 12 of the 64 units. Nothing is learned.

    python -m freqjax.main --config configs/constructed.py

Expected: a test MSE below 1e-8 at every frequency, with one state
carried through all blocks as well: the network can hold what the originals' training never found.
"""

from freqjax import Config, NetworkConfig, TrainConfig


def get_config() -> Config:
    """The config of the command above."""
    return Config(
        network=NetworkConfig(initializer="constructed"),
        train=TrainConfig(epochs=0),
    )
