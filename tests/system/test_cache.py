"""The cache: its folder, and which of its results are used."""

import json
import os
import sys
from pathlib import Path

import pytest

from freqjax import UserError
from freqjax.native import library
from freqjax.system import cache

_PLACES = ("FREQJAX_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA")


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in _PLACES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("system", "place"),
    [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "Local")],
)
def test_where_the_folder_is(home, monkeypatch, system, place):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv("LOCALAPPDATA", str(home / "Local"))
    assert cache.folder() == home / place / "freqjax"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    assert cache.folder() == home / "xdg" / "freqjax"
    monkeypatch.setenv("FREQJAX_CACHE", str(home / "named"))
    assert cache.folder() == home / "named"
    for name in _PLACES:
        monkeypatch.setenv(name, "")
    assert cache.folder() == home / (".cache" if system == "win32" else place) / "freqjax"


def test_without_a_home_answers_are_computed(monkeypatch):
    def homeless(_):
        raise RuntimeError("Could not determine home directory.")

    for name in _PLACES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert cache.cached({"what": "test"}, lambda: {"found": 1}) == {"found": 1}


def test_an_answer_is_computed_once(home, monkeypatch):
    asked = []

    def answer():
        asked.append(1)
        return {"found": len(asked)}

    monkeypatch.setenv("FREQJAX_CACHE", str(home / "cache"))
    assert [cache.cached({"what": 1, "of": (2,)}, answer) for _ in range(3)] == [{"found": 1}] * 3
    assert cache.cached({"what": 2, "of": (2,)}, answer) == {"found": 2}
    assert len(list((home / "cache").iterdir())) == 2
    if os.name == "posix":
        assert (home / "cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system does not tell owners")
def test_what_belongs_to_another_user_is_not_believed(home, monkeypatch, capsys):
    monkeypatch.setenv("FREQJAX_CACHE", str(home))
    cache.cached({"what": "test"}, lambda: {"found": "planted"})
    (path,) = home.iterdir()
    assert json.loads(path.read_text(encoding="utf-8"))["answer"] == {"found": "planted"}
    library.path().write_bytes(b"a library")
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    for _ in range(2):
        assert cache.cached({"what": "test"}, lambda: {"found": "own"}) == {"found": "own"}
    said = capsys.readouterr().err
    assert said == f"freqjax: {path} belongs to another user: it is not used as a cache.\n" + (
        f"freqjax: {home} belongs to another user: it is not used as a cache.\n"
    )
    with pytest.raises(UserError, match=r"native-.*\.so belongs to another user"):
        library.load.__wrapped__()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system does not tell modes")
def test_what_others_can_write_is_neither_read_nor_run(home, monkeypatch, capsys):
    monkeypatch.setenv("FREQJAX_CACHE", str(home))
    cache.cached({"what": "shared"}, lambda: {"found": "planted"})
    place = library.path()
    place.write_bytes(b"a library")
    home.chmod(0o777)
    assert cache.cached({"what": "shared"}, lambda: {"found": "own"}) == {"found": "own"}
    assert f"{home} can be written by others" in capsys.readouterr().err
    for act in (library.load.__wrapped__, library.build):
        with pytest.raises(UserError, match=r"can be written by others .* FREQJAX_CACHE"):
            act()
    home.chmod(0o700)
    assert cache.cached({"what": "shared"}, dict) == {"found": "planted"}
    place.chmod(0o666)
    with pytest.raises(UserError, match=r"native-.*\.so can be written by others"):
        library.load.__wrapped__()


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept | {"answer": {"found": 7}},
        lambda kept: kept | {"answer": None},
        lambda kept: kept | {"question": {"what": "another"}},
        lambda kept: {"question": kept["question"], "answer": kept["answer"]},
        lambda kept: [],
        lambda kept: None,
    ],
)
def test_an_answer_that_was_changed_is_computed_again(home, monkeypatch, change):
    monkeypatch.setenv("FREQJAX_CACHE", str(home))
    cache.cached({"what": "test"}, lambda: {"found": 1})
    (path,) = home.iterdir()
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    assert cache.cached({"what": "test"}, lambda: {"found": 2}) == {"found": 2}
    assert cache.cached({"what": "test"}, lambda: {"found": 3}) == {"found": 2}


def test_an_answer_that_does_not_fit_is_computed_again(home, monkeypatch):
    monkeypatch.setenv("FREQJAX_CACHE", str(home))
    cache.cached({"what": "test"}, lambda: {"found": [1, 2]})
    for fits in (lambda kept: len(kept["found"]) == 3, lambda kept: kept["other"] == 3):
        assert cache.cached({"what": "test"}, lambda: {"found": "new"}, fits) == {"found": "new"}
