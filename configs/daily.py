"""The daily cycle and its half in hourly records, each at its own strength and phase, in noise with a memory.

    python -m freqjax.main --config configs/daily.py
    python -m benchmarks.samples daily

The second command writes runs/samples/daily.csv, the temperatures of Seattle in 2010, from which `--mode
extract` takes the cycle. `--recipe daily --hz 3.1688e-8,6.3376e-8 --rate 1.6534e-6` carries the config over
to an annual cycle in weekly records.

Expected: docs/records.md has the errors on test recordings, and what was found in measured records.
"""

from freqjax import Config, CurriculumConfig, LinesConfig, NetworkConfig, TrainConfig

HOUR, DAY = 3600.0, 86400.0


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=LinesConfig(
            frequencies=(1 / DAY, 2 / DAY),
            sampling_rate=1 / HOUR,
            duration=30 * DAY,
            burn_in=5 * DAY,
            recordings=16,
            amplitude_range=(0.3, 3.0),
            amplitude_drift=0.05 / DAY**0.5,
            snr_range=(-10.0, 20.0),
            noise_colors=("white", "ar1"),
            noise_memory=2 * DAY,
            offset=0.5,
            trend=0.5,
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
            epochs=60,
            evaluate_every=5,
            divergence_factor=None,
        ),
        # As in hum.py.
        curriculum=CurriculumConfig(
            first_horizon=15 * DAY,
            settled_mse=0.02,
            look_ahead_mse=10.0,
            patience=1000,
            damping_floor=1e-4,
            average=6,
        ),
    )
