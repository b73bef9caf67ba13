"""The sequence autoencoder at five sizes of its code: 8 to 24 numbers of 8 bits for 50 words.

    python -m freqjax.main --mode sweep --config configs/sweep_codes.py

Expected: a test cosine that rises with the bits, from about 0.66 to 0.78; docs/autoencoder.md has the table.
"""

from freqjax import (
    AutoencoderConfig,
    Config,
    NetworkConfig,
    OptimizerConfig,
    SweepConfig,
    TrainConfig,
)


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=AutoencoderConfig(
            noise="fresh",
            bits=8,
            encoder="nearest",
            decoder="curves",
            code_noise=0.016,
            code_noise_first=0.5,
            annealing=700,
        ),
        network=NetworkConfig(),
        optimizer=OptimizerConfig(learning_rate=3e-2, schedule="cosine"),
        train=TrainConfig(
            regime="examples",
            batch=128,
            epochs=77,
            evaluate_every=77,
            divergence_factor=None,
        ),
        sweep=SweepConfig(axes={"task.numbers": (8, 12, 16, 20, 24)}),
    )
