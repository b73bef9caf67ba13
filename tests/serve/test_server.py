"""The server of runs: what it lists, what it sends of a run that trains, and what it never gives away."""

import http.client
import json
import os
import time

import numpy as np
import pytest

from freqjax.config import sections as configs
from freqjax.errors import UserError
from freqjax.main import main
from freqjax.run.workdir import Workdir
from freqjax.serve import listing, live
from freqjax.serve.server import Server
from freqjax.tasks import Batch
from freqjax.training.prepared import Prepared
from tests.twins import tiny_config

pytest.importorskip("bokeh", reason="Bokeh is not installed")

HOSTILE = "<img src=x onerror=alert(1)>'\"&"


def row(epoch: int, frozen: float | None = 0.25) -> dict:
    return {
        "epoch": epoch,
        "step": 10 * epoch,
        "loss": 0.5,
        "loss_per_frequency": [0.4, 0.6],
        "frozen_mse": frozen,
        "frozen_mse_per_frequency": [frozen, frozen],
        "seconds": 0.1,
        "alerts": [],
    }


def add(folder, *rows):
    with (folder / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in rows)


@pytest.fixture
def root(tmp_path):
    """A finished run, one that trains and has a hostile name, and a secret beside the root."""
    found = tmp_path / "runs"
    for name in ("finished", HOSTILE):
        (found / name).mkdir(parents=True)
        (found / name / "config.json").write_text(json.dumps(configs.to_dict(tiny_config())))
        add(found / name, row(1), row(2, frozen=None))
    ended = {"score": 0.125, "score_name": "MSE", "epochs": 2, "stop_reason": "epochs_done"}
    (found / "finished" / "summary.json").write_text(json.dumps(ended))
    (found / "finished" / "page.html").write_text("<p>the page of the run</p>")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "config.json").write_text("{}")
    (tmp_path / "secret" / "page.html").write_text("secret")
    os.symlink(tmp_path / "secret", found / "link")
    return found


def get(server, path, method="GET", host=None):
    """Ask for a path as it stands, and return status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    headers = {} if host is None else {"Host": host}
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def quoted(name):
    from urllib.parse import quote

    return quote(name, safe="")


def test_the_list_has_every_run_with_its_state(root, server):
    status, text = get(server, "/")
    assert status == 200
    assert "finished" in text and "MSE 0.1250" in text and "trains" in text
    found = {run.place: run for run in listing.runs_in(root)}
    assert set(found) == {"finished", HOSTILE}
    assert found[HOSTILE].state == "trains" and found[HOSTILE].epochs == "2"
    old = time.time() - 3600
    for path in (root / HOSTILE).iterdir():
        os.utime(path, (old, old))
    assert listing.state_of(root / HOSTILE) == "stopped"


def test_a_run_trains_while_a_process_has_its_folder(root, monkeypatch):
    """Also where an epoch takes long, and where a signal ended it before; its page is told of no end."""
    monkeypatch.setattr(live, "_ALIVE", 0.0)
    folder, old = root / HOSTILE, time.time() - 3600
    with Workdir(folder, resume=True) as claimed:
        for summary in (None, {"stop_reason": "interrupted", "epochs": 2}):
            if summary is not None:
                claimed.write_json("summary.json", summary)
            for path in folder.iterdir():
                os.utime(path, (old, old))
            assert listing.state_of(folder) == "trains"
            sent = live.events(folder, lambda: False)
            assert next(sent).startswith(b"event: losses")
            assert next(sent) == b": still here\n\n"
    assert listing.state_of(folder) == "stopped"
    (run,) = [run for run in listing.runs_in(root) if run.place == HOSTILE]
    assert (run.state, run.score, run.epochs) == ("stopped", "", "2")


def test_hostile_names_are_escaped_and_their_runs_are_found(server):
    text = get(server, "/")[1]
    assert HOSTILE not in text and "<img" not in text and "&lt;img" in text
    status, page = get(server, f"/runs/{quoted(HOSTILE)}")
    assert status == 200 and "<img src=x" not in page


def test_a_finished_run_has_its_own_page(server):
    assert get(server, "/runs/finished") == (200, "<p>the page of the run</p>")


@pytest.mark.parametrize(
    "path",
    [
        "/runs/../secret",
        "/runs/..%2fsecret",
        "/runs/%2e%2e/secret",
        "/runs/finished/../../secret",
        "/runs//etc",
        "/runs/link",
        "/events/link",
        "/runs/%00",
        "/runs/" + 5000 * "a",
        "/runs/finished/page.html",
        "/other/finished",
        "/page.html",
    ],
)
def test_nothing_outside_the_folder_is_given_away(server, path):
    status, text = get(server, path)
    assert status == 404 and "secret" not in text


def test_only_this_machine_is_answered_and_nothing_is_written(server):
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/", host="elsewhere.example")[0] == 403
    assert get(server, "/", host=f"localhost:{server.server_address[1]}")[0] == 200
    for method in ("POST", "PUT", "DELETE"):
        assert get(server, "/runs/finished", method=method)[0] == 501


def test_new_rows_are_sent_once_and_a_cut_file_is_sent_whole(root):
    folder = root / HOSTILE
    tail = live.Tail(folder / "metrics.jsonl")
    assert [r["epoch"] for r in tail.new_rows()] == [1, 2]
    assert tail.new_rows() == []
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row(3))[:20])
        file.flush()
        assert tail.new_rows() == []
        file.write(json.dumps(row(3))[20:] + "\nnot a row\n")
    assert [r["epoch"] for r in tail.new_rows()] == [3]
    (folder / "metrics.jsonl").write_text(json.dumps(row(1)) + "\n")
    assert [r["epoch"] for r in tail.new_rows()] == [1] and tail.began_again


def test_events_are_the_losses_then_what_is_new_then_the_end(root):
    folder = root / HOSTILE
    found = live.events(folder, lambda: False)

    def following():
        name, data = next(found).decode().removesuffix("\n\n").split("\n")
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    name, columns = following()
    assert name == "losses" and columns["x"] == [10, 20] and columns["frozen"] == [0.25, None]
    add(folder, row(3, frozen=0.125))
    name, columns = following()
    assert name == "more" and columns["frozen 1"] == [0.125] and columns["epoch"] == [3]
    (folder / "summary.json").write_text(json.dumps({"stop_reason": "epochs_done"}))
    assert following() == ("end", {"page": False})
    assert next(found, None) is None


def test_outputs_of_a_run_that_trains_are_sent(root):
    from freqjax.page import snapshots

    folder, prepared = root / HOSTILE, Prepared(tiny_config())
    recorder = snapshots.Recorder(prepared, folder)
    recorder.after(1, prepared.initial_params())
    found = live.events(folder, lambda: False)
    next(found)
    name, data = next(found).decode().split("\n")[:2]
    kept = snapshots.read(folder)
    assert kept is not None and name == "event: outputs"
    assert json.loads(data.removeprefix("data: "))["integers"] == kept.integers[0].tolist()
    page = live.page_of(folder, "/events/x")
    assert all(group in page for group in prepared.task.group_names)


def test_outputs_are_called_by_their_groups_where_an_earlier_one_has_no_test_rows(root):
    from freqjax.page import snapshots

    folder, prepared = root / HOSTILE, Prepared(tiny_config())
    batch = prepared.batches["test"]
    own = np.asarray(batch.group) == 1
    inputs = {name: np.asarray(values)[own] for name, values in batch.inputs.items()}
    targets = np.asarray(batch.targets)[own]
    prepared.batches["test"] = Batch(inputs, targets, np.asarray(batch.group)[own])
    snapshots.Recorder(prepared, folder).after(1, prepared.initial_params())
    kept = snapshots.read(folder)
    assert kept is not None and kept.groups.tolist() == [1]
    (trace,) = live._traces(kept, prepared.task)
    assert trace.name == prepared.task.group_names[1]


def test_a_folder_that_is_none_and_a_port_that_is_taken_are_refused(tmp_path, server):
    with pytest.raises(UserError, match=r"--workdir is .*: it must be a folder of runs"):
        Server(tmp_path / "nothing", 0)
    with pytest.raises(UserError, match=r"--port is .*: it must be one that is free"):
        Server(tmp_path, server.server_address[1])


@pytest.mark.parametrize("port", ["-1", "65536", "eighty"])
def test_a_port_that_is_no_number_is_refused(tmp_path, capsys, port):
    assert main(["--mode", "serve", "--workdir", str(tmp_path), f"--port={port}"]) == 2
    assert "--port is" in capsys.readouterr().err
