"""Selection of the engine of a config, and the reasons against an engine."""

import numpy as np
import pytest

import freqjax
from freqjax import UserError
from freqjax.main import main
from freqjax.networks import make_network
from freqjax.tasks import make_task
from freqjax.training.gradients import engines
from freqjax.training.trainers import StreamTrainer
from tests.twins import tiny_config


def choose(**train):
    config = tiny_config(train=train)
    task = make_task(config.task)
    return engines.choose(make_network(config.network, task), task, config)


def test_auto_takes_the_closed_form_where_there_is_one():
    assert choose()[::2] == ("closed_form", None)
    assert choose(regime="full")[::2] == ("autodiff", None)
    assert choose(regime="tbptt", truncation=10)[::2] == ("autodiff", None)
    assert choose(engine="autodiff")[::2] == ("autodiff", None)


def test_adaptive_clipping_is_left_to_autodiff():
    config = tiny_config(optimizer={"clip": "adaptive"})
    task = make_task(config.task)
    name, _, note = engines.choose(make_network(config.network, task), task, config)
    assert name == "autodiff"
    assert note is not None
    assert "optimizer.clip is adaptive: the closed form clips by the global norm." in note
    trainer = StreamTrainer(make_network(config.network, task), task, config, task.rows("train"))
    result = trainer.advance()
    assert result is not None and np.isfinite(result.loss)


def test_auto_says_why_it_is_slow():
    config = tiny_config(network={"cell": "gru"})
    task = make_task(config.task)
    name, _, note = engines.choose(make_network(config.network, task), task, config)
    assert name == "autodiff"
    assert note == (
        "train.engine auto takes autodiff, which is slower on the CPU: the network is a SingleLayerNetwork: "
        "the closed form is that of one LSTM."
    )


def test_auto_says_nothing_where_no_engine_is_faster():
    for gradient in ("snap1", "rtrl"):
        assert choose(gradient=gradient)[::2] == ("autodiff", None)


def test_pairs_are_left_to_autodiff():
    config = tiny_config(network={"recurrence": "pairs"})
    task = make_task(config.task)
    network = make_network(config.network, task)
    name, _, note = engines.choose(network, task, config)
    assert name == "autodiff"
    assert note == (
        "train.engine auto takes autodiff, which is slower on the CPU: network.recurrence is pairs: the "
        "closed form has all recurrent weights."
    )
    config.train.engine = "native"
    sentence = (
        "train.engine is native: network.recurrence is pairs: the native loop has all recurrent"
    )
    with pytest.raises(UserError, match=sentence):
        engines.choose(network, task, config)


def test_auto_does_not_go_by_what_is_built(monkeypatch):
    native = engines.ENGINES["native"]._replace(why_not=lambda *_: None)
    monkeypatch.setitem(engines.ENGINES, "native", native)
    assert choose().name == "closed_form"
    assert choose(engine="native").name == "native"


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        (
            {"engine": "closed_form", "regime": "full"},
            "train.engine is closed_form: train.gradient × train.regime is full × full: closed_form "
            "computes truncated × online.",
        ),
        (
            {"engine": "closed_form", "gradient": "rtrl"},
            "train.engine is closed_form: train.gradient × train.regime is rtrl × online: closed_form "
            "computes truncated × online.",
        ),
        (
            {"engine": "native", "streams": "parallel"},
            "train.engine is native: train.streams is parallel: the native loop has one stream.",
        ),
        (
            {"engine": "native"},
            "train.engine is native: the native loop is not built: python -m freqjax.native.build "
            "builds it.",
        ),
    ],
)
def test_an_engine_that_cannot_serve_is_refused_before_anything_is_written(
    monkeypatch, tmp_path, train, sentence
):
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "run"
    with pytest.raises(UserError) as caught:
        freqjax.train(tiny_config(train=train), folder, say=print)
    assert str(caught.value) == sentence
    assert not folder.exists()


def test_an_unknown_engine_is_refused(tmp_path, capsys):
    flags = ["--config", "configs/quick.py", "--workdir", str(tmp_path / "run")]
    assert main([*flags, "--config.train.engine=fast"]) == 2
    assert capsys.readouterr().err == (
        "freqjax: train.engine is 'fast': it must be one of auto, closed_form, autodiff, native.\n"
    )
    assert not (tmp_path / "run").exists()
