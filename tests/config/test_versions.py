"""Reading of the configs of version 0.1 under their old names."""

import json
from typing import Any

import pytest

import freqjax
from freqjax import Config, ExtractionConfig, NetworkConfig, SweepConfig, TaskConfig, UserError
from freqjax.config import overrides, validation
from freqjax.config import sections as configs
from freqjax.sweep import replicas
from freqjax.tasks.extraction.config import extraction_of
from tests.root import ROOT

OLD = ROOT / "checkpoints" / "clock64" / "config.json"
MOVED: dict[str, Any] = {
    "rotor_low": 2.0,
    "rotor_high": 40.0,
    "rotor_leak": 3.0,
    "rotor_decay": 1.5,
}


def moved_of(config):
    return {name: getattr(config.task, name) for name in MOVED}


def test_a_config_json_of_version_0_1_is_read_and_told_of_once():
    values = json.loads(OLD.read_text())
    values["network"] |= MOVED
    before, told = json.dumps(values), []
    config = validation.from_dict(values, "old.json", told.append)
    assert json.dumps(values) == before
    (line,) = told
    assert line.startswith(
        "old.json: it is of version 0.1, and this version reads network.rotor_low as"
    )
    assert all(f"network.{name} as task.{name}" in line for name in MOVED)
    assert moved_of(config) == MOVED
    found = configs.to_dict(config)
    for section, fields in values.items():
        for name, value in fields.items():
            place = "task" if name in MOVED else section
            kept = found[place][name]
            assert (list(kept) if isinstance(kept, tuple) else kept) == value
    assert (config.train.gradient, config.train.regime) == ("auto", "full")
    validation.from_dict(found, "new.json", told.append)
    assert len(told) == 1


def test_a_file_is_told_of_and_what_is_of_today_is_not(tmp_path):
    told = []
    assert extraction_of(freqjax.load_config(OLD, told.append)).rotor_high == 20.0
    assert len(told) == 1
    (tmp_path / "config.json").write_text(json.dumps(configs.to_dict(Config())))
    assert freqjax.load_config(tmp_path / "config.json", told.append) == Config()
    (tmp_path / "config.json").write_text('{"train": {"epochs": 3}}')
    freqjax.load_config(tmp_path / "config.json", told.append)
    assert len(told) == 1


@pytest.mark.parametrize("name", MOVED)
def test_old_names_are_taken_everywhere(name, tmp_path):
    text = str(MOVED[name])
    asked = overrides.apply(Config(), [(f"network.{name}", text)])
    assert moved_of(asked)[name] == MOVED[name]
    assert asked == overrides.apply(Config(), [(f"task.{name}", text)])
    config = Config(network=NetworkConfig(**{name: MOVED[name]}))
    assert moved_of(validation.validate(config))[name] == MOVED[name]
    (tmp_path / "a.py").write_text(
        "import freqjax\ndef get_config():\n    config = freqjax.Config()\n"
        f"    config.network.{name} = {MOVED[name]}\n    return config\n"
    )
    assert freqjax.load_config(tmp_path / "a.py") == asked
    # A value that was put in its place is not put there again.
    asked.task = ExtractionConfig()
    assert moved_of(validation.validate(asked)) == moved_of(Config())


def test_old_names_are_axes_of_a_sweep():
    config = overrides.apply(
        Config(), [("sweep.axes", "network.rotor_low=1,2;network.rotor_gain=0,0.1")]
    )
    found = [
        (extraction_of(r.config).rotor_low, r.config.network.rotor_gain) for r in replicas(config)
    ]
    assert found == [(1.0, 0.0), (1.0, 0.1), (2.0, 0.0), (2.0, 0.1)]


def test_an_old_name_is_refused_where_the_task_has_no_such_field():
    config = freqjax.default_config("tests.config.toys:Toy")
    old = "rotor_low"
    setattr(config.network, old, 2.0)
    with pytest.raises(UserError, match=r"network.rotor_low is 2: it is task.rotor_low now, which"):
        validation.validate(config)


def test_the_section_of_the_only_task_of_version_0_1_keeps_its_name():
    assert TaskConfig is ExtractionConfig
    assert extraction_of(Config(task=TaskConfig(frequencies=(2.0,)))).frequencies == (2.0,)


def test_both_names_of_a_field_are_no_two_axes():
    axes = {"network.rotor_low": (0.1, 0.2), "task.rotor_low": (0.3,)}
    with pytest.raises(UserError, match=r"network\.rotor_low and task\.rotor_low: they are one"):
        overrides.apply(Config(sweep=SweepConfig(axes=axes)), [])
