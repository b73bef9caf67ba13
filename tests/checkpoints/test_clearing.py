"""Sweeping up removes what the store wrote, and nothing else."""

import os

import pytest

from freqjax.checkpoints import clearing, manifests
from freqjax.checkpoints.store import CheckpointStore
from tests.checkpoints.checkpoint_victim import state_at

STRANGERS = (
    "trash/mine/photo.png",
    "trash/2024/photo.png",
    "unfinished-thesis/1/chapter.tex",
    "unfinished-chapters/1/chapter.tex",
    "unfinished-abcdefgh/notes.txt",
    "2024/photo.png",
    "manifests/app.json",
    "manifests/.app.json.0123456789abcdef",
)


def write(folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a stranger's")


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_files_of_strangers_stay(tmp_path):
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    for name in STRANGERS:
        write(elsewhere, name)
    run.mkdir()
    (run / "checkpoints").symlink_to(elsewhere)
    with CheckpointStore(run / "checkpoints", warn=lambda _: None) as store:
        for step in (1, 2, 3, 4):
            store.save(step, *state_at(step), {}, metric=-step)
        store.discard_after(3)
    assert set(STRANGERS) <= files_in(elsewhere)
    assert sorted(manifests.steps(elsewhere)) == [3, 2024]


@pytest.mark.parametrize("place", ["trash", "trash-ab12_xyz", "unfinished-ab12_xyz"])
@pytest.mark.parametrize("step", ["7", "7.orbax-checkpoint-tmp"])
def test_what_was_on_its_way_is_swept_up(tmp_path, place, step):
    for name in ("params/d/1", "meta/metadata", "_CHECKPOINT_METADATA", "commit_success.txt"):
        write(tmp_path, f"{place}/{step}/{name}")
    CheckpointStore(tmp_path, warn=pytest.fail).close()
    assert [path.name for path in tmp_path.iterdir()] == ["manifests"]


def test_what_is_a_strangers_stays_beside_what_is_swept_up(tmp_path):
    write(tmp_path, "trash/7/params/d/1")
    write(tmp_path, "trash/notes.txt")
    CheckpointStore(tmp_path, warn=pytest.fail).close()
    assert files_in(tmp_path) == {"trash/notes.txt"}


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_links_are_not_followed(tmp_path):
    write(tmp_path, "elsewhere/7/params/1")
    store = tmp_path / "store"
    store.mkdir()
    (store / "trash").symlink_to(tmp_path / "elsewhere")
    (store / "unfinished-ab12_xyz").mkdir()
    (store / "unfinished-ab12_xyz" / "7").symlink_to(tmp_path / "elsewhere" / "7")
    CheckpointStore(store, warn=pytest.fail).close()
    assert files_in(tmp_path / "elsewhere") == {"7/params/1"}


def test_half_written_manifests_and_orphans_are_swept_up(tmp_path):
    for name in (".3.json.0123456789abcdef", "4.tmp", "5.json"):
        write(tmp_path, f"manifests/{name}")
    clearing.sweep(tmp_path)
    assert files_in(tmp_path) == set()
