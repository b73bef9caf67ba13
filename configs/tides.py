"""Five tidal constituents in an hourly record of the sea level, each at its own strength and phase.

    python -m freqjax.main --config configs/tides.py
    python -m benchmarks.samples tides

O1, K1, N2, M2 and S2 stand in every recording together, of independent Gaussian quadratures, in
autoregressive noise and beside an offset: a law that is linear and Gaussian, so that the summary has the
exact limit. The best estimate is linear too, and so is the network: a linear recurrent unit, of which each
constituent has 12 or 13 units, one of them at its own speed, which is knowledge of the law and not learned.
N2 and M2 differ by one cycle in 27 days: units begin with a memory of 20 days. The second command writes
runs/samples/tides.csv, a synthetic record, since no package has a measured one.

Expected: docs/records.md has the errors beside the limit.
"""

from freqjax import Config, LinesConfig, NetworkConfig, OptimizerConfig, TrainConfig

HOUR, DAY = 3600.0, 86400.0
# Cycles a day.
CONSTITUENTS = {
    "O1": 0.9295357,
    "K1": 1.0027379,
    "N2": 1.8959820,
    "M2": 1.9322736,
    "S2": 2.0,
}


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=LinesConfig(
            frequencies=tuple(cycles / DAY for cycles in CONSTITUENTS.values()),
            sampling_rate=1 / HOUR,
            duration=90 * DAY,
            burn_in=45 * DAY,
            recordings=6,
            test_recordings=32,
            amplitude_law="gaussian",
            amplitude_range=(1.0, 1.0),
            normalize=False,
            snr_range=(0.0, 0.0),
            noise_colors=("ar1",),
            noise_memory=0.5 * DAY,
            offset=0.5,
            rotor_low=0.85 / DAY,
            rotor_high=2.15 / DAY,
            rotor_decay=1 / (20 * DAY),
        ),
        network=NetworkConfig(cell="lru", initializer="spectral", learned_carry=True),
        optimizer=OptimizerConfig(learning_rate=3e-3, schedule="cosine"),
        train=TrainConfig(
            regime="full",
            streams="parallel",
            epochs=1000,
            evaluate_every=100,
            divergence_factor=None,
        ),
    )
