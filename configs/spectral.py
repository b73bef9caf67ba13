"""The main job with a data-driven initializer: one rotor of each selector at the peak of its targets' FFT.

    python -m freqjax.main --config configs/spectral.py

Expected: below 0.001 at every frequency. It is not comparable with random rotors, since the initial
frequencies are computed from the training targets.
"""

from freqjax import Config, CurriculumConfig, ExtractionConfig, NetworkConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(noise="fresh"),
        network=NetworkConfig(initializer="spectral", learned_carry=True),
        train=TrainConfig(
            regime="full", streams="parallel", epochs=300, target_mse=1e-3, divergence_factor=None
        ),
        curriculum=CurriculumConfig(first_horizon=0.25),
    )
