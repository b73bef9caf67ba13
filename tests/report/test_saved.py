"""summary.json: whatever changes in it is noticed, and older ones are read."""

import json
import random

import pytest

from freqjax.report import saved

VALUES = {
    "parameters": 70,
    "initializer": "pytorch",
    "weights": "best",
    "test": {"mse": 0.123456, "mse_per_frequency": [0.1, None]},
    "epochs": 4,
    "updates": 160,
    "wall_seconds": 1.5,
    "stop_reason": "epochs_done",
    "device": "cpu",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "summary.json"


def test_a_summary_comes_back_as_it_was(path):
    assert saved.read(path, pytest.fail) is None
    saved.write(path, VALUES)
    assert saved.read(path, pytest.fail) == VALUES
    found = json.loads(path.read_text())
    assert len(found.pop("sha256")) == 64 and found == VALUES


def test_a_summary_without_a_checksum_is_read(path):
    path.write_text(json.dumps(VALUES))
    assert saved.read(path, pytest.fail) == VALUES


def test_every_changed_digit_is_told(path):
    saved.write(path, VALUES)
    whole, moments = path.read_text(), random.Random(0)
    name = whole.index("sha256")  # where a change costs the proof, and none of the values
    digits = [
        n for n, sign in enumerate(whole) if sign.isdigit() and n not in range(name, name + 6)
    ]
    for at in moments.sample(digits, 40):
        other = moments.choice([digit for digit in "123456789" if digit != whole[at]])
        path.write_text(whole[:at] + other + whole[at + 1 :])
        said = []
        assert saved.read(path, said.append) is None, whole[at - 20 : at + 20]
        assert len(said) == 1 and said[0].startswith(f"{path} is damaged: ")
        assert said[0].endswith("; what it says is found anew.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "it must hold an object of JSON"),
        ("{", "it is not JSON"),
        ("[" * 10**5, "it is nested too deep"),
        ("{}", "it has no parameters"),
        (json.dumps({**VALUES, "epochs": "4"}), "its epochs is of the wrong kind"),
        (json.dumps({**VALUES, "sha256": 5}), "its checksum does not fit what it holds"),
    ],
)
def test_what_is_no_summary_is_told(path, text, reason):
    path.write_text(text)
    said = []
    assert saved.read(path, said.append) is None
    assert len(said) == 1 and reason in said[0]
