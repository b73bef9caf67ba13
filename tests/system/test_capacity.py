"""What memory a process may use, and what is refused for it."""

import os
import subprocess
import sys

import pytest

from freqjax import UserError
from freqjax.system import capacity
from freqjax.system.capacity import Need
from tests.root import ROOT


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Stand-ins for the files of Linux; a machine of 100 bytes."""
    monkeypatch.setattr(capacity, "_GROUPS", tmp_path)
    monkeypatch.setattr(capacity, "_OWN_GROUPS", tmp_path / "self")
    monkeypatch.setattr(capacity, "_machine", lambda: 100)
    monkeypatch.setattr(capacity, "_address_space", lambda: None)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "files", "room"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "70"}, 70),
        ("0::/a/b\n", {"a/b/memory.max": "60", "a/memory.max": "70", "memory.max": "65"}, 60),
        ("0::/\n", {"memory.max": "50"}, 50),
        ("0::/gone\n", {}, 100),
        ("4:memory:/a\n3:cpu:/\n", {"memory/a/memory.limit_in_bytes": "40"}, 40),
        ("4:memory:/a\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, 100),
    ],
)
def test_the_least_limit_counts(groups, names, files, room):
    (groups / "self").write_text(names)
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text)
    assert capacity.available() == room


@pytest.mark.usefixtures("groups")
def test_a_system_without_groups_has_the_machine():
    assert capacity.available() == 100


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold programs to it")
def test_the_address_space_counts():
    code = (
        "import resource\nfrom freqjax.system import capacity\n"
        "before = capacity._address_space()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))\n"
        "print(before, capacity._address_space())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, found = done.stdout.split()
    assert before == "None"
    assert 3 * 2**30 < int(found) < 4 * 2**30


def test_what_fits_is_let_pass_and_the_largest_need_is_named(monkeypatch):
    needs = [Need("a is 1", "the rows", 3e9), Need("b is 2", "the weights", 4e9)]
    for room in (7 * 10**9, None):
        monkeypatch.setattr(capacity, "available", lambda room=room: room)
        capacity.require(needs)
    monkeypatch.setattr(capacity, "available", lambda: 7 * 10**9 - 1)
    with pytest.raises(UserError) as error:
        capacity.require(needs)
    assert str(error.value) == (
        "b is 2: the weights need at least 4 GB of memory, and this process may use 7 GB; "
        "a lower value needs less."
    )
