"""Original B with windows of one sample: phase_scale 0.1, one Adam step a sample at 1e-3, 30 epochs.

    python -m freqjax.main --config configs/original_b_l1.py

Expected: a loss while training of 0.2 to 0.3, and a frozen MSE that wanders from 0.3 to 0.4 at best to
values far above that of predicting zero. The mixture now carries the phases, but a gradient that is cut after
one step learns no more than a reading of the present sample; 0.3 is what original B reports and blames
on the noise.
"""

from freqjax import Config, ExtractionConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """The config of the command above."""
    return Config(
        task=ExtractionConfig(phase_scale=0.1, reset="never"),
        optimizer=OptimizerConfig(learning_rate=1e-3, clip_norm=1.0),
        train=TrainConfig(regime="online", epochs=30, divergence_factor=None),
    )
