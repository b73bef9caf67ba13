"""Event files for TensorBoard: read back record by record, they hold what metrics.jsonl has."""

import json
import struct
from typing import Any

import pytest

import freqjax
from freqjax.main import main
from freqjax.report import tensorboard
from tests.twins import tiny_config

pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")


def events_below(folder):
    """Yield the events of all files below a folder, by the framing of TFRecord."""
    from tensorboardX.proto import event_pb2

    messages: Any = event_pb2  # made when it is imported

    for path in sorted(folder.rglob("events.out.tfevents.*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            yield messages.Event.FromString(data[place + 12 : place + 12 + length])
            place += 12 + length + 4


def scalars_below(folder):
    return {
        (value.tag, event.step): value.simple_value
        for event in events_below(folder)
        for value in event.summary.value
        if value.WhichOneof("value") == "simple_value"
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a run, and the rows that `on_row` was called with."""
    folder, seen = tmp_path_factory.mktemp("board") / "run", []
    board = freqjax.TensorBoard(folder.parent / "live", ("one", "three"))

    def on_row(row):
        seen.append(row)
        board(row)

    config = tiny_config(train={"epochs": 3, "diagnose": False})
    freqjax.train(config, folder, say=lambda line: None, on_row=on_row)
    board.close()
    return folder, seen


def test_on_row_is_called_with_each_row_as_it_is_written(run):
    folder, seen = run
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    written = [json.loads(line) for line in lines]
    for row in written:
        del row["crc32"]
    assert seen == written and len(seen) == 3


def test_what_on_row_raises_ends_the_training(tmp_path):
    def on_row(row):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        freqjax.train(tiny_config(), tmp_path / "run", say=lambda line: None, on_row=on_row)


def test_event_files_hold_every_number_of_every_row(run):
    folder, seen = run
    found = scalars_below(folder.parent / "live")
    for row in seen:
        step = row["step"]
        assert found["loss", step] == pytest.approx(row["loss"])
        for name, loss in zip(("one", "three"), row["loss_per_frequency"], strict=True):
            assert found[f"loss_per_frequency/{name}", step] == pytest.approx(loss)
        for layer, norm in row["grad_norm_per_layer"].items():
            tag = f"grad_norm_per_layer/{layer.replace('/', '.')}"
            assert found[tag, step] == pytest.approx(norm)


def test_values_that_are_no_finite_numbers_are_left_out():
    row = {"step": 1, "epoch": 1, "loss": None, "lr": float("nan"), "alerts": [], "gain": 2.0}
    assert list(tensorboard.scalars(row)) == [("gain", 2.0)]


def test_a_finished_run_is_converted_with_its_figures_and_its_config(run, capsys):
    folder, seen = run
    assert main(["--mode", "tensorboard", "--workdir", str(folder)]) == 0
    assert "tensorboard --logdir" in capsys.readouterr().out
    place = folder / tensorboard.NAME
    assert scalars_below(place)["loss", seen[-1]["step"]] == pytest.approx(seen[-1]["loss"])
    values = [value for event in events_below(place) for value in event.summary.value]
    images = {v.tag for v in values if v.WhichOneof("value") == "image"}
    assert {path.stem for path in (folder / "figures").glob("*.png")} == images
    hparams = [v for v in values if v.metadata.plugin_data.plugin_name == "hparams"]
    assert any(b"optimizer.learning_rate" in v.metadata.plugin_data.content for v in hparams)


def test_a_sweep_has_a_folder_for_each_replica(tmp_path):
    folder = tmp_path / "sweep"
    config = tiny_config(train={"epochs": 2}, sweep={"axes": {"train.seed": (0, 1)}})
    path = tmp_path / "config.json"
    from freqjax.config import sections

    path.write_text(json.dumps(sections.to_dict(config)))
    words = ["--mode", "sweep", "--config", str(path), "--workdir", str(folder), "--no-figures"]
    assert main(words) == 0
    assert main(["--mode", "tensorboard", "--workdir", str(folder)]) == 0
    for replica in (0, 1):
        place = folder / tensorboard.NAME / f"replica_{replica}"
        assert any(tag == "loss" for tag, _ in scalars_below(place))
        values = [v for event in events_below(place) for v in event.summary.value]
        plugin = [v.metadata.plugin_data.content for v in values]
        assert any(b"train.seed" in content for content in plugin)


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert main(["--mode", "tensorboard", "--workdir", str(tmp_path)]) == 2
    assert "it must be the folder of a run or a sweep" in capsys.readouterr().err
    assert main(["--mode", "tensorboard"]) == 2
