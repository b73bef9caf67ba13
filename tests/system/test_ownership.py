"""Who can change a file, as owners and modes tell."""

import os

import pytest

from freqjax.system import ownership


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system does not tell owners")
def test_whose_a_file_is(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"1")
    for mode, private in ((0o600, True), (0o755, True), (0o620, False), (0o602, False)):
        path.chmod(mode)
        assert (ownership.fault(path) is None) == private
    assert "can be written by others" in (ownership.fault(path) or "")
    path.chmod(0o600)
    other = path.stat().st_uid + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    assert ownership.fault(path) == "belongs to another user"
    with pytest.raises(FileNotFoundError):
        ownership.fault(tmp_path / "none")


def test_a_system_that_does_not_tell_finds_no_fault(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "getuid", raising=False)
    tmp_path.chmod(0o777)
    assert ownership.fault(tmp_path) is None
