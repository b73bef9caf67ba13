"""The whole path in under a minute: a short task, truncated backpropagation, every file a run leaves.

python -m freqjax.main --config configs/quick.py
"""

from freqjax import Config, NetworkConfig, OptimizerConfig, TaskConfig, TrainConfig


def get_config() -> Config:
    """The config of the command above."""
    return Config(
        task=TaskConfig(frequencies=(2.0, 5.0), sampling_rate=100.0, duration=2.0),
        network=NetworkConfig(hidden_size=32, initializer="chrono"),
        optimizer=OptimizerConfig(learning_rate=3e-3),
        train=TrainConfig(regime="tbptt", truncation=50, streams="parallel", epochs=200),
    )
