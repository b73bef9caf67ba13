"""Shipped configs and checkpoints by name; a path that exists takes precedence."""

import os
from pathlib import Path

import pytest

import freqjax
from freqjax import UserError
from freqjax.config import shipped
from tests.root import ROOT


@pytest.mark.parametrize("name", ["quick", "quick.py", "configs/quick.py", "configs/quick"])
def test_a_config_is_found_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert freqjax.load_config(name) == freqjax.load_config(ROOT / "configs" / "quick.py")


def test_a_file_that_exists_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quick").mkdir()
    assert freqjax.load_config("quick").network.hidden_size == 16
    Path("quick.py").write_text(
        "from freqjax import Config, NetworkConfig\n"
        "def get_config(): return Config(network=NetworkConfig(hidden_size=3))\n"
    )
    assert freqjax.load_config("quick.py").network.hidden_size == 3


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "quik",
            "is quik: there is no such file, and of the configs that ship the nearest is quick.",
        ),
        ("other/quik.py", "is other/quik.py: there is no such file."),
    ],
)
def test_an_unknown_config_is_one_sentence(name, sentence):
    with pytest.raises(UserError) as error:
        freqjax.load_config(name)
    assert str(error.value) == f"--config {sentence}"


@pytest.mark.parametrize("name", ["clock64", "checkpoints/clock64", "clock64/checkpoints/21"])
def test_a_checkpoint_is_found_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = shipped.checkpoint(name)
    assert found.samefile(ROOT / "checkpoints" / name.removeprefix("checkpoints/"))
    assert shipped.is_shipped(found)
    (tmp_path / "clock64").mkdir()
    assert not shipped.is_shipped("clock64")
    assert shipped.checkpoint("clock64") == Path("clock64")


def test_an_unknown_checkpoint_is_one_sentence():
    with pytest.raises(UserError) as error:
        shipped.checkpoint("clok64")
    assert str(error.value) == (
        "--checkpoint is clok64: there is no such folder, and of the checkpoints that ship the nearest is "
        "clock64."
    )
    with pytest.raises(UserError, match=r"the checkpoint is runs/none: there is no such folder\."):
        freqjax.load("runs/none")


def test_names_are_those_of_the_folders():
    assert shipped.config_names() == sorted(p.stem for p in (ROOT / "configs").glob("*.py"))
    assert shipped.checkpoint_names() == sorted(os.listdir(ROOT / "checkpoints"))
