"""Strict online learning on the stream as it is: 40,000 fixed rows in order, at most four times.

    python -m freqjax.main --config configs/online_stream.py

One update a sample, nothing stored of the past, no backpropagation through time, no curriculum. The state
starts over at each block; `--config.task.reset=epoch` carries one state through all rows. Expected: a frozen
test MSE below 0.01 at every frequency. See docs/online.md.
"""

import dataclasses

import freqjax


def get_config() -> freqjax.Config:
    """Return the config of the command above: configs/default.py on these rows, without a curriculum."""
    config = freqjax.load_config("default")
    return dataclasses.replace(
        config,
        task=freqjax.ExtractionConfig(noise="fixed"),
        train=dataclasses.replace(config.train, epochs=4),
        curriculum=freqjax.CurriculumConfig(),
    )
