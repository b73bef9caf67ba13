"""The folder of a run: who gets one, what is swept up in it, and links that are not followed."""

import os
import threading

import pytest

from freqjax.errors import UserError
from freqjax.main import main
from freqjax.run import workdir
from freqjax.run.workdir import Workdir


def test_runs_that_start_in_the_same_second_have_folders_of_their_own(tmp_path):
    found, together = [], threading.Barrier(8)

    def start():
        together.wait()
        with workdir.fresh(tmp_path / "runs") as folder:
            (folder / "config.json").write_text("")
            found.append(folder)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8 and all(folder.is_dir() for folder in found)


def test_a_fresh_folder_that_nothing_was_written_to_goes_away(tmp_path):
    with pytest.raises(UserError), workdir.fresh(tmp_path / "runs") as folder:
        assert folder.is_dir()
        raise UserError("bad data.")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs").mkdir()
    with workdir.fresh(tmp_path / "runs"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]  # it was there before


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match="runs: it is a file"), workdir.fresh(tmp_path / "runs"):
        pass


def test_a_command_that_fails_leaves_no_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [
        "--config",
        "quick",
        "--config.task.noise=fixed",
        "--config.task.train_path=absent.npz",
    ]
    assert main(words) == 2
    assert "absent.npz" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_is_swept_up_when_the_folder_is_claimed(tmp_path):
    ours = (".summary.json.4711", ".CARD.md.12", ".report.md.0123456789abcdef", ".sweep.csv.12")
    for name in (*ours, "config.json", ".notes.txt.4711"):
        (tmp_path / name).write_text("{}")
    with Workdir(tmp_path, resume=True):
        assert sorted(os.listdir(tmp_path)) == [".lock", ".notes.txt.4711", "config.json"]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_lock_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / ".lock").symlink_to(tmp_path / "victim")
    for claim in (lambda folder: Workdir(folder, resume=False), workdir.make):
        with pytest.raises(UserError, match=r"its \.lock is a link"):
            claim(tmp_path / "work")
    assert not (tmp_path / "victim").exists()


def test_control_characters_of_a_path_are_shown_as_escapes(tmp_path):
    path = tmp_path / "a\x1b[31m"
    path.write_text("")
    with pytest.raises(UserError, match=r"a\\x1b\[31m: it is a file") as caught:
        Workdir(path, resume=False)
    assert "\x1b" not in str(caught.value)
