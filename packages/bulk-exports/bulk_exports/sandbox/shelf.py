"""The objects behind the links: files of lines, made once per content and kept in a private folder."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import gzip
import hashlib
import itertools
import os
import pathlib
import tempfile
import threading
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Final, Generic, NamedTuple, TypeVar

ROOM: Final = 2 * 1024**3
"""Bytes of files kept; the least recently used are made anew when they are asked for again."""
_LINES_AT_ONCE: Final = 1000
_FAST: Final = 1
_GZIP_WBITS: Final = 31

Lines = Iterable[bytes]
ContentT = TypeVar("ContentT", bound=Hashable)


@dataclasses.dataclass(frozen=True)
class Form:
    """How the lines of a file are put down.

    Attributes:
        compressed: gzip, or plain.
        member_rows: Lines per gzip member; None: one member.
        newline: What ends a line.
        final_newline: Whether it also ends the last one.
        blank_lines: Whether empty lines lie between the others.
        order: Which shuffle of the rows.
        alter: Changes the lines themselves; compared by identity.
    """

    compressed: bool = True
    member_rows: int | None = None
    newline: bytes = b"\n"
    final_newline: bool = True
    blank_lines: bool = False
    order: int = 0
    alter: Callable[[Iterator[bytes]], Lines] | None = None


class StoredObject(NamedTuple):
    """One file on the shelf."""

    path: pathlib.Path
    size: int
    etag: str
    lines: int


class Shelf(Generic[ContentT]):
    """Makes files in the background and keeps them.

    Args:
        name: Begins the name of the folder and of the threads.
        suffix: Ends the names of the files.
        lines: Returns the lines of a content, in a form's order. Contents are equal if their lines are.
    """

    def __init__(self, name: str, suffix: str, lines: Callable[[ContentT, Form], Iterator[bytes]]) -> None:
        self._suffix = suffix
        self._lines = lines
        self._folder = tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True)
        self._pool = concurrent.futures.ThreadPoolExecutor(2, f"{name}-shelf")
        self._lock = threading.Lock()
        self._made: collections.OrderedDict[tuple[ContentT, Form], concurrent.futures.Future[StoredObject]] = (
            collections.OrderedDict()
        )
        self._used = 0
        self._names = itertools.count()
        self._closing = threading.Event()

    def build(self, content: ContentT, form: Form) -> concurrent.futures.Future[StoredObject]:
        """Return the object, which may still be in the making."""
        key = content, form
        with self._lock:
            future = self._made.pop(key, None)
            if future is None or (future.done() and future.exception()):
                future = self._pool.submit(self._make, content, form)
            self._made[key] = future
            self._make_room()
        return future

    def close(self) -> None:
        """Stop what is in the making and remove every file."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def _make(self, content: ContentT, form: Form) -> StoredObject:
        path = pathlib.Path(self._folder.name) / f"{next(self._names)}{self._suffix}"
        digest = hashlib.md5(usedforsecurity=False)  # as S3 does
        size = count = 0
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            made = self._lines(content, form)
            for data, lines in _pack(form.alter(made) if form.alter else made, form):
                if self._closing.is_set():
                    raise concurrent.futures.CancelledError
                file.write(data)
                digest.update(data)
                size += len(data)
                count += lines
        with self._lock:
            self._used += size
        return StoredObject(path, size, f'"{digest.hexdigest()}"', count)

    def _make_room(self) -> None:
        """Forget the least recently used files until the rest fit."""
        if self._used <= ROOM:
            return
        done = [key for key, future in self._made.items() if future.done() and not future.exception()]
        for key in done[:-1]:
            if self._used <= ROOM:
                break
            stored = self._made.pop(key).result()
            self._used -= stored.size
            with contextlib.suppress(OSError):  # Windows does not remove a file that is being read
                stored.path.unlink()


def _pack(lines: Lines, form: Form) -> Iterator[tuple[bytes, int]]:
    """Yield the bytes of the file in pieces, each with the number of lines in it."""
    if not form.compressed:
        yield from _join(lines, form)
    elif form.member_rows:
        empty = True
        for text, count in _join(lines, form):
            yield gzip.compress(text, _FAST, mtime=0), count
            empty = False
        if empty:
            yield gzip.compress(b"", mtime=0), 0
    else:
        squeeze = zlib.compressobj(_FAST, wbits=_GZIP_WBITS)
        for text, count in _join(lines, form):
            yield squeeze.compress(text), count
        yield squeeze.flush(), 0


def _join(lines: Lines, form: Form) -> Iterator[tuple[bytes, int]]:
    """Yield the text of the file in pieces, each with the number of lines in it."""
    source = iter(lines)
    separator = form.newline * 2 if form.blank_lines else form.newline
    before = b""
    while chunk := list(itertools.islice(source, form.member_rows or _LINES_AT_ONCE)):
        yield before + separator.join(chunk), len(chunk)
        before = separator
    if before and form.final_newline:
        yield form.newline, 0
