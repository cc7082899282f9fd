"""Spool files: what waits on disk, seen by nobody.

They have no name: the system frees them when the process ends, however it ends, and no other process can open them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import socket
import tempfile
from typing import IO, TYPE_CHECKING

from bulk_exports.engine.errors import LocalLimitError, SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator


def spool_file() -> IO[bytes]:
    """Open a private, nameless file in the folder for temporary files: ``TMPDIR``, or the system's.

    Raises:
        SpoolError: The folder is not usable.
    """
    with disk("an export"):
        return tempfile.TemporaryFile(dir=_folder())


@contextlib.contextmanager
def disk(what: str) -> Iterator[None]:
    """Let errors of the disk stop the run, with a message that helps.

    Args:
        what: What is written in this context.

    Raises:
        SpoolError: The disk does not take it.
    """
    try:
        yield
    except OSError as error:
        if is_file_limit(error):
            raise too_many_files() from None
        try:
            folder = _folder()
        except OSError:
            folder = "none usable"
        raise SpoolError(
            f"cannot write {what} to the folder for temporary files ({folder}): {error.strerror or error}. "
            "Free some space, or set TMPDIR to a folder with room for a few exports"
        ) from None


def is_file_limit(error: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, is that the process may open no more files."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        if isinstance(each, OSError) and each.errno in {errno.EMFILE, errno.ENFILE}:
            return True
        if isinstance(each, socket.gaierror) and _none_can_be_opened():
            return True  # to find out an address takes files too, but the system says only that it is not known
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return False


def _none_can_be_opened() -> bool:
    try:
        pair = socket.socketpair()
    except OSError as error:
        return error.errno in {errno.EMFILE, errno.ENFILE}
    for each in pair:
        each.close()
    return False


def too_many_files() -> LocalLimitError:
    """Return the error that says so, and what helps."""
    return LocalLimitError(
        "the process may open no more files. Raise the limit (`ulimit -n 1024`), or lower the setting "
        "`max_exports_in_flight`"
    )


def _folder() -> str:
    """Return the folder, and unlike `tempfile.gettempdir` write nothing to try it, nor take another than was named."""
    named = filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP")))
    usual = pathlib.Path("/tmp")  # noqa: S108 - files in it have no name
    return next(named, str(usual) if usual.is_dir() else tempfile.gettempdir())
