"""A published form of the sequence autoencoder: an RNN of 64 units, a code of 16 numbers, an RNN of 64 units.

    python -m freqjax.main --config configs/poems_original.py

Its reported cosine of 0.59 to 0.62 is that of one constant vector.

Expected: a skill within 0.1 of 0, and the diagnosis `mean_predictor` or `code_unused`; docs/autoencoder.md
has the numbers.
"""

from freqjax import AutoencoderConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=AutoencoderConfig(
            numbers=16, encoder="recurrent", decoder="recurrent", loss="squared_error"
        ),
        network=NetworkConfig(cell="rnn", hidden_size=64),
        optimizer=OptimizerConfig(learning_rate=1e-3),
        train=TrainConfig(regime="examples", batch=32, epochs=12, divergence_factor=None),
    )
