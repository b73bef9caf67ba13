"""The pulse: a line at 1.1 to 1.9 Hz that wanders, with its second and third harmonic, in noise.

    python -m freqjax.main --config configs/heart.py
    python -m benchmarks.samples heart

A pulse is no line that is known to within a per cent: its rate may be a quarter beside the nominal one and
walks by 2 % in a second, which no fixed filter follows. The network puts out the wave of the pulse, harmonics
included. The second command writes runs/samples/heart.csv, eleven minutes of a measured pulse.

Expected: docs/records.md has the errors on test recordings, beside Kalman filters that track frequency and
strength, and on the measured pulse.
"""

from freqjax import Config, CurriculumConfig, LinesConfig, NetworkConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=LinesConfig(
            frequencies=(1.5,),
            sampling_rate=25.0,
            duration=24.0,
            burn_in=6.0,
            recordings=24,
            test_recordings=64,
            amplitude_range=(0.5, 2.0),
            detuning=0.25,
            frequency_drift=0.02,
            amplitude_drift=0.1,
            harmonics=(2, 3),
            harmonic_strength=1.0,
            snr_range=(0.0, 20.0),
            noise_colors=("white", "pink"),
            offset=0.5,
            trend=0.5,
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
        # As in hum.py.
        curriculum=CurriculumConfig(
            first_horizon=12.0,
            settled_mse=0.02,
            look_ahead_mse=10.0,
            patience=1000,
            damping_floor=1e-4,
            average=6,
        ),
    )
