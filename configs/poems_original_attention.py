"""A published form of the sequence autoencoder whose decoder attends to the encoder's states: a leak.

    python -m freqjax.main --config configs/poems_original_attention.py

Besides the code of 128 numbers its decoder reads 512 numbers of every word. The reported cosine is 0.86.

Expected: a cosine above the reported one, the same with the code zeroed, and the diagnosis `encoder_leak`,
which names what is left when the states of the encoder are swapped.
"""

from freqjax import AutoencoderConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=AutoencoderConfig(
            numbers=128, encoder="recurrent", decoder="encoder", heads=1, positions=32
        ),
        network=NetworkConfig(cell="lstm", hidden_size=512),
        optimizer=OptimizerConfig(learning_rate=1e-3),
        train=TrainConfig(regime="examples", batch=32, epochs=4, divergence_factor=None),
    )
