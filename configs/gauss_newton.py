"""The main job by Gauss-Newton steps through all samples of a stream, over growing streams.

    python -m freqjax.main --config configs/gauss_newton.py

It trains every weight of the LSTM, and keeps the gradient through the whole stream, which
configs/default.py does without.

Expected: `target_reached`, a frozen test MSE below 0.001 at every frequency. See docs/results.md.
"""

from freqjax import Config, CurriculumConfig, ExtractionConfig, NetworkConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(noise="fresh"),
        network=NetworkConfig(initializer="rotor", learned_carry=True),
        train=TrainConfig(
            regime="full",
            streams="parallel",
            epochs=300,
            target_mse=1e-3,
            divergence_factor=None,  # every longer horizon begins with a larger loss
        ),
        curriculum=CurriculumConfig(first_horizon=0.25),
    )
