"""Original A, first run: one Adam step a sample at 1e-3, the gradient cut after one step, 5 epochs.

    python -m freqjax.main --config configs/original_a.py

Expected: the loss while training is 0.2 to 0.35 in the first epoch and rises afterwards, as the original
reports (0.2847, 0.4059, 0.4111, 0.4625, 0.4580), while the frozen MSE stays at 0.50: nothing is learned,
the weights follow the target.
"""

from freqjax import Config, ExtractionConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ExtractionConfig(reset="never"),
        optimizer=OptimizerConfig(learning_rate=1e-3, clip_norm=1.0),
        train=TrainConfig(
            regime="online",
            epochs=5,
            divergence_factor=None,  # the original continued through the rise
        ),
    )
