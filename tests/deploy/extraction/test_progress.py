"""Progress of an extraction: a line now and then, with the time left where the length is known."""

from freqjax.deploy.extraction import progress


def test_lines_come_every_ten_seconds_with_the_time_left(monkeypatch):
    now, lines = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    known = progress.Progress("extracting", 1000, lines.append)
    for second in range(1, 31):
        now[0] = float(second)
        known.note(10 * second)
    assert lines == [
        "extracting: 3%, about 2 min left",
        "extracting: 13%, about 87 s left",
        "extracting: 23%, about 77 s left",
    ]


def test_of_unknown_length_the_samples_are_said_and_off_a_terminal_nothing(monkeypatch):
    now, lines = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    unknown = progress.Progress("extracting", None, lines.append)
    silent = progress.Progress("extracting", 10, None)
    now[0] = 5.0
    unknown.note(12_345)
    silent.note(5)
    assert lines == ["extracting: 12,345 samples"]
