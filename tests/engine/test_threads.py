"""The thread that works ahead: the same pieces in the same order, and it is in nobody's way."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_exports.engine.threads import prefetch
from simulation.patience import HANG_SECONDS


@given(st.lists(st.binary()))
def test_the_pieces_are_the_same(pieces):
    assert list(prefetch(iter(pieces))) == pieces


def test_the_next_piece_is_made_while_one_is_looked_at():
    made = threading.Semaphore(0)

    def pieces():
        for piece in (b"first", b"second"):
            made.release()
            yield piece

    for piece in prefetch(pieces()):
        if piece == b"first":
            assert all(made.acquire(timeout=HANG_SECONDS) for _ in range(2))


def test_an_error_comes_after_the_pieces_before_it():
    def pieces():
        yield b"whole"
        raise EOFError

    got = prefetch(pieces())
    assert next(got) == b"whole"
    with pytest.raises(EOFError):
        next(got)


def test_whoever_stops_looking_leaves_nobody_at_work():
    before = threading.active_count()
    got = prefetch(iter([b"a", b"b", b"c"]))
    next(got)
    assert threading.active_count() == before + 1
    got.close()
    assert threading.active_count() == before


def test_a_program_ends_even_where_a_piece_never_comes():
    program = """if True:
        import threading
        from bulk_exports.engine.threads import prefetch
        asked = threading.Event()
        def pieces():
            asked.set()
            yield threading.Event().wait()
        threading.Thread(target=list, args=[prefetch(pieces())], daemon=True).start()
        asked.wait()
    """
    subprocess.run([sys.executable, "-c", program], timeout=HANG_SECONDS, check=True)
