"""Original B: windows of 50 samples, two layers of 256 units, dropout 0.2, Adam at 1e-2, phase_scale 0.1.

    python -m freqjax.main --config configs/original_b.py

Expected: a frozen test MSE of 0.25 to 0.30. The original reports 0.30 and attributes
it to the noise. Less than half of that is possible on the same windows: see configs/windows_best.py and
docs/results.md.
"""

from freqjax import (
    Config,
    ExtractionConfig,
    NetworkConfig,
    OptimizerConfig,
    TrainConfig,
    WindowsConfig,
)


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(phase_scale=0.1),
        network=NetworkConfig(hidden_size=256, layers=2, dropout=0.2),
        optimizer=OptimizerConfig(learning_rate=1e-2),
        train=TrainConfig(regime="windows", epochs=10, divergence_factor=None),
        windows=WindowsConfig(length=50, stride=28, batch=16),
    )
