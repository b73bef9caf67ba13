"""Base configs of the modes: noise where the command line names a file of rows."""

import pytest

from freqjax import UserError
from freqjax.config import overrides, validation
from freqjax.modes import bases

_PATH = ("task.train_path", "rows.npz")


def base(*given, config="quick"):
    flags = {"config": config, "resume": False, "workdir": None}
    flags |= dict.fromkeys(("recipe", "hz", "rate"))
    return overrides.apply(bases.of_run(flags, given), given)


def test_fresh_noise_becomes_fixed_where_rows_come_from_a_file(capsys):
    assert base().task.noise == "fresh"
    assert capsys.readouterr().err == ""
    config = base(_PATH)
    assert config.task.noise == "fixed"
    validation.validate_training(config)
    error = capsys.readouterr().err
    assert "task.noise is fixed, not fresh, since rows of a file cannot be drawn anew." in error


def test_what_the_command_line_says_itself_is_not_changed(capsys):
    given = (_PATH, ("task.noise", "fresh"))
    with pytest.raises(UserError, match=r"task\.noise is fresh: it must be fixed"):
        validation.validate_training(base(*given))
    base(_PATH, ("task.noise", "fixed"))
    base(_PATH, config="original_a")
    assert capsys.readouterr().err == ""
