"""An annual cycle in a weekly record: a locker with years as its unit of time.

    python -m freqjax.main --config configs/annual.py

The record's phase is unknown, so streams have random starts; its noise is unknown, too, and is modelled by a
wide range of amplitudes: a sample is between minus one and three times the cycle. At phase_scale 0 the
cycle in the mixture has no lag to correct. Read Hz as cycles a year, and s as years.

Expected: an MSE below 0.01 after the first year, and the verdict "locker" of the probes. docs/example.md
has the results on a measured record.
"""

from freqjax import Config, CurriculumConfig, ExtractionConfig, NetworkConfig, TrainConfig

# Weeks in a mean Gregorian year of 365.2425 days.
RATE = 365.2425 / 7


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(
            frequencies=(1.0,),
            sampling_rate=RATE,
            duration=1044 / RATE,  # 20 years
            amplitude_range=(-1.0, 3.0),
            phase_scale=0.0,
            start="random",
            starts=16,
            noise="fresh",
            burn_in=2.0,
            rotor_low=0.5,
            rotor_high=4.0,
            rotor_leak=3.0,
            rotor_decay=1.0,
        ),
        network=NetworkConfig(
            hidden_size=32,
            initializer="rotor",
            learned_carry=True,
            rotor_gain=0.06,
        ),
        train=TrainConfig(
            regime="full",
            streams="parallel",
            epochs=36,
            evaluate_every=6,
            divergence_factor=None,
        ),
        # As in locker.py: the least possible error is positive at any horizon, and large at first.
        curriculum=CurriculumConfig(
            first_horizon=5.0,
            settled_mse=0.01,
            patience=1000,
            damping_floor=1e-5,
            average=6,
        ),
    )
