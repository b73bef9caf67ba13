"""The benchmarks time the same job on every engine, write down what they say, and can be compared."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import (
    autoencoder_jobs,
    bptt_jobs,
    classifier_jobs,
    compare,
    contenders,
    devices,
    inference_jobs,
    machine,
    online_jobs,
    online_page,
    plain,
    planted_afresh,
    record,
    speed,
    speed_figure,
    strict_jobs,
    uniform,
)
from benchmarks.afresh_table import FAULTS
from benchmarks.bptt_jobs import Shape
from benchmarks.contenders import Absent, Contender
from freqjax import Config, NetworkConfig, TaskConfig
from freqjax.config import validation
from freqjax.native import library
from freqjax.networks import make_network
from freqjax.tasks import make_task
from tests.figures.reading import assert_good_png, keep_figures

H, T, B, D = 3, 6, 2, 5


@pytest.fixture
def problem():
    random = np.random.default_rng(1)
    xs, targets = random.normal(size=(T, B, D)), random.normal(size=(T, B, 1))
    return jnp.asarray(xs, jnp.float32), jnp.asarray(targets, jnp.float32)


def copy_into_pytorch(torch, params, lstm, head):
    """Copy weights into PyTorch: gate order and biases are the same, kernels are transposed."""
    names = {"weight_ih": "input", "weight_hh": "recurrent"}
    names |= {"bias_ih": "input_bias", "bias_hh": "recurrent_bias"}
    with torch.no_grad():
        for number, layer in enumerate(params["layers"]):
            for theirs, ours in names.items():
                value = torch.from_numpy(np.array(layer[ours].T))
                getattr(lstm, f"{theirs}_l{number}").copy_(value)
        head.weight.copy_(torch.from_numpy(np.array(params["head"].T)))
        head.bias.copy_(torch.from_numpy(np.array(params["head_bias"])))


def test_engines_find_the_same_loss_and_gradient(problem):
    params = plain.init_params(D, H, 2)
    loss, gradient = jax.jit(jax.value_and_grad(plain.mse))(
        params, plain.zero_carry(B, H, 2), *problem
    )
    network = make_network(NetworkConfig(hidden_size=H, layers=2), make_task(TaskConfig()))
    ours = bptt_jobs.in_network(params)
    by_network = jax.jit(jax.value_and_grad(partial(bptt_jobs.network_mse, network)))
    found = by_network(ours, network.init_carry(ours, B), *problem)
    wanted = (loss, bptt_jobs.in_network(gradient))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7), found, wanted)
    torch = pytest.importorskip("torch")
    lstm, head = torch.nn.LSTM(D, H, 2), torch.nn.Linear(H, 1)
    copy_into_pytorch(torch, params, lstm, head)
    xs, targets = (torch.from_numpy(np.array(array)) for array in problem)
    torch_loss = (head(lstm(xs)[0]) - targets).square().mean()
    np.testing.assert_allclose(torch_loss.item(), loss, rtol=1e-5)
    (torch_gradient,) = torch.autograd.grad(torch_loss, [lstm.weight_hh_l0])
    recurrent = gradient["layers"][0]["recurrent"].T
    np.testing.assert_allclose(torch_gradient.numpy(), recurrent, rtol=1e-4, atol=1e-7)


def test_engines_make_the_same_online_updates(problem):
    torch = pytest.importorskip("torch")
    xs, targets = (array.reshape(T * B, 1, -1) for array in problem)
    params = plain.init_params(D, H, 1)
    lstm, head = torch.nn.LSTM(D, H), torch.nn.Linear(H, 1)
    copy_into_pytorch(torch, params, lstm, head)
    optimizer, chunk = plain.make_online_chunk(clip_norm=0.1, learning_rate=0.01)
    state = plain.State(params, optimizer.init(params), plain.zero_carry(1, H, 1))
    _, ours = chunk(state, (xs, targets))
    weights = [*lstm.parameters(), *head.parameters()]
    adam, carry, theirs = torch.optim.Adam(weights, lr=0.01), None, []
    for x, target in zip(*(torch.from_numpy(np.array(a)) for a in (xs, targets)), strict=True):
        adam.zero_grad()
        hidden, carry = lstm(x[None], carry)
        loss = (head(hidden) - target).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 0.1)
        adam.step()
        carry = tuple(part.detach() for part in carry)
        theirs.append(loss.item())
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_pytorch_makes_the_same_updates_with_fused_adam():
    pytest.importorskip("torch")
    config = Config(task=TaskConfig(duration=0.01), network=NetworkConfig(hidden_size=H))
    config.optimizer.learning_rate, config.optimizer.clip_norm = 0.05, 0.1
    blocks = make_task(config.task).rows("train")
    losses = []
    for fused in (False, True):
        step = online_jobs.pytorch_step(config, blocks, 1, fused=fused)
        losses.append([step(number).item() for number in range(12)])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert len(set(losses[0])) == 12


def test_the_faster_adam_of_pytorch_counts(monkeypatch):
    times = {False: [9.0, 2.0], True: [1.0, 3.0]}
    monkeypatch.setattr(online_jobs, "pytorch_step", lambda *_, fused: fused)
    monkeypatch.setattr(online_jobs, "repeated", lambda fused, _: iter(times[fused]).__next__)
    blocks = make_task(TaskConfig(duration=0.01)).rows("train")
    found = online_jobs._pytorch_loop(Config(), blocks, 40, 1)
    assert [found.run(), found.run()] == [1.0, 2.0]
    assert found.facts == {"adam": speed.FASTER_ADAM}


class Trainer:
    """A trainer that makes 16 updates at a time."""

    step, params = 0, ()

    def advance(self):
        self.step += 16


def reason(found):
    """Why a contender is not there."""
    assert isinstance(found, Absent)
    return found.reason


def test_every_engine_is_there_or_says_why_not(monkeypatch, tmp_path):
    config = Config(task=TaskConfig(duration=0.01), network=NetworkConfig(hidden_size=H))
    blocks = make_task(config.task).rows("train")
    made = []
    monkeypatch.setattr(online_jobs, "StreamTrainer", lambda *_: made.append(Trainer()) or made[0])
    contender = online_jobs.freqjax_contender(config, blocks, 40)
    assert contender.run() > 0
    assert (contender.engine, made[0].step) == ("freqjax", 48)
    assert isinstance(online_jobs._cpp(H, 40, "gpu"), Absent)
    assert isinstance(online_jobs.native(config, blocks, 40, "gpu"), Absent)
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path))
    assert "no-such-compiler" in reason(online_jobs.native(config, blocks, 40, "cpu"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert online_jobs.pytorch_missing("cpu") is None
    assert reason(online_jobs.pytorch_missing("gpu")) == "PyTorch is timed on the CPU alone."
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert reason(online_jobs.pytorch_missing("cpu")) == "PyTorch is not installed."
    monkeypatch.setattr(online_jobs, "time_cpp", lambda hidden, rows: None)
    assert "no C++ compiler" in reason(online_jobs._cpp(H, 40, "cpu"))


def fake(engine, times, log):
    """Return a contender that takes the times given, the first of them to warm up."""
    left = iter(times)

    def run():
        log.append(engine)
        return next(left)

    return Contender(engine, run, 1)


def test_contenders_take_turns_and_ratios_are_of_one_round(monkeypatch):
    log = []
    ours, theirs = fake("freqjax", [9, 1, 4, 2], log), fake("pytorch", [9, 3, 8, 8], log)
    rows = contenders.compare([ours, theirs, Absent("cpp", "None.")], rounds=3)
    assert log == ["freqjax", "pytorch"] * 4
    assert rows[0] == {
        "engine": "freqjax", "threads": 1, "median_us": 2, "min_us": 1, "max_us": 4, "runs": 3,
        "times_us": [1, 4, 2], "ratio": 1,
    }  # fmt: skip
    assert (rows[1]["median_us"], rows[1]["ratio"]) == (8, 3)
    assert (rows[2]["median_us"], rows[2]["runs"], rows[2]["absent"]) == (None, 0, "None.")
    monkeypatch.setattr(contenders, "_PATIENCE", 0.0)
    monkeypatch.setattr(contenders, "_LONGEST_RUN", 0.0)
    done = []
    assert contenders.repeated(done.append, 5)() > 0
    assert done == [0]
    slow = contenders.compare([fake("freqjax", range(1, 99), log)], rounds=50)
    assert slow[0]["runs"] == 3


def test_times_are_compared_with_the_limit_of_the_same_round():
    log = []
    ours, native = fake("freqjax", [9, 8, 6, 5], log), fake("native", [9, 4, 2, 1], log)
    least = fake("limit", [9, 2, 1, 1], log)
    rows = contenders.compare([ours, native, least], rounds=3)
    assert [(row["ratio"], row.get("limits")) for row in rows] == [(1, 5), (0.333, 2), (0.2, None)]
    said = [speed.line(row) for row in rows]
    assert said[0].endswith("3 runs), 5 × limit")
    assert said[1].endswith("3 runs), 0.333 × freqjax, 2 × limit")
    assert said[2].endswith("3 runs)")


def test_what_does_another_job_has_no_ratio():
    ours, least = fake("freqjax", [9, 8, 6], []), fake("limit", [9, 2, 1], [])
    theirs = strict_jobs._of_another_job(fake("pytorch", [9, 4, 2], []))
    rows = contenders.compare([ours, theirs, least], rounds=2)
    assert rows[1]["median_us"] == 3 and not {"ratio", "limits"} & rows[1].keys()
    assert rows[0]["limits"] == 5
    assert speed.line(rows[1]).endswith("2 runs)")


def test_the_page_of_speed_names_the_jobs_that_were_measured(tmp_path):
    rows = [
        timed("online_h64", "freqjax", 5.0) | {"meanwhile": meanwhile_of(1.0)},
        timed("online_h64", "pytorch", 900.0),
        timed("solve_default", "freqjax", 1e7) | {"meanwhile": meanwhile_of(9.0)},
    ]
    value = {
        "command": "python -m benchmarks.devices",
        "machine": {"cpu": "x", "cores": 2, "device": "cpu", "load": 1},
        "versions": {"jax": "1"},
        "rows": [row | {"absent": None} for row in rows],
    }
    (tmp_path / "here.json").write_text(json.dumps(value), encoding="utf-8")
    said = speed.document(tmp_path, [])
    assert "| online_hH | an Adam step" in said
    assert "filter_pairs" not in said and "start_quick" not in said and "solve_default" not in said
    assert "While the jobs were timed, the load was 1;" in said
    assert "are of plain Adam." in said
    rows[1]["adam"] = speed.FASTER_ADAM
    (tmp_path / "here.json").write_text(json.dumps(value | {"rows": rows}), encoding="utf-8")
    assert "with plain and with fused Adam, and the faster one counts." in speed.document(
        tmp_path, []
    )


def meanwhile_of(load):
    """Return what a machine did beside a job."""
    return {"load": [load, load], "others": 0.0, "steal": 0.0, "mhz": 2000}


def test_the_least_time_is_that_of_what_holds_each_pass_up():
    """100 numbers take 2 s to read and 1 s to compute, or 4 s to update and 8 s to compute."""
    rates = machine.Rates(lambda n: n / 2, lambda n: n / 4, lambda: 1000.0)
    passes = [machine.Pass(100, False, 1000), machine.Pass(100, True, 8000)]
    assert machine.least_seconds(passes, rates) == 2 + 8
    first, second = strict_jobs.filter_passes(3)
    assert (first.numbers, second.numbers) == (6, 6)
    assert (first.multiply_adds, second.multiply_adds) == (6, 18)
    # Two fields of four units, by five rows of parameters: a product of [8, 4] with [4, 20].
    assert strict_jobs.dense_passes((1, 2, 4, 5, 4)) == [machine.Pass(160, True, 640)]


def test_the_passes_of_a_gradient_are_three_products_a_layer_without_a_gradient_of_the_inputs():
    """Of two layers of four units on five inputs, three streams of ten samples, by two threads."""
    passes = bptt_jobs.passes(Shape(3, 10, 4, 2), threads=2)
    steps = [one for one in passes if one.times > 1]
    assert steps == [machine.Pass(2 * 16 * 4, False, 3 * 16 * 4, times=20)] * 2
    done = sum(one.times * one.multiply_adds for one in passes)
    forward = 3 * 10 * 16 * np.array([4 + 5, 4 + 4])
    assert done == 3 * forward.sum() - 3 * 10 * 16 * 5
    rates = machine.Rates(lambda n: 1e30, lambda n: 1e30, lambda: 16.0)
    assert machine.least_seconds(passes, rates) == done / 16


def test_the_page_of_online_learning_tells_the_time_of_a_sample_where_it_is_known(tmp_path):
    rows = [timed("filter_pairs", "freqjax", 24.0), timed("filter_pairs", "native", 6.0)]
    value = {"command": "python -m benchmarks.devices", "rows": [timed("a", "native", 1.0), *rows]}
    (tmp_path / "here.json").write_text(json.dumps(value))
    assert speed.rows_of("filter_pairs", tmp_path) == rows
    assert ": 6 µs a sample instead of 24 µs" in online_page._engines(rows)
    assert online_page._engines(rows[1:]).endswith("root of the covariance.")


def test_a_machine_without_a_compiler_has_no_limit(monkeypatch, tmp_path):
    assert reason(machine.limit([], 1, "gpu")) == "The limit is measured on the CPU alone."
    monkeypatch.setenv("CXX", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reason(machine.limit([], 1, "cpu")) == "There is no C++ compiler here."
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "no-such-compiler" in reason(machine.limit([], 1, "cpu"))


@pytest.mark.skipif(library.compiler_command() is None, reason="no C++ compiler is installed")
def test_a_machine_takes_longer_for_more(monkeypatch):
    monkeypatch.setattr(machine, "_SECONDS", 1e-4)
    sizes = (2_000, 2_000_000)
    few, many = (machine.limit([machine.Pass(n, True, 40 * n)], 2, "cpu") for n in sizes)
    assert isinstance(few, Contender) and isinstance(many, Contender)
    assert many.facts == {"moved_mb": 16, "multiply_adds": 80_000_000, speed.WRITTEN: True}
    # In proportion to the numbers, in whichever cache they are.
    assert 300 < many.run() / few.run() < 10_000


@pytest.mark.parametrize("kind", ["autoencoder, forced", "classifier"])
def test_updates_lower_the_loss_in_pytorch_as_they_do_here(kind):
    pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    updates = 3
    if kind == "classifier":
        job = classifier_jobs.job(updates, classifier_jobs.Shape(4, 8, 16, 2, 2))
    else:
        job = autoencoder_jobs.job(
            1.0, updates, autoencoder_jobs.Shape(batch=4, hidden=8, numbers=3)
        )
    chunk, state = job.begin()
    losses = []
    for number in range(updates):
        one = jax.tree.map(lambda rows, n=number: rows[n : n + 1], job.stream)
        state, info = chunk(state, one)
        losses.append(float(info.loss_sums.sum() / info.row_counts.sum()))
    update = job.pytorch("cpu")
    np.testing.assert_allclose(losses, [float(update(n)) for n in range(updates)], rtol=1e-4)
    assert len(set(losses)) == updates


def test_windows_are_classified_in_pytorch_as_they_are_here():
    pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    from benchmarks import classifier_torch

    drawn = classifier_jobs.draw(2, classifier_jobs.Shape(4, 8, 16, 2, 2))
    forward = classifier_torch.make_forward(drawn.pytorch("cpu"), drawn.windows)
    unroll = inference_jobs.unrolled(drawn.network)
    for number, inputs in enumerate(drawn.inputs):
        found = np.asarray(unroll(drawn.params, jnp.asarray(inputs)))[0]
        np.testing.assert_allclose(found, forward(number).numpy(), atol=1e-5)


def test_windows_and_samples_of_a_stream_are_those_of_the_config_that_ships():
    windows = inference_jobs.watch_windows(2)
    assert windows.batches.shape[:3] == (2, 1, 256)
    logits = windows.unroll(windows.params, jnp.asarray(windows.batches[0]))
    assert logits.shape == (1, 256, 7) and np.asarray(logits).std() > 0
    answers = inference_jobs.watch_stream()
    found = answers.advance(np.ones((2, answers.fields), np.float32))
    assert answers.each_sample and found.shape == (2, 7)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.fixture
def results(monkeypatch, tmp_path):
    """Return the folder of the results, after a benchmark of two tiny jobs."""

    def tiny(*, quick):
        make = bptt_jobs.contenders
        return [
            devices._side_by_side(f"linear_t_{length}", partial(make, Shape(1, length, H), 1), 2)
            for length in (4, 40)
        ]

    monkeypatch.setattr(bptt_jobs, "pytorch_missing", lambda _: Absent("pytorch", "Not here."))
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(devices, "jobs", tiny)
    assert devices.main(["--name", "here"]) == 0
    return tmp_path


def timed(job, engine, micros, memory=None):
    """Return a row of `benchmarks.devices`."""
    row = {"job": job, "engine": engine, "platform": "cpu", "median_us": micros}
    return row | {"min_us": micros, "max_us": micros, "memory_mb": memory}


def test_a_figure_of_times_has_one_unit_a_panel(tmp_path, monkeypatch):
    drawn = keep_figures(monkeypatch, sent=False)
    jobs = [
        timed("step", "freqjax", 5.0),
        timed("step", "cpp", 3.0),
        timed("command", "freqjax", 2e7),
    ]
    lengths = [
        timed(f"linear_t_{t}", engine, t * factor, t / 100)
        for t in (100, 1000) for engine, factor in (("freqjax", 2.0), ("autodiff", 3.0))
    ]  # fmt: skip
    speed_figure.draw([*jobs, *lengths], tmp_path / "here.png")
    figure = drawn["here.png"]
    times, growth, memory = figure.axes
    assert times.get_xscale() == growth.get_yscale() == memory.get_yscale() == "log"
    name = times.xaxis.get_major_formatter()
    assert [name(value, 0) for value in (10.0, 1e4, 1e7)] == ["10 µs", "10 ms", "10 s"]
    words = {text.get_text(): text.get_position() for text in times.texts}
    units = ("microseconds, µs", "milliseconds, ms", "seconds, s")
    assert [10 ** (3 * k) < words[unit][0] < 10 ** (3 * k + 3) for k, unit in enumerate(units)]
    # Beside its line stands the time of freqjax.
    assert (words["5 µs"][1], words["20 s"][1]) == (0, 1)
    curves = [
        {
            line.get_label(): list(line.get_ydata())
            for line in axis.lines
            if line.get_marker() != "None"
        }
        for axis in (growth, memory)
    ]
    assert curves == [
        {"freqjax": [200.0, 2000.0], "autodiff": [300.0, 3000.0]},
        {"freqjax": [1.0, 10.0], "autodiff": [1.0, 10.0]},
    ]
    assert (growth.get_ylabel(), memory.get_ylabel()) == ("time", "memory")
    assert_good_png(figure, tmp_path)
    speed_figure.draw(jobs, tmp_path / "here.png")
    assert len(drawn["here.png"].axes) == 1
    speed_figure.draw(
        [timed("step", "freqjax", 5e-2), timed("step", "cpp", 0.1)], tmp_path / "a.png"
    )
    named = [text.get_text() for text in drawn["a.png"].axes[0].texts]
    assert named == ["0.05 µs", "freqjax", "microseconds, µs"]


@pytest.mark.parametrize("path", speed.files(record.RESULTS), ids=lambda path: path.stem)
def test_the_tables_of_a_machine_are_those_of_its_file(path):
    assert path.with_suffix(".md").read_text(encoding="utf-8") == speed.page(path)


def test_a_machine_is_written_down_and_compared(results, capsys, monkeypatch):
    value = json.loads((results / "here.json").read_text())
    assert value["command"] == "python -m benchmarks.devices --name here"
    assert {"device", "cpu", "cores", "load"} <= value["machine"].keys()
    ours = [row for row in value["rows"] if row["engine"] == "freqjax"]
    assert [row["job"] for row in ours] == ["linear_t_4", "linear_t_40"]
    for row in value["rows"]:
        assert list(row)[:3] == ["job", "engine", "platform"]
        assert row["min_us"] is None or 0 < row["min_us"] <= row["median_us"] <= row["max_us"]
        assert ("meanwhile" in row) == (row["runs"] > 0) == ("times_us" in row)
    # Ten times the samples, but the same weights beside them.
    assert 1.5 < ours[1]["memory_mb"] / ours[0]["memory_mb"] < 10
    assert (results / "here.png").read_bytes().startswith(b"\x89PNG")
    page = (results / "here.md").read_text()
    assert page == speed.page(results / "here.json")
    assert f"| linear_t_4 | {speed.micro(ours[0]['median_us'])}" in page
    assert "From 4 to 40 samples, 10 times as many" in page
    assert "- pytorch: Not here." in page
    assert "While the jobs were timed, the load was" in page
    assert "What else the machine did during the jobs on cpu:" in page

    twice = value | {"versions": value["versions"] | {"jax": "9"}, "rows": list(value["rows"])}
    twice["rows"][0] = ours[0] | {"median_us": 2 * ours[0]["median_us"], "threads": 64}
    (results / "there.json").write_text(json.dumps(twice))
    capsys.readouterr()
    assert compare.main([str(results / "here.json"), str(results / "there.json")]) == 0
    said = capsys.readouterr().out
    assert "| linear_t_4 | freqjax | cpu |" in said
    assert next(line for line in said.splitlines() if "t_4 | freqjax" in line).endswith("| 2 |")
    assert f"| jax | {value['versions']['jax']} | 9 |" in said
    assert "load" not in said

    other = value | {"rows": [ours[0] | {"job": "another"}]}
    (results / "other.json").write_text(json.dumps(other))
    assert compare.main([str(results / "here.json"), str(results / "other.json")]) == 2
    assert "have no row in common" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "there is no such file"),
        ("{", "that python -m benchmarks.devices wrote"),
        ("[]", "that python -m benchmarks.devices wrote"),
        ('{"machine": {}, "versions": {}, "rows": [{"what": 1}]}', "benchmarks.devices wrote"),
    ],
)
def test_what_is_no_result_is_refused_in_a_sentence(content, complaint, tmp_path, capsys):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    assert compare.main([str(path), str(path)]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.startswith(f"benchmarks.compare: {path}")
    assert said.count("\n") == 1


def test_wrong_arguments_are_refused(capsys):
    assert compare.main(["one"]) == 2
    assert "must be two" in capsys.readouterr().err
    assert devices.main(["--only", "nothing"]) == 2
    assert "no job's name begins so" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        devices.main(["--name", "a/b"])
    assert left.value.code == 2


def test_the_jobs_are_those_of_the_table_and_a_machine_has_a_name():
    names = [job.name for job in devices.jobs(quick=False)]
    assert names[:9] == [
        "online_h64", "online_h128", "online_h256", "filter_pairs", "rtrl_dense_h64", "bptt_4x1000x64",
        "bptt_4x10000x64", "bptt_16x50x128x2", "bptt_16x50x256x2",
    ]  # fmt: skip
    assert names[9:] == [
        *(f"linear_t_{length}" for length in devices.LENGTHS),
        "autoencoder_forced",
        "autoencoder_sampled",
        "classifier",
        "classify_published",
        "classify_watch",
        "classify_stream",
        "seeds",
        *(f"start_{command}" for command in ("quick", "evaluate", "load", "stream", "help")),
    ]
    quick = {job.name for job in devices.jobs(quick=True)}
    assert set(names) - quick == {"linear_t_30000", "linear_t_100000", "start_quick"}
    assert set(devices.machine_name()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    ("planted", "named", "right", "both"),
    [
        ((), (), True, True),
        ((), ("capacity",), False, False),
        (("capacity",), ("capacity", "overfitting"), True, True),
        (("capacity",), ("overfitting", "capacity"), False, True),
        (("bad_data", "capacity"), ("capacity", "overfitting", "bad_data"), True, True),
        (("bad_data", "capacity"), ("capacity", "overfitting"), False, False),
        (("bad_data", "capacity"), ("overfitting", "bad_data", "capacity"), False, True),
    ],
)
def test_two_faults_are_right_only_where_both_stand(planted, named, right, both):
    assert planted_afresh.verdict(planted, named) == {"right": right, "both": both}


def test_a_fault_that_did_no_harm_counts_as_a_miss_and_is_told_apart():
    """Two of four faults are right, and one of the others kept no run from its goal."""
    harmless = {"learned": True, "planted": ["capacity"], "causes": [], "right": False}
    right = {"learned": False, "planted": ["capacity"], "causes": ["capacity"], "right": True}
    missed = right | {"causes": ["overfitting"], "right": False}
    rest = {"kind": "plain", "both": False, "seconds": 1.0}
    said = planted_afresh.report([row | rest for row in (right, right, missed, harmless)])
    assert "2 of 4 faults right (50%)" in said
    assert any(line.startswith("1 of the faults not right") and "67%" in line for line in said)


def test_every_fault_can_be_planted_and_has_a_name_of_its_own():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 60
    several = [fault for fault in FAULTS if fault.kind != "plain"]
    assert all((fault.kind == "compound") == (len(fault.causes) == 2) for fault in FAULTS)
    assert len(several) >= 20
    for fault in FAULTS:
        for mended in (False, True):
            validation.validate_training(fault.config(5, mended=mended))


def test_the_derivatives_of_the_uniform_chains_are_those_of_backpropagation():
    lstm = uniform.Lstm(5)
    weights = lstm.init(jax.random.key(1))
    weights = weights.at[lstm.gates : lstm.gates + 5].set(jnp.linspace(-0.3, 0.4, 5))
    xs = np.random.default_rng(0).normal(size=30).astype(np.float32)

    def output(weights):
        state, _ = lstm.start(weights)
        for x in xs:
            state, y, _ = lstm.step(weights, state, x)
        return y

    state, by_weights = lstm.start(weights)
    for x in xs:
        state, _, saved = lstm.step(weights, state, x)
        by_weights = lstm.derivatives(saved, by_weights)
    found = lstm.slope(weights, state, by_weights)
    np.testing.assert_allclose(found, jax.grad(output)(weights), atol=2e-6)


def test_a_uniform_chain_fits_a_short_stream_of_a_constant():
    """A block of ones teaches the head at once; the horizon then grows, and the shadow tells so."""
    lstm = uniform.Lstm(3)
    chain = uniform.begin(lstm, lstm.init(jax.random.key(0)), 20)
    prior = jnp.asarray(lstm.prior(0.3, 3.0), jnp.float32)
    step = jax.jit(
        lambda chain, x: uniform.advance(lstm, 80, chain, x, jnp.ones(80), prior, jnp.asarray(2.0))
    )
    for x in np.random.default_rng(0).normal(size=400).astype(np.float32):
        chain = step(chain, x)
    assert int(chain.horizon) == 80
    assert float(chain.best) < 0.01
    assert int(chain.longest) == 80
