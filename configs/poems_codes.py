"""The sequence autoencoder with codewords: each of 16 numbers names one of 256 phrases of one to seven words.

    python -m freqjax.main --config configs/poems_codes.py

The bits are those of poems.py and hold more, since a number need not resemble its neighbours: the probe that
moves every number by one level shows the price. Phrases are trained by gradient; the encoder finds the best
series of them by an exact dynamic program.

Expected: a cosine on held-out chapters of about 0.79; docs/autoencoder.md has it beside its baselines.
"""

from freqjax import AutoencoderConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=AutoencoderConfig(
            noise="fresh",
            numbers=16,
            bits=8,
            encoder="nearest",
            decoder="phrases",
        ),
        network=NetworkConfig(),
        optimizer=OptimizerConfig(learning_rate=3e-2, schedule="cosine"),
        train=TrainConfig(
            regime="examples",
            batch=128,
            epochs=77,
            evaluate_every=11,
            divergence_factor=None,
        ),
    )
