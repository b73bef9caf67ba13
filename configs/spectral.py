"""The main job from a data-driven start: one rotor of each selector at the peak of its targets' FFT.

    python -m freqjax.main --config configs/spectral.py

Expected: below 0.001 at every frequency, sooner than from random rotors;
not comparable with them, since the frequencies are read off the training targets first.
"""

from freqjax import Config, CurriculumConfig, ExtractionConfig, NetworkConfig, TrainConfig


def get_config() -> Config:
    """The config of the command above."""
    return Config(
        task=ExtractionConfig(noise="fresh"),
        network=NetworkConfig(initializer="spectral", learned_carry=True),
        train=TrainConfig(
            regime="full", streams="parallel", epochs=300, target_mse=1e-3, divergence_factor=None
        ),
        curriculum=CurriculumConfig(first_horizon=0.25),
    )
