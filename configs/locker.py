"""A locker: the start is unknown, so the phase must be estimated from the mixture, at phase_scale 0.5.

    python -m freqjax.main --config configs/locker.py

Expected: over 64 random starts an MSE below 0.01 for every frequency after the first second, and the
verdict "locker" of the probes. Not every seed reaches it: see docs/results.md.
"""

from freqjax import Config, CurriculumConfig, ExtractionConfig, NetworkConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(
            phase_scale=0.5,
            start="random",
            starts=8,
            noise="fresh",
            burn_in=1.0,
            rotor_leak=15.0,
            rotor_decay=2.0,
        ),
        network=NetworkConfig(
            initializer="rotor",
            learned_carry=True,
            rotor_gain=0.06,
        ),
        train=TrainConfig(
            regime="full",
            streams="parallel",
            epochs=36,
            evaluate_every=3,
            divergence_factor=None,
        ),
        # The least possible error is positive at any horizon: horizons of two and three seconds settle at
        # 0.01. The first second does not count. Rows are noisy: the damping has a floor, and the weights
        # kept are the mean of six steps, since a single one overfits its rows.
        curriculum=CurriculumConfig(
            first_horizon=2.0,
            longest_horizon=3.0,
            settled_mse=0.01,
            patience=1000,
            damping_floor=1e-5,
            average=6,
        ),
    )
