"""BATCH: the records of a day as files, and messages that only name them.

A file gets its name when it is complete: until then it has another one, which says so, and an error or a signal takes
it away again. Names say stream, day, export and part, so no run ever writes over what another one has announced.
Nobody deletes the files but the user: the reader may be late, and need them again.
"""

from __future__ import annotations

import contextlib
import gzip
import uuid
from typing import IO, TYPE_CHECKING, Any, Final

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._batch import BaseBatchFileEncoding, StorageTarget
from upath import UPath

from bulk_exports.errors import TapError
from bulk_exports.outputs.standard_streams import OutputError
from bulk_exports.records.encode import Records

_open_gzip: Any
try:
    from isal.igzip_threaded import open as _open_gzip
except ImportError:  # no wheel of it for this machine
    _open_gzip = None

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers._batch import BatchConfig

_FASTEST: Final = 1
"""Compression level: the files are read once, and soon."""
_EXTRAS: Final = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""The extra of this distribution that brings what a kind of storage needs."""


class BatchFolder:
    """Where the files of a stream go.

    Args:
        config: The setting ``batch_config``.

    Raises:
        ConfigValidationError: It asks for something that cannot be done.
    """

    def __init__(self, config: BatchConfig) -> None:
        encoding: object = config.encoding
        storage: Any = config.storage
        if not isinstance(encoding, BaseBatchFileEncoding) or not isinstance(storage, StorageTarget):
            raise _refusal(
                "`batch_config` must hold `encoding` and `storage`, for example "
                '{"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": "output/"}}'
            )
        if config.encoding.format != "jsonl" or config.encoding.compression not in {"gzip", "none", None}:
            raise _refusal(
                "`batch_config` asks for files that this tap does not write: set `encoding.format` to 'jsonl' and "
                "`encoding.compression` to 'gzip' or 'none'"
            )
        if type(config.batch_size) is not int or config.batch_size < 1:
            raise _refusal("`batch_config.batch_size` is the number of records in a file: at least 1")
        if not all(isinstance(text, str) for text in (storage.root, storage.prefix or "")):
            raise _refusal("`batch_config.storage.root` and `prefix` must be text")
        try:
            self._root = UPath(storage.root, **storage.params).resolve()
        except ImportError:
            raise _refusal(_missing_package(storage.root)) from None
        except (OSError, TypeError, ValueError) as error:
            raise _refusal(f"`batch_config.storage` cannot be used: {error}") from None
        self._config = config
        self._gzipped = config.encoding.compression == "gzip"
        self._check_storage()

    def _check_storage(self) -> None:
        """Write a file and take it away, before the first export is asked for.

        Raises:
            ConfigValidationError: The storage cannot be reached, or not written to.
        """
        root = self._config.storage.root
        try:
            path = self._root / f"{self._config.storage.prefix or ''}{uuid.uuid4().hex}.probe"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
            path.unlink()
        except ImportError:
            raise _refusal(_missing_package(root)) from None
        except Exception as error:  # noqa: BLE001 - every library for a storage has its own
            reason = str(error) or type(error).__name__
            raise _refusal(f"`batch_config.storage.root` cannot be written to: {root} ({reason})") from None

    def parts(self, name: str, blocks: Iterable[Records]) -> Iterator[tuple[str, int]]:
        """Write records into files of bounded size; yield address and number of records of each when it is complete.

        Args:
            name: What all their names begin with.
            blocks: The records.
        """
        nothing = Records(b"", 0)
        remaining = (block for block in blocks if block.count)
        rest = next(remaining, nothing)
        number = 0
        while rest.count:
            number += 1
            file_name = f"{self._config.storage.prefix or ''}{name}-part-{number:05}.jsonl"
            file_name += ".gz" if self._gzipped else ""
            rows = 0
            with self._complete_or_gone(file_name) as file:
                while rows < self._config.batch_size and rest.count:
                    taken, rest = rest.divided(self._config.batch_size - rows)
                    file.write(taken.text)
                    rows += taken.count
                    rest = rest if rest.count else next(remaining, nothing)
            yield self._config.storage.get_url(file_name), rows

    @contextlib.contextmanager
    def _complete_or_gone(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file that has its name only after the context, and only if nothing went wrong."""
        path = self._root / name
        unfinished = path.with_name(f"{path.name}.unfinished")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as raw, _gzip(raw) if self._gzipped else contextlib.nullcontext(raw) as file:
                yield file
            unfinished.rename(path)
        except (TapError, OSError) as error:
            _remove(unfinished)
            if isinstance(error, TapError):
                raise
            raise OutputError(
                f"cannot write to `batch_config.storage.root` ({self._config.storage.root}): "
                f"{error.strerror or error}. Files that were named before are complete"
            ) from None
        except BaseException:  # whatever ends the run, a file that is cut short must not stay behind
            _remove(unfinished)
            raise


def _missing_package(root: str) -> str:
    protocol = root.partition("://")[0]
    extra = _EXTRAS.get(protocol)
    install = f"install the tap with its extra `{extra}`" if extra else f"install what fsspec needs for {protocol}://"
    return f"`batch_config.storage.root` is {root}, for which a package is missing: {install}"


def _refusal(words: str) -> ConfigValidationError:
    return ConfigValidationError(words, errors=[words])  # the SDK's command line tells the list only


def _remove(path: Any) -> None:
    with contextlib.suppress(OSError):  # it may be why we are here
        path.unlink(missing_ok=True)


def _gzip(raw: IO[bytes]) -> contextlib.AbstractContextManager[IO[bytes]]:
    """Compress what is written, in a thread of its own where that can be had."""
    if _open_gzip is None:
        opened: Any = gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=_FASTEST)
    else:
        opened = _open_gzip(raw, "wb", compresslevel=_FASTEST, threads=1)
    return contextlib.closing(opened)
