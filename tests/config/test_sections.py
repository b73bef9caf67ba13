"""A config holds its sections and nothing else, and `task.name` decides which."""

import copy
import dataclasses
import json

import pytest

import freqjax
from freqjax import (
    Config,
    ExtractionConfig,
    LimitsConfig,
    NetworkConfig,
    TaskConfig,
    TrainConfig,
    UserError,
)
from freqjax.config import overrides, validation
from freqjax.config import sections as configs
from tests.config.toys import NoiseConfig, ToyConfig

TOY = "tests.config.toys:Toy"


def apply(config, *pairs):
    return overrides.apply(config, pairs)


def toy(config: Config) -> ToyConfig:
    """The section of the toy."""
    assert isinstance(config.task, ToyConfig)
    return config.task


# Attributes.


def _set(config, path, value):
    *places, name = path.split(".")
    for place in places:
        config = getattr(config, place)
    setattr(config, name, value)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("optimizer.learning_rte", "optimizer.learning_rte is not a field: the nearest one is "
         "optimizer.learning_rate."),
        ("task.frequencys", "task.frequencys is not a field: the nearest one is task.frequencies."),
        ("network.rotor_lows", "the nearest one is network.rotor_gain."),
        ("limits.phase_scale", "the nearest one is limits.phase_scales."),
        ("optimiser", "config.optimiser is not a section: the nearest one is config.optimizer."),
        ("limit", "config.limit is not a section: the nearest one is config.limits."),
    ],
)  # fmt: skip
def test_a_wrong_attribute_is_refused_with_the_nearest_right_one(path, sentence):
    with pytest.raises(UserError) as error:
        _set(Config(), path, 1)
    assert str(error.value).endswith(sentence)


def test_a_wrong_keyword_is_refused_likewise():
    with pytest.raises(UserError, match=r"train.epoch is not a field: .* is train.epochs"):
        TrainConfig(epoch=3)  # pyright: ignore[reportCallIssue]
    with pytest.raises(UserError, match=r"config.trian is not a section: .* is config.train"):
        Config(trian=TrainConfig())


def test_a_wrong_attribute_in_a_config_file_is_one_sentence(tmp_path):
    text = "from freqjax import Config\ndef get_config():\n    config = Config()\n"
    (tmp_path / "a.py").write_text(text + "    config.train.epoks = 3\n    return config\n")
    with pytest.raises(UserError) as error:
        overrides.load(tmp_path / "a.py")
    assert str(error.value) == "train.epoks is not a field: the nearest one is train.epochs."


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("optimizer", None, "config.optimizer is None: it must be a section, OptimizerConfig."),
        (
            "train",
            NetworkConfig(),
            "config.train is of the type NetworkConfig: it must be a section,",
        ),
        ("task", None, "config.task is None"),
        ("task", {}, "config.task is of the type dict: it must be a section, TaskConfig."),
        ("limits", None, "config.limits is None: it must be a section, LimitsConfig."),
    ],
)
def test_a_section_that_is_none_is_refused(name, value, sentence):
    config = Config()
    setattr(config, name, value)
    with pytest.raises(UserError) as error:
        validation.validate(config)
    assert str(error.value).startswith(sentence)


def test_a_section_that_is_not_there_is_an_attribute_error():
    assert not hasattr(Config(), "disturbance")
    with pytest.raises(AttributeError, match=r"config\.disturbance is not a section: the nearest"):
        Config().disturbance  # noqa: B018


def test_a_field_that_is_not_there_is_an_attribute_error():
    assert not hasattr(Config().train, "epoks")
    with pytest.raises(AttributeError, match=r"train\.epoks is not a field: .* is train\.epochs"):
        Config().train.epoks  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("fields", [{}, {"epochs": 3}])
def test_a_section_of_json_that_is_not_there_is_refused(fields):
    with pytest.raises(UserError, match=r"config\.trian\S* is not a \w+: .* is config\.train"):
        validation.from_dict({"task": {"name": "extraction"}, "trian": fields}, "here")


def test_sections_of_the_task_alone_are_copied_compared_and_kept():
    config = Config(limits=LimitsConfig(phase_scales=(0.5,)))
    assert config.limits.phase_scales == (0.5,)
    assert copy.deepcopy(config) == config != Config()
    assert dataclasses.replace(config, train=TrainConfig(epochs=1)).limits == config.limits
    again = validation.from_dict(json.loads(json.dumps(configs.to_dict(config))), "here")
    assert again == config
    assert configs.differing_fields(config, Config()) == ["limits.phase_scales"]
    assert dataclasses.replace(config, task=ToyConfig()).own == {"disturbance": NoiseConfig()}


def test_two_configs_share_nothing():
    one, other = Config(), Config()
    one.sweep.axes["train.seed"] = (1,)
    one.limits.phase_scales = (1.0,)
    assert other == Config() != one


# Tasks.


def test_a_task_of_ones_own_has_its_own_fields():
    config = freqjax.default_config(TOY)
    assert config.task == ToyConfig(name=TOY)
    pairs = [
        ("task.words", "x, y"), ("task.balanced", "true,false"), ("task.limit", "7"),
        ("disturbance.level", "0.5"), ("task.noise", "fresh"),
    ]  # fmt: skip
    apply(config, *pairs)
    assert (toy(config).words, toy(config).balanced) == (("x", "y"), (True, False))
    assert (toy(config).limit, config.disturbance.level, config.task.noise) == (7, 0.5, "fresh")
    assert toy(apply(config, ("task.limit", "none"))).limit is None
    values = json.loads(json.dumps(configs.to_dict(config)))
    assert values["task"]["name"] == TOY
    assert validation.from_dict(values, "here") == config
    with pytest.raises(UserError, match=r"config.limits.phase_scales is not a field"):
        apply(config, ("limits.phase_scales", "1"))
    with pytest.raises(UserError, match=r"config.task.frequencies is not a field"):
        apply(config, ("task.frequencies", "1"))
    with pytest.raises(UserError, match=r"task.words is 3: it must be a list of values"):
        validation.from_dict({"task": {"name": TOY, "words": 3}}, "here")
    with pytest.raises(
        UserError, match=r"task.classes is 65: it must be at most network.hidden_size"
    ):
        apply(freqjax.default_config(TOY), ("task.classes", "65"))


def test_the_task_is_changed_where_no_field_of_the_other_is_set():
    config = Config(task=ExtractionConfig(test_seed=7), train=TrainConfig(epochs=3))
    pairs = [("task.classes", "3"), ("task.name", TOY), ("task.train_seed", "9")]
    apply(config, *pairs)
    # What was set goes along; what was not has the other task's default.
    assert config.task == ToyConfig(name=TOY, classes=3, test_seed=7, train_seed=9)
    assert config.task.reset == "never"
    assert config.train.epochs == 3
    assert list(config.own) == ["disturbance"]
    assert toy(apply(config, ("task.name", TOY))).classes == 3
    with pytest.raises(UserError, match=r"it must be .*Toy where task.classes is set, a field of"):
        apply(config, ("task.name", "extraction"))


@pytest.mark.parametrize(
    ("task", "limits", "pairs", "fields"),
    [
        ({"phase_scale": 0.5}, {}, [], "task.phase_scale is set, a field of extraction alone"),
        ({}, {}, [("task.duration", "2")], "task.duration is set"),
        ({}, {}, [("network.rotor_low", "2")], "task.rotor_low is set"),
        (
            {"duration": 5.0, "start": "random"},
            {"phase_scales": (1.0,)},
            [("task.starts", "3"), ("task.duration", "2"), ("task.test_seed", "2")],
            "task.duration, task.start, task.starts, limits.phase_scales are set, fields of extraction",
        ),
    ],
)
def test_the_fields_of_the_other_task_that_are_set_are_named(task, limits, pairs, fields):
    config = Config(task=ExtractionConfig(**task), limits=LimitsConfig(**limits))
    before = copy.deepcopy(config)
    with pytest.raises(
        UserError, match=f"task.name is {TOY}: it must be extraction where {fields}"
    ):
        apply(config, *pairs, ("task.name", TOY))
    assert config == before


def test_a_config_file_may_set_the_name_or_the_section():
    config = Config()
    config.task.name = TOY
    assert validation.validate(config).task == ToyConfig(name=TOY)
    config = Config()
    config.task = ToyConfig(name=TOY, classes=3)
    assert toy(validation.validate(config)).classes == 3
    with pytest.raises(
        UserError,
        match=r"task.name is '': it must be one of extraction, lines, autoencoder, classifier, or package",
    ):
        validation.validate(Config(task=ToyConfig()))


def test_axes_of_a_sweep_are_fields_of_the_task_at_hand():
    config = apply(freqjax.default_config(TOY), ("sweep.axes", "task.classes=2,3;task.words=a,b|c"))
    assert config.sweep.axes == {"task.classes": (2, 3), "task.words": (("a", "b"), ("c",))}
    with pytest.raises(UserError, match=r"config.task.frequencies is not a field"):
        apply(config, ("sweep.axes", "task.frequencies=1,2"))


# Fields that every task has, and those of training.


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("task.split", "0.5,0.5", "task.split is .*: it must be three numbers of at least 0 that sum"),
        ("task.split", "0.5,0.6,-0.1", "three numbers of at least 0 that sum to 1"),
        ("task.split", "0.5,0.25,0.25", "task.split is .*: it must be left as it is"),
        ("train.gradient", "full", "train.gradient is full: it must be one of auto, truncated, snap1, rtrl "
         "where train.regime is online"),
        ("train.gradient", "uoro", "train.gradient is 'uoro': it must be one of auto, truncated, snap1, "
         "rtrl, full"),
        ("train.steps_per_epoch", "0", "train.steps_per_epoch is 0: it must be at least 1"),
        ("train.batch", "0", "train.batch is 0: it must be at least 1"),
        ("optimizer.clip", "local", "optimizer.clip is 'local': it must be one of global, adaptive"),
        ("optimizer.clip_ratio", "0", "optimizer.clip_ratio is 0: it must be a number above 0"),
    ],
)  # fmt: skip
def test_new_fields_have_their_rules(field, text, sentence):
    with pytest.raises(UserError, match=sentence):
        validation.validate_training(apply(Config(), (field, text)))


@pytest.mark.parametrize("regime", ["online", "tbptt", "full", "windows", "examples"])
def test_the_gradient_of_a_regime(regime):
    config = apply(Config(), ("train.regime", regime))
    method = config.train.gradient_method
    assert method == ("truncated" if regime in ("online", "tbptt") else "full")
    validation.validate_training(apply(config, ("train.gradient", method)))
    other = {"full": "truncated", "truncated": "full"}[method]
    with pytest.raises(UserError, match=f"where train.regime is {regime}"):
        validation.validate_training(apply(config, ("train.gradient", other)))


def test_examples_carry_no_state_and_may_run_from_both_ends():
    pairs = [("train.regime", "examples"), ("network.bidirectional", "true")]
    validation.validate_training(apply(Config(), *pairs))
    with pytest.raises(UserError, match=r"task.reset is never: .* where train.regime is examples"):
        apply(Config(), *pairs, ("task.reset", "never"))


@pytest.mark.parametrize(
    ("owner", "name", "value", "sentence"),
    [
        (TrainConfig, "epochs", 3, "TrainConfig.epochs was set on the class"),
        (TrainConfig, "epoch", 3, "TrainConfig.epoch was set .* as in config.train.epoch"),
        (TaskConfig, "noise", "fresh", "ExtractionConfig.noise was set"),
        (Config, "trian", 3, "Config.trian was set on the class"),
    ],
)
def test_what_is_set_on_a_class_is_refused(monkeypatch, owner, name, value, sentence):
    validation.validate(Config())
    monkeypatch.setattr(owner, name, value, raising=False)
    with pytest.raises(UserError, match=sentence):
        validation.validate(Config())


@pytest.mark.parametrize("own", [{}, None, {"limits": LimitsConfig(), "limts": LimitsConfig()}])
def test_sections_of_the_task_that_are_not_its_own_are_refused(own):
    config = Config()
    config.own = own
    with pytest.raises(UserError, match=r"config.own is .* sections of the task alone \(limits\)"):
        validation.validate(config)
