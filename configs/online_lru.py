"""Strict online learning of a linear recurrent unit: 40,000 fixed rows in order, at most four times.

    python -m freqjax.main --config configs/online_lru.py

As configs/online_stream.py, with 64 complex units for the 64 units of an LSTM in pairs: a frequency has 128
weights instead of 288. Expected: a frozen test MSE below 0.01 at every frequency on most seeds;
`--config.train.epochs=8` solves more of them. See docs/online.md.
"""

import dataclasses

import freqjax


def get_config() -> freqjax.Config:
    """Return the config of the command above."""
    config = freqjax.load_config("online_stream")
    return dataclasses.replace(
        config,
        network=freqjax.NetworkConfig(cell="lru", initializer="rotor", learned_carry=True),
        optimizer=dataclasses.replace(config.optimizer, relative_prior=0.05),
    )
