"""The sequence classifier on what is about to happen: does a transition between postures begin within 2 s?

    python -m freqjax.main data hapt --input FILE --output data
    python -m freqjax.main --config configs/intent.py

Every window is read with 16 windows before it, never with one behind it. The present activity is learned
beside the transition to come.

Expected: average precision beside its constant, the prevalence, in docs/classifier.md.
"""

from freqjax import ClassifierConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ClassifierConfig(
            data="data/intent.npz",
            noise="fresh",
            context="past",
            auxiliary=0.17,
            dropout=0.5,
            stretch=32,
            class_names=("none", "transition"),
        ),
        network=NetworkConfig(cell="gru", hidden_size=64),
        optimizer=OptimizerConfig(
            name="adamw", learning_rate=3e-3, weight_decay=0.01, schedule="cosine"
        ),
        train=TrainConfig(regime="examples", batch=4, epochs=10, divergence_factor=None),
    )
