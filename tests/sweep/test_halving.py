"""Successive halving: its decisions, and that those who go on are as they would be without it."""

import json
import math

import jax
import numpy as np
import pytest

from freqjax import Config, SweepConfig, UserError, sweep
from freqjax.checkpoints.rows import read as read_rows
from freqjax.config import overrides, validation
from freqjax.main import main
from freqjax.run.workdir import Workdir
from freqjax.sweep import figure, halving, lines, program, results, rows
from freqjax.sweep import sweep as sweeping
from freqjax.sweep.axes import buckets, replicas
from freqjax.sweep.halving import Standing
from freqjax.sweep.layout import relieved
from freqjax.sweep.logs import ReplicaLog
from freqjax.sweep.shared import SharedReplicas
from freqjax.sweep.standards import is_solved, names_of
from freqjax.training.prepared import assemble
from tests.twins import tiny_config

# What differs from one training to the next: times.
TIMES = ("seconds", "us", "memory")
EPOCHS = 5


def silent(_line):
    return None


def config_of(factor, axes=None, first=2, **sections) -> Config:
    """Return a sweep with a rung after 2, 4, … epochs of 5; without axes of six replicas in two programs."""
    sections["train"] = {"epochs": EPOCHS, "divergence_factor": None} | sections.get("train", {})
    config = tiny_config(**sections)
    grid = axes or {"train.seed": (0, 1, 2), "network.hidden_size": (4, 9)}
    config.sweep = SweepConfig(axes=grid, halving=factor, first_rung=first)
    return overrides.apply(config, [])


WINDOWS = {
    "train": {"regime": "windows"},
    "windows": {"length": 20, "stride": 20, "batch": 4},
}
SEEDS = {"train.seed": (0, 1, 2)}


def timeless(row):
    return {key: value for key, value in row.items() if not any(part in key for part in TIMES)}


def run(config, folder, *, resume=False, say=silent):
    """Run a sweep; return its sweep.json, and its rows of metrics.jsonl by replica and epoch."""
    assert sweep.run(config, folder, resume=resume, figures=False, say=say) is None
    found = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    rows = read_rows(folder / "metrics.jsonl", pytest.fail)
    return found, {(row["replica"], row["epoch"]): timeless(row) for row in rows}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The sweep of six without halving."""
    return run(config_of(0), tmp_path_factory.mktemp("whole") / "sweep")


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    """The same sweep with it, and its folder."""
    folder = tmp_path_factory.mktemp("halved") / "sweep"
    return *run(config_of(2), folder), folder


def twin(losses, rungs, factor):
    """Yield each rung and who goes on; `losses` [R, epochs] are of whole runs, NaN where one ended."""
    lowest = np.fmin.accumulate(losses, axis=1)
    running = np.arange(len(losses))
    for rung in rungs:
        running = running[np.isfinite(losses[running, rung - 1])]
        order = np.lexsort((running, lowest[running, rung - 1]))
        running = np.sort(running[order[: math.ceil(len(running) / factor)]])
        yield rung, running.tolist()


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_decisions_are_those_of_a_table_of_losses(factor):
    """Ranks by NumPy, with ties and replicas that ended by themselves."""
    rng = np.random.default_rng(factor)
    losses = np.round(rng.uniform(0, 1, (23, 30)), 1)
    for place, end in ((3, 1), (9, 4), (17, 12)):
        losses[place, end:] = np.nan
    rungs = halving.rungs(SweepConfig(halving=factor, first_rung=2), 30)
    assert rungs == [r for r in (2 * factor**k for k in range(9)) if r < 30]
    stopped: set[int] = set()
    for rung, expected in twin(losses, rungs, factor):
        standings = [
            Standing(
                place,
                float(np.nanmin(own[:rung])),
                place not in stopped and not np.isnan(own[rung - 1]),
            )
            for place, own in enumerate(losses)
        ]
        decision = halving.decide(rung, standings, factor)
        assert decision.kept == expected
        stopped |= set(decision.halved)
        running = {s.replica for s in standings if s.trains}
        assert set(decision.kept) | set(decision.halved) == running


def test_what_has_no_loss_is_worst_and_of_equals_the_earlier_goes_on():
    unknown = [Standing(0, None, True), Standing(1, math.nan, True), Standing(2, 0.5, True)]
    assert halving.decide(1, unknown, 2) == (1, [0, 2], [1])
    equal = [Standing(index, 0.5, True) for index in (3, 0, 2, 1)]
    assert halving.decide(1, equal, 4) == (1, [0], [1, 2, 3])
    # Those that ended by themselves are neither kept nor halved, and one alone always goes on.
    ended = [Standing(0, 0.1, False), Standing(1, 0.9, True)]
    assert halving.decide(1, ended, 2) == (1, [1], [])
    assert halving.decide(1, ended[:1], 2) == (1, [], [])
    assert [halving.rungs(SweepConfig(halving=factor), 9) for factor in (0, 1)] == [[], []]


def test_those_that_go_on_have_the_numbers_of_a_sweep_without_halving(whole, halved):
    """Replicas of two programs are compared with each other, and the best of all wins."""
    (before, rows), (after, kept, folder) = whole, halved
    table = np.full((6, EPOCHS), np.nan)
    for (replica, epoch), row in rows.items():
        table[replica, epoch - 1] = row["frozen_mse"]
    expected = list(twin(table, [2, 4], 2))
    assert [(found["epoch"], found["kept"]) for found in after["halving"]] == expected
    (_, first), (_, last) = expected
    for replica in range(6):
        end = EPOCHS if replica in last else 4 if replica in first else 2
        own = {at: row for at, row in kept.items() if at[0] == replica}
        assert own == {(replica, e): rows[replica, e] for e in range(1, end + 1)}
        row = after["rows"][replica]
        assert row["epochs"] == end
        assert row["stop_reason"] == ("epochs_done" if replica in last else "halved")
        if replica in last:
            assert row == before["rows"][replica]
    assert after["best_replica"] in last
    assert json.loads((folder / "halving.json").read_text()) == {"rungs": after["halving"]}


def test_what_was_halved_is_said_and_is_no_winner(halved):
    found, _, _ = halved
    names = names_of(assemble(config_of(2)).task)
    said = "\n".join(results.text(found["rows"], found["aggregates"], found["axes"], names))
    for decision in found["halving"]:
        stopped = ", ".join(map(str, decision["halved"]))
        assert (
            f"halved at epoch {decision['epoch']}: {len(decision['halved'])} (replica {stopped})"
            in said
        )
    count = sum(a.get("halved", 0) for a in found["aggregates"] if a["axis"] == "train.seed")
    assert count == sum(len(decision["halved"]) for decision in found["halving"]) == 4
    # Even with the lowest loss it is not the best, and it is solved only if it was when it stopped.
    lost = next(n for n, row in enumerate(found["rows"]) if results.is_halved(row))
    rows = [dict(row) for row in found["rows"]]
    rows[lost]["train_mse"] = 0.0
    assert results.best_replica(rows, names) == found["best_replica"]
    assert not is_solved(rows[lost], names)
    rows[lost]["worst_test_mse"] = 0.0
    assert is_solved(rows[lost], names)


def test_the_page_says_at_which_epochs_replicas_stopped(halved):
    pytest.importorskip("bokeh", reason="Bokeh is not installed")
    from freqjax.sweep.page import reading, settings
    from freqjax.sweep.page.contents import contents_of

    found, _, folder = halved
    swept = reading.read(folder)
    page = contents_of(swept, settings.settings_of(swept))
    (first, last) = (len(decision["halved"]) for decision in found["halving"])
    assert page["verdict"].endswith(f"The sweep halved {first} at epoch 2, {last} at epoch 4.")
    assert ("halved", f"{first + last} of 6, at epoch 2, 4") in page["facts"]
    assert "means over seeds do not compare settings" in page["means"]
    for row in page["rows"]:
        cells = dict(zip(page["columns"], (cell["text"] for cell in row["cells"]), strict=True))
        own = found["rows"][row["replica"]]
        assert (cells["epochs"], cells["stopped by"]) == (
            f"{own['epochs']}",
            own["stop_reason"].replace("_", " "),
        )


def test_the_figure_has_open_dots_for_those_that_were_halved(halved, monkeypatch, tmp_path):
    found, _, _ = halved
    drawn = []
    monkeypatch.setattr(figure.canvas, "save", lambda made, *_: drawn.append(made) or tmp_path)
    names = names_of(assemble(config_of(2)).task)
    figure.sweep(found["rows"], found["aggregates"], found["axes"], {}, names, tmp_path)
    for panel in drawn[0].axes:
        dots: dict[str, list[float]] = {"none": [], "full": []}
        for line in panel.get_lines():
            if line.get_marker() == "o":
                dots[line.get_fillstyle()] += list(line.get_ydata())
        lost = [row["test_mse"] for row in found["rows"] if row["stop_reason"] == "halved"]
        rest = [row["test_mse"] for row in found["rows"] if row["stop_reason"] != "halved"]
        assert (sorted(dots["none"]), sorted(dots["full"])) == (sorted(lost), sorted(rest))


def test_the_busiest_device_is_relieved():
    """Replicas are spread over devices that skip what has stopped, and dropped from others."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        count, devices = (int(n) for n in rng.integers((1, 1), (20, 6)))
        order = [int(n) for n in rng.permutation(count)]
        active = {n for n in order if rng.uniform() < 0.4}
        part = math.ceil(count / devices)
        best = math.ceil(len(active) / math.ceil(count / part))

        def busiest(those):
            return max(sum(n in active for n in those[s : s + part]) for s in range(0, count, part))  # noqa: B023

        found = relieved(order, active, devices, skips=True)
        if found is None:
            assert busiest(order) == best
        else:
            assert sorted(found) == sorted(order) and best <= busiest(found) < busiest(order)
        found = relieved(order, active, devices, skips=False)
        fewer = math.ceil(len(active) / devices) < part
        assert found == ([n for n in order if n in active] if active and fewer else None)


@pytest.mark.parametrize("skips", [True, False])
def test_replicas_that_are_dropped_leave_the_others_as_they_are(skips):
    """Another order or fewer rows on the devices, and all of them in arrays, records and results."""
    config = config_of(
        0,
        {"train.seed": tuple(range(5))},
        task={"noise": "fresh"},
        train={"regime": "full", "streams": "parallel"},
    )
    (bucket,) = buckets(replicas(config), 1.5)
    one, other = (SharedReplicas(bucket, bucket.replicas, jax.devices()[:2]) for _ in range(2))
    one._program.skips = skips
    for epoch in range(1, 4):
        for members in (one, other):
            while members.advance() is None:
                pass
            if epoch == 2:
                for log in members.logs:
                    if log.replica.index in (2, 3, 4):
                        log.halve()
        if epoch == 2:
            one.drop()
            assert jax.tree.leaves(one._arrays.best)[0].shape[0] == (6 if skips else 2)
            assert one._places == ([0, 2, 4, 1, 3] if skips else [0, 1])
    for a, b in zip(jax.tree.leaves(one.arrays()), jax.tree.leaves(other.arrays()), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.records() == other.records()
    found = one.results()
    assert found == other.results()
    assert [row["epochs"] for row in found] == [3, 3, 2, 2, 2]


OWN_ROWS = {"task.train_seed": (0, 1, 2, 3)}


@pytest.mark.parametrize("skips", [True, False])
def test_a_device_holds_only_the_rows_that_its_replicas_read(skips):
    """Before and after some are dropped; the numbers are those of replicas that are on one device."""
    config = config_of(0, OWN_ROWS, train={"regime": "full", "streams": "parallel"})
    (bucket,) = buckets(replicas(config), 1.5)
    two = SharedReplicas(bucket, bucket.replicas, jax.devices()[:2])
    one = SharedReplicas(bucket, bucket.replicas, jax.devices()[:1])
    two._program.skips = skips

    def held():
        """Return the numbers of sets on each device, in the rows and in the stream."""
        arrays = [two._blocks["train"].inputs, two._part().inputs]
        return [[part.data.shape[0] for part in array.addressable_shards] for array in arrays]

    assert held() == [[2, 2]] * 2
    for epoch in (1, 2):
        for members in (two, one):
            while members.advance() is None:
                pass
            if epoch == 1:
                for log in members.logs[:2]:
                    log.halve()
        if epoch == 1:
            two.drop()
            assert two._places == ([2, 0, 3, 1] if skips else [2, 3])
            assert held() == [[2, 2] if skips else [1, 1]] * 2
    for a, b in zip(jax.tree.leaves(two.arrays()), jax.tree.leaves(one.arrays()), strict=True):
        np.testing.assert_array_equal(a, b)
    assert two.results() == one.results()


@pytest.mark.parametrize("axes", [OWN_ROWS, {"train.seed": (0, 1, 2)}])
def test_groups_of_replicas_are_evaluated_as_one_by_one(monkeypatch, axes):
    """As on an accelerator, where two are evaluated side by side and then the rest."""
    config = config_of(0, axes, train={"regime": "full", "streams": "parallel"})
    (bucket,) = buckets(replicas(config), 1.5)
    (device, *_) = jax.devices()
    alone = SharedReplicas(bucket, bucket.replicas, [device])
    monkeypatch.setattr(program, "_one_by_one", program._in_groups(2))
    grouped = SharedReplicas(bucket, bucket.replicas, [device])
    everyone = range(len(bucket.replicas))
    ours, theirs = (r._losses("train", r._arrays.best, everyone) for r in (grouped, alone))
    for place in everyone:
        np.testing.assert_allclose(ours[place].per_group, theirs[place].per_group, rtol=1e-6)
    assert len({losses.mean for losses in theirs.values()}) == len(everyone)


def test_as_many_are_evaluated_side_by_side_as_there_is_memory_for(monkeypatch):
    config = config_of(0, SEEDS)
    sets = rows.RowSets(replicas(config))
    sequences, samples = sets.prepared[0].rows("train").inputs.shape[:2]
    one = 4 * rows._KEPT * sequences * samples * config.network.hidden_size
    for memory, wanted in ((1, 1), (3 * one, 3), (3 * one - 1, 2)):
        monkeypatch.setattr(rows, "_EVALUATION", memory)
        assert sets.evaluated(config) == wanted


class Killed(Exception):
    pass


def killer(after):
    """Return a `say` that raises at a line of an epoch or a rung, like a kill."""
    heard = []

    def say(line):
        if line.startswith(("epoch", "rung")):
            heard.append(line)
        if len(heard) == after:
            raise Killed

    return say


@pytest.mark.parametrize(
    ("after", "seconds"),
    [pytest.param(*case, marks=pytest.mark.slow) for case in ((3, 0.0), (8, 0.0), (8, 10.0))]
    + [(5, 10.0)],
)
def test_a_killed_sweep_takes_the_same_decisions(after, seconds, halved, tmp_path, monkeypatch):
    """In the first stage, at its decision, and after it."""
    found, rows, _ = halved
    monkeypatch.setattr(sweeping, "_SAVE_SECONDS", seconds)
    monkeypatch.setattr(lines, "LINE_SECONDS", 0.0)
    with pytest.raises(Killed):
        run(config_of(2), tmp_path / "sweep", say=killer(after))
    said = []
    assert run(config_of(2), tmp_path / "sweep", resume=True, say=said.append) == (found, rows)
    taken = [line for line in said if line.startswith("rung")]
    assert len(taken) == (2 if after < 5 else 1), said


@pytest.mark.parametrize("went_on", [True, False])
def test_a_rung_is_not_decided_again_if_its_decision_was_lost(tmp_path, went_on):
    """The replicas that stopped there are known, or those that trained on."""
    config = config_of(2, SEEDS)
    members = replicas(config)
    logs = [ReplicaLog.begin(member) for member in members]
    for log in logs:
        log.updates.epoch, log.stopping.best_frozen = 2, 1.0 + log.replica.index
    with Workdir(tmp_path / "sweep", resume=False) as folder:
        assert halving.Rungs(config, members, folder).at(2, logs).kept == [0, 1]
        assert halving.Rungs(config, members, folder).at(2, []).halved == [2]
        (folder.path / halving.FILE).unlink()
        if went_on:
            logs[0].updates.epoch = 3
        else:
            logs[2].halve()
        with pytest.raises(UserError, match=r"halving\.json lacks the decision at epoch 2, after"):
            halving.Rungs(config, members, folder).at(2, logs)
        assert not (folder.path / halving.FILE).exists()


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """A sweep of replicas one by one, of windows, without halving and with it."""
    folder = tmp_path_factory.mktemp("serial")
    return [run(config_of(f, SEEDS, **WINDOWS), folder / f"{f}") for f in (0, 2)]


def test_replicas_one_by_one_are_halved_as_those_of_one_program(serial):
    (before, rows), (after, kept) = serial
    table = np.array([[rows[r, e]["frozen_mse"] for e in range(1, EPOCHS + 1)] for r in range(3)])
    expected = list(twin(table, [2, 4], 2))
    assert [(found["epoch"], found["kept"]) for found in after["halving"]] == expected
    assert kept.items() <= rows.items() and len(kept) == 3 * 2 + 2 * 2 + 1
    (best,) = expected[-1][1]
    assert after["best_replica"] == best
    assert timeless(after["rows"][best]) == timeless(before["rows"][best])
    assert [row["stop_reason"] for row in after["rows"]].count("halved") == 2


def test_a_held_replica_goes_on_from_its_rung(serial, tmp_path, monkeypatch):
    """A kill after the first rung loses nothing of the epochs before it."""
    monkeypatch.setattr(lines, "LINE_SECONDS", 0.0)
    config, expected = config_of(2, SEEDS, **WINDOWS), serial[1]
    monkeypatch.setattr(jax, "local_devices", lambda *_: jax.devices()[:1])
    with pytest.raises(Killed):
        run(config, tmp_path / "sweep", say=killer(9))
    said = []
    found = run(config, tmp_path / "sweep", resume=True, say=said.append)
    assert sum(line.startswith("epoch") for line in said) == 2 * 2 + 1
    assert found[1] == expected[1] and found[0]["halving"] == expected[0]["halving"]
    assert list(map(timeless, found[0]["rows"])) == list(map(timeless, expected[0]["rows"]))


@pytest.mark.slow
def test_workers_train_from_rung_to_rung(serial, tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    settings = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"}
    config, expected = config_of(2, SEEDS, **WINDOWS), serial[1]
    with distributed.LocalCluster(processes=False, protocol="tcp://", **settings) as started:
        config.run.scheduler = started.scheduler_address
        found = run(config, tmp_path / "sweep")
    assert found[1] == expected[1] and found[0]["halving"] == expected[0]["halving"]
    assert list(map(timeless, found[0]["rows"])) == list(map(timeless, expected[0]["rows"]))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            config_of(2, first=5),
            "sweep.first_rung is 5: it must be below train.epochs, 5, where sweep.halving is 2.",
        ),
        (
            config_of(3, train={"evaluate_every": 0}),
            "train.evaluate_every is 0: it must be at least 1 where sweep.halving is 3, which goes by the "
            "frozen loss.",
        ),
        (
            config_of(2, {"train.evaluate_every": (1, 4)}),
            "sweep.first_rung is 2: it must be a multiple of train.evaluate_every, 4, since replicas are "
            "compared by a frozen loss at every rung.",
        ),
    ],
)
def test_rungs_that_cannot_be_are_refused_before_anything_is_written(config, sentence, tmp_path):
    with pytest.raises(UserError) as raised:
        run(config, tmp_path / "sweep")
    assert str(raised.value) == sentence
    assert not (tmp_path / "sweep").exists()


def test_fields_and_modes_that_cannot_be_are_refused(capsys):
    for field, value, words in (
        ("halving", "-1", "sweep.halving is -1: it must be at least 0."),
        ("first_rung", "0", "sweep.first_rung is 0: it must be at least 1."),
    ):
        with pytest.raises(UserError) as raised:
            overrides.apply(Config(), [(f"sweep.{field}", value)])
        assert str(raised.value) == words
    with pytest.raises(
        UserError, match=r"^sweep.halving is 2: it must be 0 or 1 where there is no"
    ):
        validation.validate_training(overrides.apply(Config(), [("sweep.halving", "2")]))
    with pytest.raises(UserError, match=r"--config.sweep.axes= --config.sweep.halving=0 trains"):
        validation.validate_training(config_of(2))
    assert main(["train", "--config", "quick", "--config.sweep.halving=3"]) == 2
    assert "sweep.halving is 3: it must be 0 or 1" in capsys.readouterr().err


def test_rungs_that_no_replica_reaches_are_none(tmp_path):
    """All reach their target in the first epoch, and none is halved."""
    config = config_of(2, {"train.seed": (0, 1)}, train={"target_mse": 1e9})
    said = []
    found, rows = run(config, tmp_path / "sweep", say=said.append)
    assert not (tmp_path / "sweep/halving.json").exists() and "halving" not in found
    assert [row["stop_reason"] for row in found["rows"]] == ["target_reached"] * 2
    assert len(rows) == 2 and not any(line.startswith("rung") for line in said)
    assert "halved" not in said[-1]


@pytest.mark.parametrize("text", ['{"rungs": 3}', '{"rungs": [{"epoch": 2}]}', "[]", "{"])
def test_damaged_decisions_are_refused_in_one_sentence(text, tmp_path):
    config = config_of(2)
    with Workdir(tmp_path / "sweep", resume=False) as folder:
        (folder.path / "halving.json").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"halving\.json"):
            halving.Rungs(config, replicas(config), folder)
