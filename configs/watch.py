"""The sequence classifier on exercises of the shoulder: a watch's sensors in, one of seven exercises out.

    python -m freqjax.main --config configs/watch.py

Windows of 64 samples at 25 a second, of 10 persons in five folds; persons of one fold are the test, those of
the next choose the epoch and calibrate. Five networks train side by side, and the mean of their probabilities
is the answer.

Expected: a little above logistic regression and MiniRocket; docs/classifier.md has the scores of all.
"""

from freqjax import ClassifierConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ClassifierConfig(folds=5, smoothing=0.1, members=5),
        network=NetworkConfig(cell="gru", hidden_size=64),
        optimizer=OptimizerConfig(
            name="adamw", learning_rate=3e-3, weight_decay=0.01, schedule="cosine"
        ),
        train=TrainConfig(regime="examples", batch=64, epochs=12, divergence_factor=None),
    )
