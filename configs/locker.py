"""A locker: the start is unknown, so the phase must be found in the mixture, at phase_scale 0.5.

    python -m freqjax.main --config configs/locker.py

Four to eight minutes on two cores. Expected: over 64 random starts an MSE below 0.01 for every frequency
after the first second, and the probes say "locker".
"""

from freqjax import Config, CurriculumConfig, NetworkConfig, TaskConfig, TrainConfig


def get_config() -> Config:
    """The config of the command above."""
    return Config(
        task=TaskConfig(phase_scale=0.5, start="random", starts=8, noise="fresh"),
        network=NetworkConfig(
            initializer="rotor", learned_carry=True, rotor_gain=0.02, rotor_decay=3.0
        ),
        train=TrainConfig(
            regime="full",
            streams="parallel",
            epochs=35,
            evaluate_every=2,  # the best of these is kept: single steps overfit their rows
            divergence_factor=None,
        ),
        # No horizon settles here: what a listener can know leaves an error at any length. The horizon
        # stays, the first second is not counted, and more steps average more noise.
        curriculum=CurriculumConfig(
            first_horizon=2.0, longest_horizon=2.0, burn_in=1.0, patience=1000
        ),
    )
