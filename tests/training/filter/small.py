"""A small task that a filter can learn: 2 Hz and 5 Hz at 100 Hz for two seconds."""

import pytest

from freqjax import Config
from freqjax.config import overrides
from freqjax.config.validation import validate_training
from freqjax.native import library
from freqjax.training.filter.trainer import FilterTrainer
from freqjax.training.prepared import Prepared
from freqjax.training.regimes import make_trainer
from tests.root import ROOT

needs_compiler = pytest.mark.skipif(
    library.compiler_command() is None, reason="no C++ compiler is installed"
)

SMALL = {
    "task.frequencies": "2,5",
    "task.sampling_rate": "100",
    "task.duration": "2",
    "network.hidden_size": "8",
}


def config_of(name="online_stream", **fields):
    """Return a shipped config on the small task; `a__b` is the field a.b, its value as on a command line."""
    changed = {**SMALL, **{key.replace("__", "."): value for key, value in fields.items()}}
    config = overrides.load(ROOT / "configs" / f"{name}.py")
    return validate_training(overrides.apply(config, [*changed.items()]))


def prepared_and_trainer(config: Config) -> tuple[Prepared, FilterTrainer]:
    """Return the rows of a config and a trainer that has not begun."""
    prepared = Prepared(config)
    rows, forward = prepared.train_rows, prepared.forward
    trainer = make_trainer(prepared.network, prepared.task, config, rows, forward)
    assert isinstance(trainer, FilterTrainer)
    return prepared, trainer
