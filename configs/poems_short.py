"""The sequence autoencoder on 10 words at a time: 16 numbers of 8 bits for each, as in poems.py.

    python -m freqjax.main --config configs/poems_short.py

Expected: a cosine on held-out chapters above that of its baselines; no benchmark has measured it yet.
"""

from freqjax import AutoencoderConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=AutoencoderConfig(
            length=10,
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
            batch=128,
            epochs=64,
            evaluate_every=4,
            divergence_factor=None,
        ),
    )
