"""Files that appear whole, whatever the system."""

import ast
import hashlib
import os
import stat

import pytest

from freqjax import UserError
from freqjax.system import files
from tests.root import ROOT

# Receivers of `open` and `write_text` that are no paths: they hold bytes, or fix the encoding themselves.
_NO_PATHS = ("archive", "files")


def calls_without_encoding(path):
    """List the lines of a module that open text in the system's own encoding."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = getattr(called, "attr", getattr(called, "id", None))
        owner = getattr(getattr(called, "value", None), "id", None)
        if name not in ("open", "read_text", "write_text") or owner in (*_NO_PATHS, "os"):
            continue
        if name == "write_text" and isinstance(called, ast.Name):
            continue  # that of freqjax.system.files
        modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
        binary = name == "open" and any("b" in m for m in modes if isinstance(m, str))
        if not binary and not any(keyword.arg == "encoding" for keyword in node.keywords):
            found.append(node.lineno)
    return found


def test_text_is_never_read_or_written_in_the_systems_own_encoding():
    # On Windows that is not UTF-8.
    paths = sorted((ROOT / "freqjax").rglob("*.py"))
    assert len(paths) > 50
    found = {str(path.relative_to(ROOT)): calls_without_encoding(path) for path in paths}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_text_is_the_same_bytes_everywhere(tmp_path):
    files.write_text(tmp_path / "a", "σ\nθ\n")
    assert (tmp_path / "a").read_bytes() == b"\xcf\x83\n\xce\xb8\n"
    assert os.listdir(tmp_path) == ["a"]


def test_json_comes_back_and_damage_is_named(tmp_path):
    files.write_json(tmp_path / "a.json", {"σ": [1, None]})
    assert files.read_json(tmp_path / "a.json") == {"σ": [1, None]}
    assert files.read_json(tmp_path / "none.json") is None
    for damage in (b"{", b"\xff\xfe", b"[" * 10**5):
        (tmp_path / "a.json").write_bytes(damage)
        with pytest.raises(UserError, match=r"a\.json is damaged: it is not JSON"):
            files.read_json(tmp_path / "a.json")


def test_json_of_another_kind_is_named(tmp_path):
    files.write_json(tmp_path / "a.json", [1])
    assert files.read_json(tmp_path / "a.json", list) == [1]
    with pytest.raises(UserError, match=r"a\.json is damaged: it must hold an object of JSON"):
        files.read_json(tmp_path / "a.json")
    files.write_json(tmp_path / "a.json", {})
    with pytest.raises(UserError, match=r"a\.json is damaged: it must hold a list of JSON"):
        files.read_json(tmp_path / "a.json", list)


def test_what_fails_leaves_the_old_file(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(RuntimeError), files.replacing(tmp_path / "a") as file:
        file.write(b"new")
        raise RuntimeError
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_that_others_have_open_is_tried_again(tmp_path, monkeypatch):
    tries, original = [], os.replace

    def refusing(source, goal):
        tries.append(goal)
        if len(tries) < 3:
            raise PermissionError(13, "in use")
        original(source, goal)

    monkeypatch.setattr(os, "replace", refusing)
    monkeypatch.setattr(files, "_WAITS", (0, 0, 0))
    files.write_text(tmp_path / "a", "1")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "1"
    tries.clear()
    monkeypatch.setattr(files, "_WAITS", ())
    with pytest.raises(PermissionError):
        files.write_text(tmp_path / "b", "1")
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_that_cannot_be_opened_is_not_forced(tmp_path, monkeypatch):
    forced, original = [], os.open
    (tmp_path / "a").write_bytes(b"1")

    def as_on_windows(path, flags, *rest, **named):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied")
        return original(path, flags, *rest, **named)

    monkeypatch.setattr(os, "fsync", lambda descriptor: forced.append(os.fstat(descriptor)))
    files.sync(tmp_path)
    monkeypatch.setattr(os, "open", as_on_windows)
    files.sync(tmp_path)
    files.sync(tmp_path / "a")
    assert [stat.S_ISDIR(state.st_mode) for state in forced] == [True, False]
    with pytest.raises(FileNotFoundError):
        files.sync(tmp_path / "none")


def test_whose_a_file_is(tmp_path, monkeypatch):
    assert files.is_own(tmp_path)
    if hasattr(os, "getuid"):
        other = tmp_path.stat().st_uid + 1
        monkeypatch.setattr(os, "getuid", lambda: other)
        assert not files.is_own(tmp_path)
    monkeypatch.delattr(os, "getuid", raising=False)
    assert files.is_own(tmp_path)


def test_hashes(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert files.file_hash(tmp_path / "a") == hashlib.sha256(b"x" * 3_000_000).hexdigest()
