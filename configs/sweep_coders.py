"""Encoders and decoders of the sequence autoencoder: three cells, one way or both, and two decoders.

    python -m freqjax.main --mode sweep --config configs/sweep_coders.py

Twelve networks of 64 units, trained alike. Expected: a row each; 312 updates take the parallel decoders a
little past the mean vector, and none to the trained linear code. docs/autoencoder.md has the table.
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
        task=AutoencoderConfig(noise="fresh", numbers=16, bits=8, encoder="recurrent"),
        network=NetworkConfig(hidden_size=64),
        optimizer=OptimizerConfig(learning_rate=3e-3, schedule="cosine"),
        train=TrainConfig(
            regime="examples",
            batch=32,
            epochs=6,
            evaluate_every=6,
            divergence_factor=None,
        ),
        sweep=SweepConfig(
            axes={
                "network.cell": ("rnn", "gru", "lstm"),
                "network.bidirectional": (False, True),
                "task.decoder": ("recurrent", "parallel"),
            }
        ),
    )
