"""Windows of 50 samples near the Bayes limit: phase_scale 0.1, with windows at unknown positions.

    python -m freqjax.main --config configs/windows_best.py

Expected: a frozen test MSE within 1.25 times the Bayes limit of the same windows. It
needs initial forget gates with a memory of 50 samples (chrono), new noise every epoch, and above all many
updates at a large rate: a cosine schedule from 1e-2. A selector input gives the same error as FiLM.
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
        task=ExtractionConfig(
            phase_scale=0.1, start="random", starts=8, duration=1.0, noise="fresh"
        ),
        network=NetworkConfig(hidden_size=64, conditioning="film", initializer="chrono"),
        optimizer=OptimizerConfig(learning_rate=1e-2, schedule="cosine", warmup_fraction=0.02),
        train=TrainConfig(regime="windows", epochs=200, evaluate_every=10, divergence_factor=None),
        windows=WindowsConfig(length=50, stride=5, batch=64, combine="last"),
    )
