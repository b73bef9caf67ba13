"""The sequence autoencoder on single words: 16 numbers of 8 bits a word.

    python -m freqjax.main --config configs/poems_token.py

As many numbers as the widest published codes have for a word, and enough bits to tell all words apart. A
network encodes and another decodes, both trained by gradient.

Expected: a cosine of 0.996 on held-out chapters, where a linear code of equal bits has 0.876.
"""

from freqjax import AutoencoderConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=AutoencoderConfig(
            length=1,
            numbers=16,
            bits=8,
            encoder="both",
            decoder="parallel",
            decoder_size=128,
            prototypes=1184,
        ),
        network=NetworkConfig(cell="gru", hidden_size=128),
        optimizer=OptimizerConfig(learning_rate=3e-3, schedule="cosine"),
        train=TrainConfig(
            regime="examples",
            batch=1024,
            epochs=20,
            evaluate_every=4,
            divergence_factor=None,
        ),
    )
