"""A locker: the start is unknown, so the phase must be estimated from the mixture, at phase_scale 0.5.

    python -m freqjax.main --config configs/locker.py

Expected: over 64 random starts an MSE below 0.01 for every frequency after the first second, and the
verdict "locker" of the probes; docs/results.md has the seeds that were measured, and the limit. Rotors begin
between 0.7 times the lowest and 1.4 times the highest frequency, so that the eight pairs of a selector lie
close to each other.
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
            rotor_low=0.7,
            rotor_high=10.0,
            rotor_leak=15.0,
            rotor_decay=4.0,
        ),
        network=NetworkConfig(
            initializer="rotor",
            learned_carry=True,
            rotor_gain=0.06,
        ),
        train=TrainConfig(
            regime="full",
            streams="parallel",
            epochs=33,
            evaluate_every=3,
            divergence_factor=None,
        ),
        # The first of the two seconds does not count. Rows are noisy: the damping has a floor, and the
        # weights kept are the mean of six steps, since a single one overfits its rows.
        curriculum=CurriculumConfig(
            first_horizon=2.0,
            longest_horizon=2.0,
            settled_mse=0.01,
            patience=1000,
            damping_floor=1e-5,
            solver_steps=10,
            average=6,
        ),
    )
