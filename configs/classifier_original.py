"""A published form of the sequence classifier: three tokens, a rate of 1e-3 from the first update on.

    python -m freqjax.main data hapt --input FILE --output data
    python -m freqjax.main --config configs/classifier_original.py

Each modality is its mean over time, unequal classes are corrected twice, by a sampler and by weights, and the
rate begins anew after 10 epochs, which is when the run ends. The task, stairs against all other activities,
is one that logistic regression solves.

Expected: with seeds 0 and 2 a constant, which the diagnosis names `constant_predictor`, and with seed 1 none;
`schedule_idle` with all. benchmarks/results/classifier_original.json has two epochs of each, those of seeds
0 and 1 also with warm-ups and with a third of the rate.
"""

from freqjax import ClassifierConfig, Config, NetworkConfig, OptimizerConfig, TrainConfig


def get_config() -> Config:
    """Return the config of the command above."""
    return Config(
        task=ClassifierConfig(
            data="data/stairs.npz",
            noise="fresh",
            encoder="pooled",
            layers=4,
            heads=8,
            derived=False,
            dropout=0.1,
            balance="both",
            undo_balance=False,
            class_names=("other", "stairs"),
        ),
        network=NetworkConfig(hidden_size=256),
        optimizer=OptimizerConfig(
            name="adamw",
            learning_rate=1e-3,
            weight_decay=0.01,
            schedule="warm_restarts",
            restart_epochs=10,
            restart_factor=2,
        ),
        train=TrainConfig(regime="examples", batch=16, epochs=10, divergence_factor=None),
    )
