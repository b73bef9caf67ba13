"""Work beside training: nothing is lost, nothing changes places, and what fails is told."""

import functools
import threading

import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.checkpoints.store import CheckpointStore
from freqjax.errors import UserError
from freqjax.run.beside import Beside


def fail():
    raise UserError("the disk is full.")


def held(event):
    """Return a piece of work that waits for an event."""
    return lambda: None if event.wait(10) else pytest.fail("too long")


def test_pieces_are_done_in_their_order_before_the_end():
    done, first = [], threading.Event()
    with Beside() as beside:
        beside.do(held(first))
        for number in range(3):
            beside.do(functools.partial(done.append, number))
        assert done == []
        first.set()
    assert done == [0, 1, 2]


def test_who_gives_too_much_waits():
    going, done = threading.Event(), []
    with Beside() as beside:
        threading.Timer(0.2, going.set).start()
        beside.do(held(going))
        for number in range(6):
            beside.do(functools.partial(done.append, number))
        assert going.is_set()
        beside.wait()
        assert done == [*range(6)]


def test_what_fails_is_raised_by_the_next_call_and_costs_no_other_piece():
    done = []
    with Beside() as beside:
        beside.do(fail)
        with pytest.raises(UserError, match="full"):
            beside.wait()
        beside.do(functools.partial(done.append, 1))
    assert done == [1]


def test_what_fails_last_is_raised_at_the_end():
    done, going = [], threading.Event()
    with pytest.raises(UserError, match="full"), Beside() as beside:
        beside.do(held(going))
        beside.do(fail)
        beside.do(functools.partial(done.append, 1))
        going.set()
    assert done == [1]


def test_another_exception_goes_first_and_what_came_before_it_is_done():
    done, going = [], threading.Event()
    with pytest.raises(KeyboardInterrupt), Beside() as beside:
        beside.do(held(going))
        beside.do(fail)
        beside.do(functools.partial(done.append, 1))
        going.set()
        raise KeyboardInterrupt
    assert done == [1]


def test_a_checkpoint_that_is_written_later_is_of_the_arrays_as_they_were(tmp_path):
    """An update donates them: their memory may be that of others by then."""
    host = np.arange(5, dtype=np.float32)
    params = {"weights": jnp.array(host)}
    with CheckpointStore(tmp_path, warn=pytest.fail) as store:
        write = store.saving(7, params, {"n": jnp.zeros(2)}, {"a": 1}, metric=1.0)
        params["weights"].delete()
        assert store.steps() == []
        with Beside() as beside:
            beside.do(write)
        assert store.steps() == [7]
        restored = store.restore_best({"weights": jnp.zeros(5)})
    assert restored is not None
    np.testing.assert_array_equal(restored.params["weights"], host)
