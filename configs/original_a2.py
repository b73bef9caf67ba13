"""Original A, second run: as `original_a`, with Adam at 1e-4 and 50 epochs.

    python -m freqjax.main --config configs/original_a2.py

Expected: a loss while training around 0.4, as the original reports (0.413 at first, 0.365 at best), small
at 1 Hz and large at 7 Hz, while the frozen MSE stays at 0.50.
"""

from freqjax import Config, ExtractionConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(reset="never"),
        optimizer=OptimizerConfig(learning_rate=1e-4, clip_norm=1.0),
        train=TrainConfig(regime="online", epochs=50, divergence_factor=None),
    )
