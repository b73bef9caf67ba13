"""A complete short run: a small clock task, and every file that a run writes.

    python -m freqjax.main --config configs/quick.py

Two frequencies at 100 Hz for two seconds, 16 hidden units. Expected: `target_reached`, a frozen test MSE
below 0.001.
"""

from freqjax import Config, CurriculumConfig, ExtractionConfig, NetworkConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(
            frequencies=(2.0, 5.0), sampling_rate=100.0, duration=2.0, noise="fresh"
        ),
        network=NetworkConfig(hidden_size=16, initializer="rotor", learned_carry=True),
        train=TrainConfig(
            regime="full", streams="parallel", epochs=100, target_mse=1e-3, divergence_factor=None
        ),
        curriculum=CurriculumConfig(first_horizon=0.25),
    )
