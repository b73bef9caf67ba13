"""Values become the types of their fields or are refused, and a message shows them shortened."""

import itertools
import json

import numpy as np
import pytest

from freqjax import Config, UserError
from freqjax.config import sections as configs
from freqjax.config import validation
from freqjax.config.coercion import coerce, show
from freqjax.tasks.extraction.config import extraction_of


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (float, 3, 3.0),
        (float | None, None, None),
        (tuple[float, ...], 2, (2.0,)),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[str, ...], "a", ("a",)),
        (bool, np.True_, True),
    ],
)
def test_a_value_becomes_the_type_of_its_field(kind, value, wanted):
    found = coerce("a.b", kind, value)
    assert found == wanted
    assert repr(found) == repr(wanted)  # 3 is 3.0, too


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (int, 1.0, "a.b is 1: it must be a whole number."),
        (int, True, "a.b is True: it must be a whole number."),
        (int, 2**32, "a.b is 4294967296: it must be below 4294967296."),
        (bool, 1, "a.b is 1: it must be true or false."),
        (str, None, "a.b is None: it must be text."),
        (float, 1e39, "a.b is 1e+39: it must be a finite number below 3e+38."),
        (float, 2**64, "a.b is 18446744073709551616: it must be a finite number below 3e+38."),
        (tuple[float, ...], "1", "a.b is '1': it must be a list of numbers."),
        (tuple[str, ...], 1, "a.b is 1: it must be a list of values."),
        (tuple[float, ...], [1, "x"], "a.b is 'x': it must be a number."),
    ],
)
def test_a_value_of_another_type_is_refused(kind, value, sentence):
    with pytest.raises(UserError) as error:
        coerce("a.b", kind, value)
    assert str(error.value) == sentence


def test_a_list_is_shown_by_its_first_items():
    assert show((1, (0.5, "a"))) == "(1, (0.5, 'a'))"
    assert show(tuple(range(12))).endswith("10, 11)")
    assert show(tuple(range(13))).endswith("10, 11, …)")


def test_numbers_of_numpy_and_paths_are_what_they_say(tmp_path):
    config = Config()
    axes = {"train.seed": np.arange(2), "train.truncation": [np.int32(4)]}
    for path, value in (
        ("task.frequencies", np.array([2.0, 5.0])),
        ("task.train_path", tmp_path / "a.csv"),
        ("train.epochs", np.int64(3)),
        ("train.diagnose", np.bool_(False)),
        ("sweep.axes", axes),
        ("optimizer.learning_rate", np.float32(0.5)),
    ):
        section, name = path.split(".")
        setattr(getattr(config, section), name, value)
    validation.validate(config)
    assert json.loads(json.dumps(configs.to_dict(config)))["task"]["train_path"] == str(
        tmp_path / "a.csv"
    )
    assert extraction_of(config).frequencies == (2.0, 5.0)
    assert (config.train.epochs, config.train.diagnose) == (3, False)
    assert config.sweep.axes == {"train.seed": (0, 1), "train.truncation": (4,)}
    assert config.optimizer.learning_rate == 0.5
    config.train.epochs = np.float64(2.5)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(UserError, match=r"train.epochs is 2.5: it must be a whole number"):
        validation.validate(config)


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ({1: [2]}, "sweep.axes holds 1: an axis is named by text"),
        (
            {"train.sed": [1]},
            "config.train.sed is not a field: the nearest one is config.train.seed",
        ),
        ({"train.seed": itertools.count()}, "sweep.axes has more than 10000 values of train.seed"),
        (None, "sweep.axes is None: it must be a dictionary"),
    ],
)
def test_axes_that_cannot_be_are_refused(axes, sentence):
    config = Config()
    config.sweep.axes = axes
    with pytest.raises(UserError, match=sentence):
        validation.validate(config)


def test_a_message_does_not_repeat_what_is_long():
    config = Config()
    config.train.escalate = tuple(range(5000, 0, -1))
    with pytest.raises(UserError) as error:
        validation.validate(config)
    assert str(error.value).startswith("train.escalate is (5000, 4999, ")
    assert "4989, …): it must be" in str(error.value)
    config = Config()
    config.train.regime = "x" * 5000
    with pytest.raises(UserError) as error:
        validation.validate(config)
    assert "(5,002 characters)" in str(error.value)
    assert len(str(error.value)) < 300


_LONG = "it must be below 4294967296."


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("train.epochs", 10**5000, f"train.epochs is too long to write: {_LONG}"),
        ("train.epochs", 10**3000, f"train.epochs is 1{'0' * 99}… (3,001 characters)00: {_LONG}"),
        ("train.escalate", (10**5000,), f"train.escalate is too long to write: {_LONG}"),
        ("train.regime", [10**5000], "train.regime is too long to write: it must be text."),
        (
            "optimizer.momentum",
            -(10**5000),
            "optimizer.momentum is too long to write: it must be a finite number below 3e+38.",
        ),
    ],
    ids=["whole", "written", "in a tuple", "in a list", "a float's"],
)
def test_a_number_of_thousands_of_digits_is_refused_in_one_short_sentence(field, value, sentence):
    config = Config()
    section, name = field.split(".")
    setattr(getattr(config, section), name, value)
    with pytest.raises(UserError) as error:
        validation.validate(config)
    assert str(error.value) == sentence
