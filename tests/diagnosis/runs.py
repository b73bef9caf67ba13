"""Runs to examine, made without training: a run that put out what a test says and left what it says."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from freqjax import Config, NetworkConfig, TaskConfig, TrainConfig
from freqjax.config import validation
from freqjax.config.sections import to_dict
from freqjax.diagnosis import CAUSES, RunUnderExamination
from freqjax.networks import Network
from freqjax.system.files import write_json
from freqjax.tasks import Extraction
from freqjax.tasks.extraction.symptoms import OUTPUT_CAUSES, ROW_CAUSES
from freqjax.training.prepared import Prepared

LAYERS = ("cell/input/bias", "cell/recurrent/kernel", "head/kernel")


# The causes of an extraction run, in order of rank: a collapse comes before the decay that may be its cause.
RANKED = [*ROW_CAUSES, *CAUSES[:-1], OUTPUT_CAUSES[0], CAUSES[-1], OUTPUT_CAUSES[1]]
# What is possible where the start is known: everything.
POSSIBLE = {
    "bayes_mse": 0.0,
    "bayes_after_1s_per_frequency": None,
    "linear_mmse": 0.0,
    "note": "The start is known.",
    "baselines": {},
}


class FixedOutputs:
    """Outputs that a test gives, in the place of those of a network."""

    network: Network
    params: Any = None

    def __init__(self, network, batches, outputs):
        """Keep rows and `outputs`, each a dict by split, in the place of those of `network`."""
        self.network = network
        self._batches, self._outputs = batches, outputs

    def initial_params(self):
        """Return no weights."""
        return None

    def batch(self, split):
        """Return the rows of a split."""
        return self._batches.get(split)

    def outputs(self, split):
        """Return those of a split."""
        return self._outputs[split]

    def run(self, batch, reset):
        """Return zeros on any other rows."""
        return np.zeros_like(batch.targets)


def config(**sections):
    """Return a config of 2 and 5 Hz for two seconds at 100 Hz, large enough for a constructed clock."""
    whole = Config(
        task=TaskConfig(frequencies=(2.0, 5.0), sampling_rate=100.0, duration=2.0),
        network=NetworkConfig(hidden_size=8),
        train=TrainConfig(regime="full", streams="parallel", epochs=40),
    )
    for section, fields in sections.items():
        for name, value in fields.items():
            setattr(getattr(whole, section), name, value)
    return validation.validate_training(whole)


def row(
    epoch: int,
    loss: float | Sequence[float | None] = 0.5,
    frozen: float | Sequence[float | None] = 0.5,
    norms: Sequence[float | None] = (1.0, 1.0, 1.0),
    alerts: Sequence[str] = (),
):
    """Return a row of metrics.jsonl with two components of one loss."""
    losses = loss if isinstance(loss, Sequence) else (loss, loss)
    held = frozen if isinstance(frozen, Sequence) else (frozen, frozen)
    return {
        "epoch": epoch,
        "step": epoch,
        "loss": _mean(losses),
        "loss_per_frequency": list(losses),
        "frozen_mse": _mean(held),
        "frozen_mse_per_frequency": list(held),
        "grad_norm": max((n for n in norms if n is not None), default=None),
        "grad_norm_max": max((n for n in norms if n is not None), default=None),
        "grad_norm_max_per_layer": dict(zip(LAYERS, norms, strict=True)),
        "update_ratio_per_layer": dict.fromkeys(LAYERS, 0.1),
        "seconds": 0.01,
        "lr": 1e-3,
        "alerts": list(alerts),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def examined(
    tmp_path,
    whole=None,
    *,
    outputs=None,
    train_outputs=None,
    rows=None,
    params=None,
    train_targets=None,
    limit=None,
    train_mixture=None,
    test_mixture=None,
    **fields,
):
    """Return a run with the outputs `outputs(targets)`, zero by default, and with `rows`."""
    whole = whole or config()
    prepared = Prepared(whole)
    train, test = prepared.batches["train"], prepared.batches["test"]
    if train_targets is not None:
        train = train._replace(targets=train_targets(np.array(train.targets)))
    train, test = heard(train, train_mixture), heard(test, test_mixture)
    prepared.batches |= {"train": train, "test": test}
    outputs = outputs or np.zeros_like
    put_out = {"train": (train_outputs or outputs)(train.targets), "test": outputs(test.targets)}
    task = prepared.task
    assert isinstance(task, Extraction)
    task.probe = lambda run: {"words": "", "table": []}  # dear, and no diagnosis reads them
    nothing_lost = {"bayes_mse_per_frequency": [0.0] * len(task.group_names)}
    task.limits = lambda blocks: POSSIBLE | nothing_lost | (limit or {})
    first = prepared.network.init(jax.random.key(whole.train.seed))
    params = first if params is None else params
    write_json(tmp_path / "config.json", to_dict(whole))
    return RunUnderExamination(
        folder=tmp_path,
        prepared=prepared,
        initial_params=first,
        params=params,
        last_params=params,
        rows=[row(e) for e in range(1, 41)] if rows is None else rows,
        evaluation=task.evaluate(FixedOutputs(prepared.network, prepared.batches, put_out)),
        seconds=1.0,
        **fields,
    )


def heard(rows, change):
    """Rows with mixtures [B, T] changed by `change`, or as they are."""
    if change is None:
        return rows
    signal = change(np.array(rows.inputs["signal"][..., 0]))[..., None]
    return rows._replace(inputs={**rows.inputs, "signal": signal})


def by_cause(examinations):
    """Return examinations by the name of their cause."""
    return {e.cause: e for e in examinations}


def examined_of_any_task(tmp_path, whole, *, outputs=None, updates=200, params=None):
    """Return a run of any task with its initial weights, or with the outputs `outputs(targets)`."""
    prepared = Prepared(whole)
    task, first = prepared.task, prepared.initial_params()
    frozen = prepared.frozen(first if params is None else params)
    if outputs is not None:
        splits = {name: outputs(task.rows(name).targets) for name in prepared.batches}
        frozen = FixedOutputs(prepared.network, prepared.batches, splits)
    write_json(tmp_path / "config.json", to_dict(whole))
    loss = [1.0] * len(task.group_names)
    columns, norms = task.columns, dict.fromkeys(LAYERS, 1.0)
    last = {
        "epoch": 1,
        "step": updates,
        "loss": 1.0,
        columns.loss: loss,
        columns.frozen: 1.0,
        columns.frozen_per_group: loss,
        "grad_norm": 1.0,
        "grad_norm_max": 1.0,
        "grad_norm_max_per_layer": norms,
        "seconds": 1.0,
        "alerts": [],
    }
    return RunUnderExamination(
        folder=tmp_path,
        prepared=prepared,
        initial_params=first,
        params=first,
        last_params=first,
        rows=[last],
        evaluation=task.evaluate(frozen),
        seconds=1.0,
    )
