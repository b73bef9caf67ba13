"""Tasks and cells by name: each wrong one is a sentence, and a right one is found from anywhere."""

import subprocess
import sys

import pytest

import freqjax
from freqjax import Config, UserError
from freqjax.config import names, overrides, validation
from freqjax.config import sections as configs
from freqjax.config.task import TaskConfig, task_section
from freqjax.networks.cell import Cell
from tests.config import toys
from tests.root import ROOT


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "",
            "task.name is '': it must be one of extraction, lines, autoencoder, classifier, or package",
        ),
        (
            "extractoin",
            "it must be one of extraction, lines, autoencoder, classifier, or package.module:Class.",
        ),
        (
            "tests.config.toys.Toy",
            "it must be one of extraction, lines, autoencoder, classifier, or package.module:Class.",
        ),
        (
            "tests/config/toys:Toy",
            "it must be one of extraction, lines, autoencoder, classifier, or package.module:Class.",
        ),
        ("nowhere.toys:Toy", "there is no module nowhere in the current folder"),
        ("tests.nowhere.toys:Toy", "there is no module tests.nowhere in the current folder"),
        ("tests.config.nowhere:Toy", "there is no module tests.config.nowhere in the current"),
        ("tests.config.toys:Toi", "tests.config.toys has no class Toi; the nearest one is Toy."),
        ("tests.config.toys:number", "tests.config.toys has no class number"),
        (
            "tests.config.toys:Bare",
            "it must be a task, a class whose attribute Config is its section",
        ),
        ("tests.config.toys:Forgotten", "Config is not a dataclass: put @dataclass in front"),
        ("tests.config.toys:Listed", r"Config.names has the type list\[str\]: a field is str, int"),
    ],
)
def test_a_task_that_is_none(name, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        freqjax.default_config(name)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "import nothing_of_that_name\n",
            "broken needs nothing_of_that_name, which is not installed",
        ),
        (
            "raise RuntimeError('no such luck.')\n",
            "importing broken gave RuntimeError: no such luck.",
        ),
        ("class Task:\n", "importing broken gave IndentationError: expected an indented block"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_sentence(tmp_path, monkeypatch, text, sentence):
    (tmp_path / "broken.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=f"task.name is broken:Task: {sentence}"):
        freqjax.default_config("broken:Task")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "elman",
            "network.cell is 'elman': it must be one of lstm, gru, rnn, lru, or package.module:Class",
        ),
        ("tests.config.toys:Bare", "it must be a subclass of freqjax.networks.cell.Cell"),
        ("tests.config.toys:Cel", "tests.config.toys has no class Cel"),
    ],
)
def test_a_cell_that_is_none(name, sentence):
    with pytest.raises(UserError, match=sentence):
        overrides.apply(Config(), [("network.cell", name)])


def test_the_tables_lead_to_tasks_their_sections_and_cells():
    assert names.TASKS.keys() == names.TASK_SECTIONS.keys()
    for name in names.TASKS:
        assert names.task_class(name).Config is task_section(name)
        assert issubclass(task_section(name), TaskConfig)
        assert task_section(name)().name == name
    for name in names.CELLS:
        assert issubclass(names.cell_class(name), Cell)
    for nonlinearity, cells in names.OTHER_NONLINEARITIES.items():
        for name in cells:
            other = names.cell_class(name, nonlinearity)
            assert issubclass(other, Cell)
            assert other is not names.cell_class(name)
    assert names.task_class("tests.config.toys:Toy") is toys.Toy


_MODULE = """from dataclasses import dataclass
from freqjax.config.task import TaskConfig
@dataclass
class MineConfig(TaskConfig):
    @property
    def samples(self): return 5
class Mine:
    Config = MineConfig
"""
_READ = """import json, sys
from freqjax.config import validation
print(type(validation.from_dict(json.load(open(sys.argv[1])), 'it').task).__name__, 'jax' in sys.modules)
"""


def _python(folder, *words):
    found = subprocess.run(
        [sys.executable, "-P", *words], cwd=folder, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_a_config_of_ones_own_task_is_read_from_another_folder(tmp_path):
    """Its module is found in the current folder, and from there by what is kept beside the config."""
    home, other = tmp_path / "home", tmp_path / "other"
    (home / "deep").mkdir(parents=True)
    other.mkdir()
    (home / "deep" / "mine.py").write_text(_MODULE)
    program = (
        "import json, freqjax; from freqjax.config.sections import to_dict\n"
        "print(json.dumps(to_dict(freqjax.default_config('deep.mine:Mine'))))"
    )
    (other / "config.json").write_text(_python(home, "-c", program))
    assert f'"modules": {{"deep.mine": "{home}"}}' in (other / "config.json").read_text()
    assert _python(other, "-c", _READ, "config.json") == "MineConfig False\n"


def test_where_modules_are_is_no_part_of_a_config():
    config = freqjax.default_config("tests.config.toys:Toy")
    values = configs.to_dict(config)
    assert values.pop("modules") == {"tests.config.toys": str(ROOT)}
    assert validation.from_dict(values, "here") == config
    assert "modules" not in configs.to_dict(Config())
