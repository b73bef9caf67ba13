"""An annual cycle in a weekly record: a locker whose second is a year.

    python -m freqjax.main --config configs/annual.py

The record's phase is unknown, so streams start anywhere; its noise is unknown too, and wide amplitudes stand
for it: a sample is anything between minus one and three times the cycle. At phase_scale 0 the cycle that
is heard is the one to put out, with no lag to undo. Read Hz as cycles a year, and s as years.

Expected: an MSE below 0.01 after the first year, and the probes say "locker". What it
finds in a measured record: see docs/example.md.
"""

from freqjax import Config, CurriculumConfig, ExtractionConfig, NetworkConfig, TrainConfig

# Weeks in a mean Gregorian year of 365.2425 days.
RATE = 365.2425 / 7


def get_config() -> Config:
    """The config of the command above."""
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
        # As in locker.py: what can be known leaves an error at any horizon, and is not known at once.
        curriculum=CurriculumConfig(
            first_horizon=5.0,
            burn_in=2.0,
            settled_mse=0.01,
            patience=1000,
            damping_floor=1e-5,
            average=6,
        ),
    )
