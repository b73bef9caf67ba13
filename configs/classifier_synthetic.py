"""The sequence classifier on a task whose best possible scores are known: is a pattern in the noise or not?

    python -m freqjax.main --config configs/classifier_synthetic.py

Rows are white noise of 16 samples and 2 channels; a fifth of them have a pattern of norm 2 as well, which has
no mean over time. The posterior is exact, so the highest possible average precision and F1 are known, and the
report says how far the network is from them.

Expected: average precision within 0.02 of the exact posterior's; docs/classifier.md has the numbers.
"""

from freqjax import ClassifierConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ClassifierConfig(
            data="pattern",
            pattern_samples=16,
            pattern_rows=30_000,
            split=(0.5, 0.1, 0.4),
            derived=False,
            baseline_kernels=840,
        ),
        network=NetworkConfig(cell="gru", hidden_size=32),
        optimizer=OptimizerConfig(
            name="adamw", learning_rate=3e-3, weight_decay=0.01, schedule="cosine"
        ),
        train=TrainConfig(regime="examples", batch=64, epochs=4, divergence_factor=None),
    )
