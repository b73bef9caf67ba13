"""What a training takes, against what XLA says that it takes, and what is refused for it."""

from types import SimpleNamespace

import pytest

from freqjax import UserError
from freqjax.run import experiment
from freqjax.system import capacity, devices
from freqjax.training import footprint
from freqjax.training.prepared import Prepared
from freqjax.training.sources import make_source
from freqjax.training.trainers import StreamTrainer
from tests.twins import tiny_config

REGIMES = [
    {"regime": "online"},
    {"regime": "tbptt", "truncation": 10},
    {"regime": "tbptt", "truncation": 10, "streams": "parallel"},
    {"regime": "full"},
    {"regime": "full", "streams": "parallel"},
    {"regime": "examples", "batch": 2},
    {"regime": "windows"},
    {"regime": "examples", "batch": 2, "steps_per_epoch": 7},
]
WINDOWS = {"length": 6, "stride": 3, "batch": 4}


@pytest.mark.parametrize("train", REGIMES)
def test_updates_are_counted_as_they_are_made(train):
    config = tiny_config(train=train, windows=WINDOWS)
    prepared = Prepared(config)
    source = make_source(prepared.task, config, prepared.train_rows)
    assert footprint.updates_per_epoch(config, prepared.train_rows) == source.updates


@pytest.mark.parametrize(
    ("cell", "layers", "train"),
    [
        pytest.param("lstm", 1, {"regime": "tbptt", "truncation": 100}, marks=pytest.mark.slow),
        ("lstm", 2, {"regime": "full", "streams": "parallel"}),
        ("gru", 1, {"regime": "full"}),
        ("rnn", 1, {"regime": "examples", "batch": 2}),
        ("lstm", 1, {"regime": "windows"}),
    ],
)
def test_needs_are_the_least_that_xla_takes(cell, layers, train):
    config = tiny_config(
        task={"duration": 10.0},
        network={"hidden_size": 32, "cell": cell, "layers": layers},
        train=train,
        windows={"length": 50, "stride": 10, "batch": 8},
    )
    prepared = Prepared(config)
    trainer = StreamTrainer(prepared.network, prepared.task, config, prepared.train_rows)
    part = trainer._source.part(0, 0)
    found = trainer._chunk.lower(trainer._state, part, trainer._seed).compile().memory_analysis()
    assert found is not None
    weights, states, _ = footprint.needs(
        config, prepared.network, *prepared.train_rows.inputs.shape[:2]
    )
    # Not above what is taken, and no less than an eighth of it.
    assert found.temp_size_in_bytes / 8 < states.bytes < found.temp_size_in_bytes
    assert weights.bytes == 7 * footprint.bytes_of(trainer.params)


def room(monkeypatch, count):
    monkeypatch.setattr(capacity, "available", lambda: count)


@pytest.mark.parametrize(
    ("sections", "bytes_free", "said"),
    [
        (
            {"network": {"hidden_size": 512}},
            1e6,
            "network.hidden_size is 512: the weights and their moments",
        ),
        (
            {
                "task": {"duration": 5.0},
                "network": {"hidden_size": 16},
                "train": {"regime": "tbptt", "truncation": 100},
            },
            3e4,
            "network.hidden_size is 16: the weights and their moments",
        ),
        (
            {
                "task": {"duration": 5.0},
                "train": {"regime": "tbptt", "truncation": 100},
            },
            1e4,
            "train.truncation is 100: the states that a gradient goes back through",
        ),
        ({"task": {"duration": 1000.0}}, 1e6, "task.duration is 1000 s: the rows"),
        ({"task": {"start": "random", "starts": 20_000}}, 1e6, "task.starts is 20000: the rows"),
        (
            {"task": {"frequencies": tuple(1 + f / 100 for f in range(800))}},
            1e6,
            "task.frequencies holds 800 of them: the rows",
        ),
    ],
)
def test_what_is_too_large_is_refused_before_anything_is_written(
    tmp_path, monkeypatch, sections, bytes_free, said
):
    room(monkeypatch, int(bytes_free))
    with pytest.raises(UserError) as error:
        experiment.run(tiny_config(**sections), tmp_path / "run", resume=False, say=print)
    assert str(error.value).startswith(said)
    assert "GB of memory, and this process may use" in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("schedule", ["constant", "cosine", "warm_restarts"])
def test_more_updates_than_can_be_counted_are_refused(tmp_path, schedule):
    config = tiny_config(train={"epochs": 2**32 - 1}, optimizer={"schedule": schedule})
    with pytest.raises(
        UserError, match="times the 40 updates of an epoch it must be at most 2147483647"
    ):
        experiment.run(config, tmp_path / "run", resume=False, say=print)
    assert not list(tmp_path.iterdir())


def test_an_accelerator_has_memory_of_its_own(monkeypatch):
    prepared = Prepared(tiny_config(network={"hidden_size": 512}))
    room(monkeypatch, 1_000_000)
    with pytest.raises(UserError):
        footprint.require(prepared)
    monkeypatch.setattr(devices, "default", lambda: SimpleNamespace(platform="gpu"))
    footprint.require(prepared)
