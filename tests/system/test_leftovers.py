"""Temporary files: nobody can foresee their names, and what a kill left of them is removed."""

import os
import time

import pytest

from freqjax.run import workdir
from freqjax.system import files, leftovers


def test_a_temporary_is_a_new_file_beside_its_goal(tmp_path):
    names = []
    for _ in range(2):
        with files.replacing(tmp_path / "a.json") as file:
            file.write(b"1")
            names += os.listdir(tmp_path)
            (name,) = [n for n in os.listdir(tmp_path) if n != "a.json"]
            assert leftovers.is_temporary(name, of="a.json")
    assert os.listdir(tmp_path) == ["a.json"]
    assert len(set(names)) == 3


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_in_the_place_of_a_temporary_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("before")
    monkeypatch.setattr(files.secrets, "token_hex", lambda n: "0" * 2 * n)
    (tmp_path / files.temporary_name("a.json")).symlink_to(victim)
    with pytest.raises(FileExistsError):
        files.write_json(tmp_path / "a.json", {})
    assert victim.read_text() == "before" and not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    ("name", "of", "is_one"),
    [
        (".a.json.0123456789abcdef", "a.json", True),
        (".a.json.4711", "a.json", True),
        ("." + 40 * "a" + ".0123456789abcdef", 60 * "a" + ".wav", True),
        (".a.json.0123456789abcdef", "b.json", False),
        (".a.json.0123456789abcdeg", "a.json", False),
        (".a.json.", "a.json", False),
        (".a.json.backup", "a.json", False),
        ("a.json", "a.json", False),
        (".a.json", "a.json", False),
    ],
)
def test_names_of_temporaries(name, of, is_one):
    assert leftovers.is_temporary(name, of=of) == is_one


def test_what_a_kill_left_is_removed_and_no_more(tmp_path):
    for name in (
        ".a.json.4711",
        ".a.json.0123456789abcdef",
        ".b.json.4711",
        ".a.json.old",
        "a.json",
    ):
        (tmp_path / name).write_text("")
    (tmp_path / ".a.json.4712").mkdir()
    leftovers.remove_temporaries(tmp_path, ["a.json"])
    assert sorted(os.listdir(tmp_path)) == [".a.json.4712", ".a.json.old", ".b.json.4711", "a.json"]


def age_by(path, seconds):
    """Set the time of the last change of a file back."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_may_still_be_written_stays(tmp_path):
    """A temporary that others may be writing is left over once it has been idle for long."""
    for name, age in ((".a.json.4711", 7200), (".a.json.4712", 60)):
        (tmp_path / name).write_text("")
        age_by(tmp_path / name, age)
    leftovers.remove_temporaries(tmp_path, ["a.json"], idle=3600)
    assert os.listdir(tmp_path) == [".a.json.4712"]


def test_a_mode_without_a_lock_removes_what_a_kill_left_of_its_own_file(tmp_path):
    for name in (".evaluation.json.4711", ".summary.json.4711"):
        (tmp_path / name).write_text("")
        age_by(tmp_path / name, 7200)
    workdir.make(tmp_path, writes=("evaluation.json",))
    assert sorted(os.listdir(tmp_path)) == [".lock", ".summary.json.4711"]
