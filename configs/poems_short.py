"""The sequence autoencoder on 10 words at a time: 16 numbers of 8 bits for each, as in poems.py.

    python -m freqjax.main --config configs/poems_short.py

More numbers than words: each word is a place on a curve, and six of them have a second one, which is added.

Expected: a cosine on held-out chapters of about 0.94, where a trained linear code has 0.688 at equal numbers
and bits; docs/autoencoder.md has all of it.
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
            encoder="nearest",
            decoder="curves",
            code_noise=0.008,
            code_noise_first=0.5,
            annealing=700,
        ),
        network=NetworkConfig(),
        optimizer=OptimizerConfig(learning_rate=3e-2, schedule="cosine"),
        train=TrainConfig(
            regime="examples",
            batch=512,
            epochs=60,
            evaluate_every=10,
            divergence_factor=None,
        ),
    )
