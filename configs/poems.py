"""The sequence autoencoder: 50 words of a poem through 16 numbers of 8 bits, and back.

    python -m freqjax.main --config configs/poems.py

A smooth code: near codes decode to near sequences. Encoder and decoder are trained by gradient on the cosine
of every word's vector; chapters are split before anything is cut, and the code is quantised in evaluation.

Expected: docs/autoencoder.md has the cosine on held-out chapters beside the mean vector, principal components
and a trained linear code at equal numbers and bits.
"""

from freqjax import AutoencoderConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=AutoencoderConfig(
            noise="fresh",
            numbers=16,
            bits=8,
            encoder="both",
            decoder="parallel",
            decoder_size=128,
            prototypes=1024,
        ),
        network=NetworkConfig(cell="gru", hidden_size=32, bidirectional=True),
        optimizer=OptimizerConfig(learning_rate=3e-3, schedule="cosine"),
        train=TrainConfig(
            regime="examples",
            batch=32,
            epochs=24,
            evaluate_every=4,
            divergence_factor=None,
        ),
    )
