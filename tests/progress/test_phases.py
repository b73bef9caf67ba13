"""Phases, the time left and the words for them, by a clock that is set by hand."""

import contextlib

import pytest

from freqjax import progress
from freqjax.progress import words
from freqjax.progress.pace import Pace
from freqjax.progress.phases import Phase, Reporter
from tests.progress.views import Clock, Recorder

# The time left.


def test_the_time_left_is_that_of_parts_of_one_length():
    pace = Pace(0.0)
    assert pace.left(10, 0.0) is None
    pace.note(1, 40.0)  # of which all but 2 s were a compilation
    assert pace.left(10, 40.0) == pytest.approx(9 * 40)
    for part in range(2, 8):
        pace.note(part, 40.0 + 2 * (part - 1))
        assert pace.left(10, 40.0 + 2 * (part - 1)) == pytest.approx((10 - part) * 2)
    assert pace.left(10, 53.0) == pytest.approx(3 * 2 - 1)  # a second into the next part


def test_only_the_recent_speed_counts():
    pace, now, done = Pace(0.0), 0.0, 0
    for seconds in [10.0] * 20 + [1.0] * 40:
        now, done = now + seconds, done + 1
        pace.note(done, now)
    assert pace.left(100, now) == pytest.approx(40 * 1.0)
    for seconds in [10.0] * 5:  # and at once slower, as it is
        now, done = now + seconds, done + 1
        pace.note(done, now)
    assert pace.left(100, now) == pytest.approx(35 * 10.0)


def test_a_part_that_takes_long_slows_the_speed():
    pace = Pace(0.0)
    for part in (1, 2, 3):
        pace.note(part, float(part))
    # Of the parts 2 and 3 one took a second; 7 s later the part 4 is still going on.
    assert pace.left(10, 10.0) == pytest.approx((10 - 3) * (10.0 - 1.0) / 2)


def test_what_does_not_grow_tells_nothing():
    pace = Pace(0.0, 5.0)
    pace.note(5.0, 3.0)
    assert pace.left(10, 3.0) is None
    pace.note(6.0, 4.0)
    assert pace.left(10, 4.0) == pytest.approx(16.0)


# Words.


def phase_of(name, clock, **options):
    return Phase(name, Reporter(clock=clock), **options)


def test_the_words_of_phases():
    clock = Clock()
    outer = phase_of("working", clock)
    assert words.line([outer], clock.now + 5) == "working, 5 s so far"
    training = phase_of("training", clock, of=30, unit="epochs")
    training.advance(2.7, "loss 0.25")
    assert words.line([outer, training], clock.now + 1) == "training 2 of 30 epochs (loss 0.25)"
    compiling = phase_of("compiling", clock)
    assert (
        words.line([outer, training, compiling], clock.now + 7)
        == "training 2 of 30 epochs (loss 0.25) · compiling, 7 s so far"
    )


def test_the_time_left_states_its_basis():
    clock = Clock()
    figures = phase_of("figures", clock, of=16)
    for done in range(1, 6):
        clock.now += 2
        figures.advance(done)
    assert words.line([figures], clock.now) == "figures 5 of 16, about 22 s left at recent speed"
    figures.advance(5, "horizon 4 of 10 s", left=300.0)
    assert words.line([figures], clock.now) == (
        "figures 5 of 16 (horizon 4 of 10 s), about 5 min left at this pace"
    )
    uneven = phase_of("causes", clock, of=15, even=False)
    for done in (1, 2):
        clock.now += 2
        uneven.advance(done)
    assert words.line([uneven], clock.now) == "causes 2 of 15, 4 s so far"


def test_large_counts_are_a_share_and_unknown_ones_a_number():
    clock = Clock()
    known = phase_of("extracting", clock, of=1_000_000, unit="samples")
    known.advance(340_000)
    assert words.line([known], clock.now) == "extracting 34%"
    assert words.share([known]) == pytest.approx(0.34)
    unknown = phase_of("extracting", clock, unit="samples")
    unknown.advance(3_000_000)
    assert words.line([unknown], clock.now) == "extracting 3,000,000 samples"
    assert words.share([unknown]) is None


# Reporting.


def test_phases_begin_and_end_within_one_another():
    seen = Recorder()
    with (
        progress.reporting_to(seen),
        progress.phase("a"),
        progress.phase("b", 2) as inner,
    ):
        inner.advance(1, "half")
    assert seen.told == [
        [("a", 0, None, "")],
        [("a", 0, None, ""), ("b", 0, 2, "")],
        [("a", 0, None, ""), ("b", 1, 2, "half")],
        [("a", 0, None, "")],
        [],
    ]


def test_an_error_ends_the_phases_it_leaves():
    seen = Recorder()
    with progress.reporting_to(seen) as reporter:
        left = progress.each("items", [1, 2, 3])  # kept, as a traceback keeps it
        with contextlib.suppress(ValueError), progress.phase("outer"):
            for _ in left:
                raise ValueError
        assert reporter.phases == ()
        with progress.phase("next"):
            left.close()  # late: what it was in has ended
            assert [phase.name for phase in reporter.phases] == ["next"]
    assert seen.told[-1] == []


def test_items_are_counted_and_a_single_one_is_no_phase():
    seen = Recorder()
    with progress.reporting_to(seen):
        assert list(progress.each("figures", "abc")) == ["a", "b", "c"]
        assert [told[0][1] for told in seen.told if told] == [0, 1, 2, 3]
        count = len(seen.told)
        assert list(progress.each("figures", "a")) == ["a"]
        assert len(seen.told) == count


def test_without_a_view_the_work_is_done_all_the_same():
    with progress.phase("alone", 3) as phase:
        phase.advance(2)
    assert phase.done == 2
