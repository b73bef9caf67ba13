"""Files that appear whole, whatever the system."""

import ast
import errno
import hashlib
import os
import stat

import pytest

from freqjax import UserError
from freqjax.system import files
from tests.root import ROOT

# Receivers of `open` and `write_text` that are no paths: they hold bytes, or fix the encoding themselves.
_NO_PATHS = ("archive", "files", "_file", "tarfile")


def calls_without_encoding(path):
    """List the lines of a module that open text in the system's own encoding."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = getattr(called, "attr", getattr(called, "id", None))
        value = getattr(called, "value", None)
        owner = getattr(value, "id", getattr(value, "attr", None))
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


def test_nobody_can_foresee_the_temporary_name(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    seen = []
    for name in ("a", "b"):
        with files.replacing(tmp_path / name) as file:
            seen += [path.name for path in tmp_path.glob(f".{name}.*")]
            file.write(b"1")
    assert len(seen) == 2
    assert seen[0][3:] != seen[1][3:]
    # Were it foreseen, a link in its place would not be followed.
    monkeypatch.setattr(files, "temporary_name", lambda name: ".foreseen")
    (tmp_path / ".foreseen").symlink_to(victim)
    with pytest.raises(FileExistsError):
        files.write_text(tmp_path / "c", "1")
    assert victim.read_bytes() == b"precious"


def test_a_new_file_appears_whole_and_takes_no_place(tmp_path, monkeypatch):
    goal = tmp_path / "new"
    with files.creating(goal) as file:
        file.write(b"12")
        assert not goal.exists()
    assert goal.read_bytes() == b"12"
    with pytest.raises(FileExistsError, match="new"), files.creating(goal) as file:
        file.write(b"other")
    for links in (True, False):  # a file system without hard links
        late = tmp_path / f"late-{links}"
        if not links:
            monkeypatch.delattr(os, "link")
        with pytest.raises(FileExistsError, match="late"), files.creating(late) as file:
            late.write_bytes(b"another was quicker")
        assert late.read_bytes() == b"another was quicker"
    with files.creating(tmp_path / "last") as file:
        file.write(b"3")
    assert sorted(os.listdir(tmp_path)) == ["last", "late-False", "late-True", "new"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system has no limits")
def test_what_is_too_large_is_named_and_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    found = []
    for write in (files.replacing, files.creating):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with (
                pytest.raises(OSError, match="File too large") as caught,
                write(tmp_path / "a") as file,
            ):
                file.write(bytes(100_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        found.append((caught.value.filename, files.reason(caught.value)))
    assert [name for name, _ in found] == [str(tmp_path / "a")] * 2
    assert "ulimit -f" in found[0][1]
    assert os.listdir(tmp_path) == []


def test_reasons_are_words():
    said = [
        files.reason(OSError(code, "as the system has it")) for code in (errno.ENOSPC, errno.EIO)
    ]
    assert said == ["the disk is full", "as the system has it"]
    assert files.reason(OSError("one of another library.")) == "one of another library"
    assert files.reason(OSError()) == "OSError"


def test_a_long_name_has_room_for_a_temporary_one(tmp_path):
    files.write_text(tmp_path / ("é" * 120), "1")
    assert len(os.listdir(tmp_path)) == 1


def test_hashes(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert files.file_hash(tmp_path / "a") == hashlib.sha256(b"x" * 3_000_000).hexdigest()
