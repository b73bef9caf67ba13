"""Laws of random axes: their values against SciPy's, their text, and what is refused."""

import json

import numpy as np
import pytest
from scipy import stats

from freqjax import Config, SweepConfig, UserError
from freqjax.config import overrides, validation
from freqjax.config import sections as configs
from freqjax.config.axes import laws_of
from freqjax.config.fields import AXES
from freqjax.config.laws import Law, is_meant

SHARES = np.linspace(0, 1, 101)


def config_of(text, draws=3):
    return overrides.apply(Config(), [("sweep.axes", text), ("sweep.draws", str(draws))])


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (Law("uniform", 0.25, 0.75, False), stats.uniform(0.25, 0.5)),
        (Law("uniform", -1.0, 1.0, False), stats.uniform(-1, 2)),
        (Law("loguniform", 1e-4, 1e-2, False), stats.loguniform(1e-4, 1e-2)),
        (Law("loguniform", 3.0, 3e5, False), stats.loguniform(3, 3e5)),
    ],
)
def test_a_value_is_the_quantile_to_four_digits(law, expected):
    values = [law.at(share) for share in SHARES]
    np.testing.assert_allclose(values, expected.ppf(SHARES), rtol=5.1e-4)
    assert (values[0], values[-1]) == (law.low, law.high) and values == sorted(values)
    for value in values:
        assert float(f"{value:.3e}") == value  # what is printed is what is used


def test_a_narrow_law_keeps_the_digits_that_tell_its_values_apart():
    law = Law("uniform", 2.0, 2.001, False)
    values = [law.at(share) for share in SHARES]
    np.testing.assert_allclose(values, 2 + 0.001 * SHARES, atol=5.1e-7)
    assert len(set(values)) == len(SHARES)


@pytest.mark.parametrize(
    ("law", "weight"),
    [
        (Law("uniform", 8, 12, True), lambda k: 1.0),
        (Law("loguniform", 1, 9, True), lambda k: np.log((k + 0.5) / (k - 0.5))),
    ],
)
def test_whole_numbers_have_their_probabilities_with_both_ends(law, weight):
    shares = (np.arange(200_000) + 0.5) / 200_000
    values, counts = np.unique([law.at(share) for share in shares], return_counts=True)
    expected = np.array([weight(k) for k in values])
    assert list(values) == list(range(int(law.low), int(law.high) + 1)) and law.points == len(
        values
    )
    np.testing.assert_allclose(counts / counts.sum(), expected / expected.sum(), atol=1e-5)
    assert all(type(law.at(share)) is int for share in SHARES)


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (Law("uniform", 0.0, 1.0, False), [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]),
        (Law("loguniform", 1e-4, 1.0, False), [(1e-4, 1e-3), (1e-3, 0.01), (0.01, 0.1), (0.1, 1)]),
        (Law("uniform", 0, 2, True), [(0, 0), (1, 1), (2, 2)]),
        (Law("uniform", 1, 8, True), [(1, 3), (4, 5), (6, 7), (8, 8)]),
    ],
)
def test_parts_cover_the_law_once(law, expected):
    assert law.parts(4) == expected


def test_a_law_is_the_same_from_python_the_command_line_and_json():
    axes: AXES = {
        "optimizer.learning_rate": " loguniform( 1e-4 , 1e-2 )",
        "network.hidden_size": "uniform(8,64)",
    }
    config = validation.validate(Config(sweep=SweepConfig(axes=axes, draws=20, seed=4)))
    wanted = {
        "optimizer.learning_rate": Law("loguniform", 1e-4, 1e-2, False),
        "network.hidden_size": Law("uniform", 8, 64, True),
    }
    assert laws_of(config) == wanted
    saved = json.loads(json.dumps(configs.to_dict(config)))
    assert saved["sweep"]["axes"] == {field: law.text for field, law in wanted.items()}
    again = validation.from_dict(saved, "config.json")
    assert configs.differing_fields(config, again) == []
    text = "optimizer.learning_rate=loguniform(1e-4,1e-2);network.hidden_size=uniform(8,64)"
    typed = overrides.apply(
        Config(), [("sweep.axes", text), ("sweep.draws", "20"), ("sweep.seed", "4")]
    )
    assert configs.differing_fields(config, typed) == []
    printed = overrides.as_text(configs.field_type(config, "sweep.axes"), config.sweep.axes)
    assert config_of(printed, 20).sweep.axes == config.sweep.axes


def test_an_optional_number_and_a_field_of_an_earlier_version_may_have_a_law():
    laws = laws_of(config_of("optimizer.clip_norm=uniform(0.5,2);network.rotor_low=uniform(1,2)"))
    assert [law.text for law in laws.values()] == ["uniform(0.5,2.0)", "uniform(1.0,2.0)"]


def test_text_with_brackets_is_no_law():
    assert not is_meant(str, "rows(1,2)") and is_meant(str, "uniform(1,2)")
    axes = config_of("train.init_from=runs (1),runs (2)", 0).sweep.axes
    assert axes == {"train.init_from": ("runs (1)", "runs (2)")}
    assert config_of("task.frequencies=(1,2)|(1,3)", 0).sweep.axes["task.frequencies"] == (
        (1.0, 2.0),
        (1.0, 3.0),
    )


_FORM = "it must be a list of values, or one law, uniform(LOW,HIGH) or loguniform(LOW,HIGH)."
_RATE = "sweep.axes has optimizer.learning_rate = "


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("uniform(0,1)", "'uniform(0,1)': 0 is no value of the field, which must be a number above 0."),
        ("uniform(1,1)", "'uniform(1,1)': its first end must be below its second."),
        ("loguniform(2,1)", "'loguniform(2,1)': its first end must be below its second."),
        (
            "loguniform(0,1)",
            "'loguniform(0,1)': its ends must be above 0, since it is uniform in the logarithm.",
        ),
        (
            "normal(0,1)",
            "'normal(0,1)': normal is no law, which must be uniform(LOW,HIGH) or loguniform(LOW,HIGH); the "
            "nearest one is uniform.",
        ),
        ("uniform(a,1)", "'uniform(a,1)': its end 'a' must be a number."),
        ("uniform(,1)", "'uniform(,1)': its end '' must be a number."),
        ("uniform(1)", f"'uniform(1)': {_FORM}"),
        ("uniform(1,2", f"'uniform(1,2': {_FORM}"),
        ("1e-3,uniform(1,2)", f"'1e-3,uniform(1,2)': {_FORM}"),
        ("uniform(1,2),uniform(3,4)", f"'uniform(1,2),uniform(3,4)': {_FORM}"),
    ],
)  # fmt: skip
def test_a_law_that_cannot_be_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(UserError) as error:
        config_of(f"optimizer.learning_rate={text}")
    assert str(error.value) == _RATE + sentence


_NUMBER = "a law is for a field that is one number, not"
_NO_LAW = (
    "it must be 0 where no axis of sweep.axes has a law, uniform(LOW,HIGH) or loguniform(LOW,HIGH)."
)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("network.residual", "uniform(0,1)", f"{_NUMBER} true or false."),
        ("network.cell", "uniform(0,1)", f"{_NUMBER} text."),
        ("task.frequencies", "uniform(1,2)", f"{_NUMBER} a list."),
        ("network.cell", "gru", "it must be a list of values."),
        ("train.seed", "0..7", _FORM),
        ("train.seed", "uniform(0,nan)", "its end 'nan' must be a whole number."),
        ("network.hidden_size", "uniform(8,64.5)", "its end '64.5' must be a whole number."),
        (
            "network.hidden_size",
            "uniform(8,20000)",
            "20000 is no value of the field, which must be from 1 to 16384.",
        ),
    ],
)
def test_a_law_that_its_field_cannot_have_is_refused(field, text, sentence):
    with pytest.raises(UserError) as error:
        validation.validate(Config(sweep=SweepConfig(axes={field: text}, draws=1)))
    assert str(error.value) == f"sweep.axes has {field} = {text!r}: {sentence}"


@pytest.mark.parametrize(
    ("axes", "draws", "sentence"),
    [
        (
            {"optimizer.learning_rate": "uniform(1,2)"},
            0,
            "sweep.draws is 0: it must be at least 1 where an axis has a law, as optimizer.learning_rate "
            "has, uniform(1.0,2.0).",
        ),
        ({"train.seed": (0, 1)}, 5, f"sweep.draws is 5: {_NO_LAW}"),
        ({}, 5, f"sweep.draws is 5: {_NO_LAW}"),
        (
            {"optimizer.learning_rate": "uniform(1,inf)"},
            1,
            "optimizer.learning_rate is inf: it must be a finite number below 3e+38.",
        ),
    ],
)
def test_axes_and_draws_that_do_not_go_together_are_refused(axes, draws, sentence):
    with pytest.raises(UserError) as error:
        validation.validate(Config(sweep=SweepConfig(axes=axes, draws=draws)))
    assert str(error.value) == sentence


def test_a_swept_config_that_is_trained_alone_is_told_both_flags():
    with pytest.raises(UserError, match=r"--config.sweep.axes= --config.sweep.draws=0 trains"):
        validation.validate_training(config_of("optimizer.learning_rate=uniform(1,2)"))
    alone = overrides.apply(
        config_of("optimizer.learning_rate=uniform(1,2)"),
        [("sweep.axes", ""), ("sweep.draws", "0")],
    )
    validation.validate_training(alone)
