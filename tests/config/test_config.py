"""Every rule of the config has a sentence that names the field, and no bad value gets through."""

import dataclasses
import json
import sys

import pytest

import freqjax
from freqjax import Config, UserError
from freqjax.config import overrides, validation
from freqjax.config import sections as configs
from freqjax.networks.initializers import INITIALIZERS
from freqjax.training.gradients.engines import ENGINES


def apply(*pairs):
    return overrides.apply(Config(), pairs)


@pytest.mark.parametrize(
    ("field", "text", "attribute"),
    [
        ("task.frequencies", "2,4.5,6", (2.0, 4.5, 6.0)),
        ("task.frequencies", "(2, 4.5)", (2.0, 4.5)),
        ("task.frequencies", "[3]", (3.0,)),
        ("task.amplitude_range", "1,1", (1.0, 1.0)),
        ("task.sampling_rate", "500", 500.0),
        ("task.phase_scale", "1e-2", 0.01),
        ("network.hidden_size", "128", 128),
        ("network.learned_carry", "true", True),
        ("optimizer.clip_norm", "none", None),
        ("optimizer.name", "sgd", "sgd"),
        ("train.patience", "3", 3),
        ("train.target_mse", "None", None),
        ("task.train_path", "rows.npz", "rows.npz"),
    ],
)
def test_overrides_are_typed_by_their_field(field, text, attribute):
    section, name = field.split(".")
    assert getattr(getattr(apply((field, text)), section), name) == attribute


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("train.epoch", "3", "config.train.epoch is not a field: the nearest one is config.train.epochs"),
        ("frequencies", "3", "the nearest one is config.task.frequencies"),
        ("optimizer.learning_rate", "-1e-3", "optimizer.learning_rate is -0.001: it must be a number"),
        ("optimizer.learning_rate", "nan", "optimizer.learning_rate is nan: it must be a finite number"),
        ("optimizer.learning_rate", "inf", "optimizer.learning_rate is inf: it must be a finite number"),
        ("optimizer.learning_rate", "fast", "optimizer.learning_rate is 'fast': it must be a number"),
        ("task.frequencies", "1,nan", "task.frequencies is nan: it must be a finite number"),
        ("task.frequencies", "", r"task.frequencies is \(\): it must be distinct numbers of at least 1e-6"),
        ("task.frequencies", "3,3", "task.frequencies is"),
        ("task.frequencies", "1,500", "task.frequencies holds 500 Hz: it must lie below the Nyquist"),
        ("network.hidden_size", "1.5", "network.hidden_size is '1.5': it must be a whole number"),
        ("network.hidden_size", "0", "network.hidden_size is 0: it must be from 1"),
        ("network.learned_carry", "yes", "network.learned_carry is 'yes': it must be true or false"),
        ("network.initializer", "best", "network.initializer is 'best': it must be one of pytorch"),
        ("task.amplitude_range", "2,1", "task.amplitude_range is"),
        ("task.duration", "0.0005", "task.duration is 0.0005 s: times task.sampling_rate"),
        ("task.train_seed", "-1", "task.train_seed is -1: it must be from 0"),
    ],
)  # fmt: skip
def test_bad_values_are_named(field, text, sentence):
    with pytest.raises(UserError, match=sentence):
        apply((field, text))


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (
            [("train.regime", "tbptt"), ("train.truncation", "300")],
            "train.truncation is 300: it must divide the 10000 rows of a block",
        ),
        (
            [("train.evaluate_every", "0"), ("train.target_mse", "0.01")],
            "train.evaluate_every is 0: it must be at least 1",
        ),
        (
            [("curriculum.first_horizon", "0.2"), ("train.regime", "full")],
            "train.streams is 'sequential': it must be 'parallel'",
        ),
        (
            [("curriculum.first_horizon", "20"), ("train.regime", "full")],
            "curriculum.first_horizon is 20 s: it must be at most",
        ),
        (
            [("curriculum.first_horizon", "0.2"), ("train.regime", "tbptt")],
            "curriculum.first_horizon is 0.2: it must be none where train.regime is tbptt",
        ),
        (
            [("network.cell", "lru"), ("task.rotor_leak", "15")],
            "task.rotor_leak is 15: it must be 0 where network.cell is lru",
        ),
    ],
)
def test_rules_that_join_fields_bind_training(pairs, sentence):
    with pytest.raises(UserError, match=sentence):
        validation.validate_training(apply(*pairs))


_REFUSED_NETWORKS = [
    ([("network.cell", "elman")], "network.cell is 'elman': it must be one of lstm, gru, rnn"),
    ([("network.nonlinearity", "elu")], "network.nonlinearity is 'elu': it must be one of tanh, relu"),
    ([("network.nonlinearity", "relu")], "nonlinearity is relu: it must be tanh where network.cell is lstm"),
    ([("network.cell", "lru"), ("network.layers", "2")], "layers is 2: it must be 1 where network.cell"),
    ([("network.cell", "lru"), ("network.bidirectional", "true")], "bidirectional is True: it must be False"),
    ([("network.cell", "lru"), ("network.conditioning", "film")], "'film': it must be 'input' where"),
    ([("network.cell", "lru"), ("network.recurrence", "pairs")], "cell is 'lru': it must be 'lstm' where"),
    ([("network.cell", "lru"), ("network.nonlinearity", "relu")], "must be tanh where network.cell is lru"),
    ([("network.layers", "5")], "network.layers is 5: it must be from 1 to 4"),
    ([("network.dropout", "1")], "network.dropout is 1: it must be at least 0 and below 1"),
    ([("network.dropout", "0.2")], "network.dropout is 0.2: it must be 0 where network.layers is 1"),
    ([("network.residual", "true")], "residual is True: it must be False where network.layers is 1, since"),
    ([("network.cell", "lru"), ("network.residual", "true")], "residual is True: it must be False where netw"
     "ork.cell is lru"),
    ([("network.conditioning", "gate")], "network.conditioning is 'gate': it must be one of input, film"),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "sentence"), _REFUSED_NETWORKS)
def test_networks_that_cannot_be_are_refused(pairs, sentence):
    with pytest.raises(UserError, match=sentence):
        apply(*pairs)


@pytest.mark.parametrize("regime", ["online", "tbptt", "full"])
def test_both_directions_need_windows(regime):
    config = apply(("network.bidirectional", "true"), ("train.regime", regime))
    with pytest.raises(
        UserError, match=f"bidirectional is True: .* where train.regime is {regime}"
    ):
        validation.validate_training(config)


def test_the_curriculum_needs_the_one_layer_lstm():
    config = apply(
        ("curriculum.first_horizon", "0.2"), ("train.regime", "full"), ("train.streams", "parallel"),
        ("network.learned_carry", "true"), ("network.cell", "gru"),
    )  # fmt: skip
    with pytest.raises(UserError, match="cell is 'gru': it must be 'lstm' where"):
        validation.validate_training(config)


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (
            [("network.learned_carry", "true"), ("network.rotor_high", "600")],
            "task.rotor_high is 600",
        ),
    ],
)
def test_rotors_turn_below_the_nyquist_frequency(pairs, sentence):
    with pytest.raises(UserError, match=sentence):
        apply(("network.initializer", "rotor"), *pairs)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"train_path": "a.npz", "noise": "fresh"}, True),
        ({"train_path": "a.npz", "noise": "fixed"}, False),
        ({"test_path": "a.npz", "noise": "fresh"}, False),
    ],
)
def test_training_rows_of_a_file_are_fixed_and_a_line_says_so(given, says):
    config, lines = apply(*((f"task.{name}", text) for name, text in given.items())), []
    found = configs.with_fixed_rows(validation.validate_training(config), lines.append)
    assert config.task.noise == given["noise"]  # a config of the caller's is left as it is
    assert found.task.noise == ("fixed" if says else given["noise"])
    assert configs.differing_fields(found, config) == (["task.noise"] if says else [])
    line = "task.noise is fixed, not fresh, since rows of a file cannot be drawn anew."
    assert lines == ([line] if says else [])


def test_a_config_survives_json():
    config = apply(("task.frequencies", "2,4.5"), ("optimizer.clip_norm", "none"))
    again = validation.from_dict(json.loads(json.dumps(configs.to_dict(config))), "here")
    assert again == config
    assert configs.differing_fields(config, Config()) == ["task.frequencies", "optimizer.clip_norm"]


def test_the_last_override_wins():
    assert apply(("train.epochs", "3"), ("train.epochs", "4")).train.epochs == 4


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.py", "x = 1", "must define get_config"),
        (
            "a.py",
            "def get_config(): return 3",
            "get_config.. must return a freqjax Config, not int",
        ),
        ("a.py", "syntax error", "SyntaxError"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[" * 10**5, r"is not JSON \(it is nested too deep\)"),
        ("a.json", "[]", "holds no config"),
        ("a.json", '{"task": 3}', "task must be a section"),
        ("a.json", '{"task": {"frequenies": [1]}}', "nearest one is config.task.frequencies"),
        (
            "a.json",
            '{"train": {"epochs": "many"}}',
            "train.epochs is 'many': it must be a whole number",
        ),
        (
            "a.json",
            '{"train": {"epochs": true}}',
            "train.epochs is True: it must be a whole number",
        ),
        ("a.txt", "", "must be a .py file"),
    ],
)
def test_bad_config_files_are_one_sentence(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=sentence):
        overrides.load(tmp_path / name)


_BESIDE = "from freqjax import Config, TrainConfig\n\nCONFIG = Config(train=TrainConfig(seed={}))\n"
_IMPORTS = "from beside_it import CONFIG\ndef get_config():\n    return CONFIG\n"


def test_a_config_may_import_what_lies_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, seeds = list(sys.path), []
    for seed in (3, 4):  # another folder has another module of the same name
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "beside_it.py").write_text(_BESIDE.format(seed))
        (folder / "mine.py").write_text(_IMPORTS)
        for _ in range(2):
            seeds.append(overrides.load(folder / "mine.py").train.seed)
        assert sorted(found.name for found in folder.iterdir()) == ["beside_it.py", "mine.py"]
    assert seeds == [3, 3, 4, 4]
    assert sys.path == path
    assert sys.modules["beside_it"].__file__ == str(tmp_path / "4" / "beside_it.py")
    overrides.load("quick")  # of another folder again
    assert "beside_it" not in sys.modules
    assert freqjax.Config is Config


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def get_config(name):\n    pass", "without arguments; running it gave TypeError"),
        ("import no_such_module_here", "gave ModuleNotFoundError: No module named"),
        ("get_config = 3", "must define get_config"),
        (
            "class Odd(BaseException): pass\ndef get_config(): raise Odd('one\\ntwo.')",
            r"gave Odd: one two\.$",
        ),
        ("def get_config(): return {}", "must return a freqjax Config, not dict"),
    ],
)
def test_whatever_a_config_does_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError, match=sentence) as error:
        overrides.load(tmp_path / "mine.py")
    assert "\n" not in str(error.value)


def test_a_missing_config_file(tmp_path):
    with pytest.raises(UserError, match=r"--config is .*none\.py: there is no such file"):
        overrides.load(tmp_path / "none.py")


def test_names_that_the_config_allows_are_those_of_the_tables():
    tables = {
        "network.initializer": [*INITIALIZERS, "constructed"],
        "train.engine": ["auto", *ENGINES],
    }
    for name, table in tables.items():
        section, field = name.split(".")
        (found,) = [f for f in dataclasses.fields(getattr(Config(), section)) if f.name == field]
        assert set(found.metadata["allowed"].removeprefix("one of ").split(", ")) == set(table)
