"""Work beside training: nothing is lost, nothing changes places, and what fails is told."""

import functools
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from freqjax.checkpoints.store import CheckpointStore
from freqjax.errors import UserError
from freqjax.run.beside import _MOST as MOST
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
        for number in range(MOST + 2):
            beside.do(functools.partial(done.append, number))
        assert going.is_set()
        beside.wait()
        assert done == [*range(MOST + 2)]


def test_what_fails_is_raised_by_the_next_call_and_costs_no_other_piece():
    done = []
    with Beside() as beside:
        beside.do(fail)
        with pytest.raises(UserError, match="full"):
            beside.wait()
        beside.do(functools.partial(done.append, 1))
    assert done == [1]


def test_who_gives_a_piece_hears_of_an_earlier_one_that_failed_and_it_is_done():
    done, failed = [], threading.Event()

    def fails():
        try:
            fail()
        finally:
            failed.set()

    with Beside() as beside:
        beside.do(fails)
        failed.wait()
        with pytest.raises(UserError, match="full"):
            for number in range(100):  # the failure is known soon after the piece has ended
                beside.do(functools.partial(done.append, number))
    assert done == list(range(len(done))) and done


def test_a_piece_runs_on_the_device_of_who_gave_it():
    found, device = [], jax.devices()[1]
    with Beside() as beside, jax.default_device(device):
        beside.do(lambda: found.append(jnp.zeros(2).device))
    assert found == [device]


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
        update = jax.jit(lambda a: a + 1, donate_argnums=0)
        jax.block_until_ready(update(params["weights"]))
        assert params["weights"].is_deleted()  # so that its memory is that of the result
        assert store.steps() == []
        with Beside() as beside:
            beside.do(write)
        assert store.steps() == [7]
        restored = store.restore_best({"weights": jnp.zeros(5)})
    assert restored is not None
    np.testing.assert_array_equal(restored.params["weights"], host)
