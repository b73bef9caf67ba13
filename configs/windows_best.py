"""Windows of 50 samples near what is possible: phase_scale 0.1, nobody says where a window lies.

    python -m freqjax.main --config configs/windows_best.py

Expected: in about four minutes a frozen test MSE within 1.25 times the Bayes limit of the same windows. It
takes forget gates that hold 50 samples from the start (chrono), new noise every epoch, and most of all
patience at a large rate: a cosine from 1e-2. The selector beside the sample does as well as FiLM.
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
    """The config of the command above."""
    return Config(
        task=ExtractionConfig(
            phase_scale=0.1, start="random", starts=8, duration=1.0, noise="fresh"
        ),
        network=NetworkConfig(hidden_size=64, conditioning="film", initializer="chrono"),
        optimizer=OptimizerConfig(learning_rate=1e-2, schedule="cosine", warmup_fraction=0.02),
        train=TrainConfig(regime="windows", epochs=200, evaluate_every=10, divergence_factor=None),
        windows=WindowsConfig(length=50, stride=5, batch=64, combine="last"),
    )
