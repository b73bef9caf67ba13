"""Original B with windows of one sample: phase_scale 0.1, one Adam step a sample at 1e-3, 30 epochs.

    python -m freqjax.main --config configs/original_b_l1.py

Expected: a loss while training of 0.2 to 0.3, and a frozen MSE that varies between 0.3 to 0.4 at best and
values far above that of predicting zero. The mixture has information about the phases, but with a gradient
cut after one step only an estimate from the current sample is learned. Original B reports 0.3 and attributes
it to the noise.
"""

from freqjax import Config, ExtractionConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(phase_scale=0.1, reset="never"),
        optimizer=OptimizerConfig(learning_rate=1e-3, clip_norm=1.0),
        train=TrainConfig(regime="online", epochs=30, divergence_factor=None),
    )
