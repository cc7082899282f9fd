"""What a local vendor keeps of its files: as many as fit, those used last."""

from __future__ import annotations

import contextlib

from bulk_exports.sandbox import shelf
from bulk_exports.sandbox.shelf import Form, Shelf

PLAIN = Form(compressed=False)


def test_the_least_recently_used_file_goes_where_there_is_no_room_and_is_made_anew(monkeypatch):
    monkeypatch.setattr(shelf, "ROOM", 250)
    with contextlib.closing(Shelf("test", ".txt", lambda content, _form: iter([content * 99]))) as kept:

        def built(content):
            return kept.build(content, PLAIN).result()

        a, b = built(b"a"), built(b"b")
        assert built(b"a") == a
        c = built(b"c")
        assert built(b"c") == c
        assert [each.path.exists() for each in (a, b, c)] == [True, False, True]
        assert built(b"b").path.read_bytes() == b"b" * 99 + b"\n"
        built(b"b")
        assert [each.path.exists() for each in (a, c)] == [False, True]
