"""Original B: windows of 50 samples, two layers of 256 units, dropout 0.2, Adam at 1e-2, phase_scale 0.1.

    python -m freqjax.main --config configs/original_b.py

Expected: a frozen test MSE near the 0.30 that the original reports and blames on the noise. No estimator
that hears 50 samples needs to be above 0.076: see configs/windows_best.py.
"""

from freqjax import Config, NetworkConfig, OptimizerConfig, TaskConfig, TrainConfig, WindowsConfig


def get_config() -> Config:
    """The config of the command above."""
    return Config(
        task=TaskConfig(phase_scale=0.1),
        network=NetworkConfig(hidden_size=256, layers=2, dropout=0.2),
        optimizer=OptimizerConfig(learning_rate=1e-2),
        train=TrainConfig(regime="windows", epochs=10, divergence_factor=None),
        windows=WindowsConfig(length=50, stride=28, batch=16),
    )
