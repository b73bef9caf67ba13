"""Mains hum: a line of 50 or 60 Hz of unknown strength, detuned and drifting, in noise of several colours.

    python -m freqjax.main --config configs/hum.py

Every recording is drawn anew and holds one of the two lines, up to 2.5 % beside its nominal frequency. The
network reads the recording one sample at a time and puts the line out at its strength in it. `--recipe hum
--hz 16.7 --rate 2000` carries it over to another line and rate.

Expected: a relative error power of about 0.02 on test recordings of -10 to +30 dB, between the fixed filters
and the Kalman filters that the summary lists beside it. docs/which_method.md says which method to use when.
"""

from freqjax import Config, CurriculumConfig, LinesConfig, NetworkConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=LinesConfig(
            frequencies=(50.0, 60.0),
            together=False,
            duration=2.0,
            burn_in=0.5,
            recordings=24,
            detuning=0.025,
            frequency_drift=0.001,
            amplitude_drift=0.1,
            snr_range=(-10.0, 30.0),
            noise_colors=("white", "pink", "blue"),
        ),
        network=NetworkConfig(
            hidden_size=64,
            initializer="rotor",
            learned_carry=True,
            rotor_gain=0.06,
        ),
        train=TrainConfig(
            regime="full",
            streams="parallel",
            epochs=60,
            evaluate_every=5,
            divergence_factor=None,
        ),
        # As in locker.py: the least possible error is positive at any horizon, and rows are noisy. The first
        # half second does not count.
        curriculum=CurriculumConfig(
            first_horizon=1.0,
            settled_mse=0.02,
            look_ahead_mse=10.0,
            patience=1000,
            damping_floor=1e-5,
            average=6,
        ),
    )
