"""The sequence classifier on 12 activities of 30 persons, by a phone's sensors, with the recording around.

    python -m freqjax.main data hapt --input FILE --output data
    python -m freqjax.main --config configs/activities.py

Every window is read with 16 windows before it and 16 behind it; with task.context=none it is read alone.

Expected: macro F1 beside the constant, logistic regression and MiniRocket, in docs/classifier.md.
"""

from freqjax import ClassifierConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig
from freqjax.tasks.classifier.hapt import ACTIVITIES


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ClassifierConfig(
            data="data/hapt12.npz",
            noise="fresh",
            context="both",
            smoothing=0.1,
            stretch=32,
            class_names=ACTIVITIES,
        ),
        network=NetworkConfig(cell="gru", hidden_size=64),
        optimizer=OptimizerConfig(
            name="adamw", learning_rate=3e-3, weight_decay=0.01, schedule="cosine"
        ),
        train=TrainConfig(regime="examples", batch=4, epochs=12, divergence_factor=None),
    )
