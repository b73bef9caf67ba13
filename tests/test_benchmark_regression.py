"""Times are checked against earlier ones, and what the machine did besides is written down."""

import copy
import json
import sys
from statistics import median

import numpy as np
import pytest

from benchmarks import compare, contenders, meanwhile, record, regression, speed, start_jobs
from benchmarks.contenders import Contender
from benchmarks.start_jobs import Command

MACHINE = {"cpu": "A", "cores": 2, "device": "cpu: cpu", "system": "Linux", "load": 1.0}


def rows(job, **times):
    """Return the rows of a job from the times of its engines, µs in every round."""
    engines = [Contender(engine, lambda: 0.0, 1) for engine in times]
    made = contenders.rows_of(engines, list(zip(*times.values(), strict=True)))
    return [{"job": job, "platform": "cpu"} | row for row in made]


def value(*jobs, command="python -m benchmarks.devices"):
    head = {"command": command, "machine": dict(MACHINE), "versions": {"jax": "1"}}
    return head | {"rows": [row for own in jobs for row in own]}


def near(center, share=0.02):
    """Seven times, of which the quartiles are about `share` apart."""
    return [center * (1 + share * k) for k in (-2, -1, -0.5, 0, 0.5, 1, 2)]


EARLIER = value(
    rows(
        "step", freqjax=near(10), native=near(6), autodiff=near(20), pytorch=near(90), cpp=near(5)
    ),
    rows("scan", freqjax=near(100), pytorch=near(150)),
    rows("stream", freqjax=near(30)),
)


def changed(**factors):
    """Return EARLIER with the times of 'job_engine' multiplied."""
    found = copy.deepcopy(EARLIER)
    for row in found["rows"]:
        factor = factors.get(f"{row['job']}_{row['engine']}", 1.0) * factors.get("all", 1.0)
        for name in ("median_us", "min_us", "max_us"):
            row[name] *= factor
        row["times_us"] = [time * factor for time in row["times_us"]]
    return found


def checked(tmp_path, capsys, later, above="1.1", earlier=EARLIER):
    """Return the exit code, and what is said on both outputs."""
    for name, content in (("a", earlier), ("b", later)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    files = [str(tmp_path / f"{name}.json") for name in "ab"]
    code = compare.main([*files, "--fail-above", above])
    return code, capsys.readouterr()


def verdicts(said):
    """Return (job, engine) → the last cell of its row."""
    lines = [line.strip("| ").split(" | ") for line in said.out.splitlines()]
    return {(cells[0], cells[1]): cells[-1] for cells in lines if len(cells) == 9}


def test_a_slower_job_is_named_in_one_sentence(tmp_path, capsys):
    code, said = checked(tmp_path, capsys, changed(scan_freqjax=1.3))
    assert code == 1
    assert said.err == "benchmarks.compare: B / A is above 1.1 for scan by freqjax on cpu (1.3).\n"
    assert verdicts(said) == {
        ("job", "engine"): "verdict",
        ("step", "freqjax"): "ok",
        ("step", "native"): "ok",
        ("scan", "freqjax"): "slower",
        ("stream", "freqjax"): "ok",
    }
    assert "| scan | freqjax | cpu | time / pytorch's | 0.667 | 0.867 | 1.3 |" in said.out
    # native is freqjax's own, and is judged by the others as well.
    code, said = checked(tmp_path, capsys, changed(step_native=1.3))
    assert code == 1
    assert "for step by native on cpu (1.3)." in said.err
    assert checked(tmp_path, capsys, changed(scan_freqjax=1.3), "1.4")[0] == 0


@pytest.mark.parametrize(
    "factors",
    [
        {},
        {"all": 2.0},  # a busy machine
        {"all": 0.5, "stream_freqjax": 0.8},
        {"step_pytorch": 0.5},  # another engine became faster by itself
        {"step_cpp": 0.5, "step_pytorch": 2.0},
    ],
)
def test_what_freqjax_did_not_change_is_no_failure(factors, tmp_path, capsys):
    code, said = checked(tmp_path, capsys, changed(**factors))
    assert (code, said.err) == (0, "")
    assert set(list(verdicts(said).values())[1:]) == {"ok"}
    assert "B / A of no job is above 1.1 beyond the spread." in said.out


def test_one_engine_that_became_slower_hides_nothing(tmp_path, capsys):
    code, said = checked(tmp_path, capsys, changed(step_freqjax=1.3, step_pytorch=2.0))
    assert code == 1
    assert "for step by freqjax on cpu (1.3)." in said.err


def test_a_plain_time_is_judged_where_there_is_no_other_engine(tmp_path, capsys):
    code, said = checked(tmp_path, capsys, changed(all=1.5, stream_freqjax=1.4))
    assert code == 1
    assert "for stream by freqjax on cpu (1.4)." in said.err
    assert "| its time / the machine's change | 30 µs | 42 µs | 1.4 | 30 µs, 63 µs |" in said.out
    alone = value(rows("stream", freqjax=near(30)))
    code, said = checked(tmp_path, capsys, alone, earlier=alone)
    assert (code, verdicts(said)["stream", "freqjax"]) == (0, "ok")


def test_a_change_within_the_spread_is_no_failure(tmp_path, capsys):
    wild = value(rows("scan", freqjax=near(130, 0.4), pytorch=near(150, 0.0)))
    code, said = checked(tmp_path, capsys, wild)
    assert (code, verdicts(said)["scan", "freqjax"]) == (0, "within the spread")
    # Of three rounds, the least and the most are the spread.
    before, over, beyond = (
        value(rows("scan", freqjax=times, pytorch=[9] * 3))
        for times in ([8, 9, 12], [11, 12, 13], [12.1, 12.2, 13])
    )
    assert regression.findings(before, over, 1.1)[0].verdict == "within the spread"
    assert regression.findings(before, beyond, 1.1)[0].verdict == "slower"


@pytest.mark.parametrize(("change", "least", "most"), [(1.0, 0.0, 0.01), (1.5, 0.9, 1.0)])
def test_noise_raises_few_alarms_and_hides_few_changes(change, least, most):
    """Rounds vary by 30% in common, and each engine by 10% on its own."""
    random = np.random.default_rng(0)

    def drawn(factor):
        common = random.lognormal(0, 0.3, 9)
        own = {engine: common * random.lognormal(0, 0.1, 9) for engine in ("autodiff", "pytorch")}
        return value(rows("scan", freqjax=factor * common * random.lognormal(0, 0.1, 9), **own))

    slower = [
        regression.findings(drawn(1.0), drawn(change), 1.1)[0].verdict == "slower"
        for _ in range(300)
    ]
    assert least <= np.mean(slower) <= most


def test_a_file_without_its_rounds_is_judged_by_what_it_has(tmp_path, capsys):
    earlier = json.loads((record.RESULTS / "amd-epyc-2-cores.json").read_text(encoding="utf-8"))
    for row in earlier["rows"]:
        row.pop("times_us", None)
    code, said = checked(tmp_path, capsys, earlier, earlier=earlier)
    assert (code, set(list(verdicts(said).values())[1:])) == (0, {"ok"})
    later = copy.deepcopy(earlier)
    own = [row for row in later["rows"] if row["job"] == "classifier"]
    for name in ("median_us", "min_us", "max_us"):
        own[0][name] *= 1.5
    for row in own[1:]:
        row["ratio"] /= 1.5
    code, said = checked(tmp_path, capsys, later, earlier=earlier)
    assert code == 1
    assert "above 1.1 for classifier by freqjax on cpu (1.5)." in said.err


@pytest.mark.parametrize(
    ("field", "content"), [("cpu", "B"), ("cores", 4), ("device", "gpu: G"), ("system", "Darwin")]
)
def test_another_kind_of_machine_is_refused(field, content, tmp_path, capsys):
    other = changed()
    other["machine"][field] = content
    code, said = checked(tmp_path, capsys, other)
    assert (code, said.out) == (2, "")
    assert f"another kind of machine than a: its {field} is {content!r}, it must be" in said.err
    # Without the check, machines may differ.
    assert compare.main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0


def test_what_was_measured_otherwise_is_refused(tmp_path, capsys):
    threads = changed()
    threads["rows"][0]["threads"] = 2
    code, said = checked(tmp_path, capsys, threads)
    assert code == 2
    assert "step by freqjax has threads [2], it must have [1]." in said.err
    quick = changed() | {"command": "python -m benchmarks.devices --quick"}
    code, said = checked(tmp_path, capsys, quick)
    assert (code, "b is of --quick: both files must be" in said.err) == (2, True)
    assert checked(tmp_path, capsys, quick, earlier=quick)[0] == 0
    other = value(rows("another", freqjax=near(1)))
    code, said = checked(tmp_path, capsys, other)
    assert (code, "no job of freqjax in common" in said.err) == (2, True)
    broken = changed()
    broken["rows"][0]["median_us"] = "fast"
    code, said = checked(tmp_path, capsys, broken)
    assert (code, "that python -m benchmarks.devices wrote" in said.err) == (2, True)


@pytest.mark.parametrize("above", ["0.9", "nan", "inf", "little"])
def test_a_limit_that_is_none_is_refused(above, tmp_path, capsys):
    code, said = checked(tmp_path, capsys, EARLIER, above)
    assert code == 2
    assert said.err == (
        f"benchmarks.compare: --fail-above is {above!r}: it must be a number of at least 1.\n"
    )


def proc(folder, *ticks, mhz=(2000, 3000)):
    folder.mkdir(exist_ok=True)
    cores = "\n".join(f"cpu{k} 1 1 1" for k in range(2))
    (folder / "stat").write_text(f"cpu  {' '.join(map(str, ticks))}\n{cores}\n", encoding="utf-8")
    lines = [f"processor : 0\ncpu MHz\t\t: {rate}.4" for rate in mhz]
    (folder / "cpuinfo").write_text("\n".join(lines), encoding="utf-8")


def test_what_the_machine_did_besides_is_the_difference_of_its_counters(tmp_path, monkeypatch):
    """Of 1000 ticks 500 are idle or wait, 100 are stolen, and 100 of the other 400 are our own."""
    monkeypatch.setattr(meanwhile, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(meanwhile.os, "sysconf", lambda name: 100)
    proc(tmp_path / "proc", 10, 20, 30, 40, 50, 60, 70, 80, 90, 90)
    before = meanwhile.read()
    assert before.cores == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    proc(tmp_path / "proc", 210, 120, 130, 440, 150, 60, 70, 180, 190, 90)
    after = meanwhile.read()._replace(own=before.own + 1.0, load=2.04)
    found = meanwhile.between(before._replace(load=1.0), after)
    assert found == {"load": [1.0, 2.0], "others": 0.3, "steal": 0.1, "mhz": 2500}
    made = [
        {"job": "step", "meanwhile": found},
        {"job": "scan", "meanwhile": found | {"others": 0.02, "steal": None, "load": [2.0, 3.0]}},
        {"job": "old"},
    ]
    assert " ".join(meanwhile.words(made)) == (
        "While 2 of the 3 jobs were timed, the load was 1 to 3; other processes had 2 to 30% of the cores' "
        "time, most in step; the host withheld (steal) 10% of the cores' time; the clock rate was 2.5 GHz. "
    )
    assert meanwhile.words(made[:2])[0].startswith("While the jobs were timed, ")
    assert meanwhile.words(made[1:])[0].startswith("While 1 of the 2 jobs was timed, ")
    assert meanwhile.table(made)[2:] == [
        "| step | 1 | 2 | 30% | 10% | 2.5 |",
        "| scan | 2 | 3 | 2% | – | 2.5 |",
        "",
    ]
    assert meanwhile.words(made[2:]) == meanwhile.table(made[2:]) == []


def test_a_system_without_counters_tells_its_load_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(meanwhile, "_PROC", tmp_path)
    reading = meanwhile.read()
    found = meanwhile.between(reading, reading)
    assert (found["others"], found["steal"], found["mhz"]) == (None, None, None)
    assert meanwhile.words([{"job": "a", "meanwhile": found}])[0].startswith("While the jobs were")


def test_a_command_is_timed_beside_the_least_time():
    found = start_jobs.measured(Command("start_help", start_jobs.startup.HELP), "cpu", 1)
    assert [(row["job"], row["engine"], row["platform"]) for row in found] == [
        ("start_help", "freqjax", "cpu"),
        ("start_help", "limit", "cpu"),
    ]
    assert found[0]["limits"] > 1
    assert speed.table(found)[2].startswith("| start_help | ")


def test_a_stream_is_timed_to_its_first_answer(tmp_path, monkeypatch):
    program = (sys.executable, "-c", "print(input(), flush=True); import sys; sys.stdin.read()")
    monkeypatch.setattr(start_jobs, "_MAIN", program)
    assert 0 < start_jobs.first_answer((), tmp_path) < 60
    monkeypatch.setattr(start_jobs, "_MAIN", (sys.executable, "-c", "import sys; sys.exit('Why.')"))
    with pytest.raises(RuntimeError, match=r"gave 1: Why\."):
        start_jobs.first_answer((), tmp_path)


def test_a_cold_command_has_an_empty_cache_each_time(tmp_path, monkeypatch):
    seen = []

    def first_answer(words, cache, **environment):
        assert (words[0], environment) == ("stream", {"JAX_PLATFORMS": "cpu"})
        seen.append((cache, any(cache.iterdir())))
        (cache / "program").write_text("", encoding="utf-8")
        return 1.0

    monkeypatch.setattr(start_jobs, "first_answer", first_answer)
    monkeypatch.setattr(start_jobs, "_least", lambda *_: lambda state: 0.5)
    found = start_jobs.measured(Command("start_stream", None), "cpu", 3)
    cold, warm = seen[::2], seen[1::2]
    assert [full for _, full in cold] == [False] * 4
    assert len({cache for cache, _ in cold}) == 4
    assert [full for _, full in warm] == [False, True, True, True]
    jobs = [(row["job"], row["engine"], row["median_us"]) for row in found]
    assert jobs == [
        ("start_stream_cold", "freqjax", 1e6),
        ("start_stream_cold", "limit", 5e5),
        ("start_stream_warm", "freqjax", 1e6),
        ("start_stream_warm", "limit", 5e5),
    ]
    assert median(found[0]["times_us"]) == 1e6
