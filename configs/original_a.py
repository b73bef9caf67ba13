"""Original A, first run."""

from freqjax import Config, TaskConfig, TrainConfig


def get_config() -> Config:
    """The config."""
    return Config(
        task=TaskConfig(reset="never"),
        train=TrainConfig(regime="online", epochs=5, divergence_factor=None),
    )
