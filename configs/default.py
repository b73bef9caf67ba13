"""The main job."""

from freqjax import Config, CurriculumConfig, NetworkConfig, TaskConfig, TrainConfig


def get_config() -> Config:
    """The config of the command above."""
    return Config(
        task=TaskConfig(noise="fresh"),
        network=NetworkConfig(initializer="rotor", learned_carry=True),
        train=TrainConfig(
            regime="full",
            streams="parallel",
            epochs=300,
            target_mse=1e-3,
            divergence_factor=None,
        ),
        curriculum=CurriculumConfig(first_horizon=0.25),
    )
