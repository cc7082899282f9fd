"""One large JSON object: bytes of an export file to rows, without ever having all of it in memory.

Such a file nests what a table needs flat, and how is the vendor's own business. So a stream declares which parts of the
object it wants, as paths, and a function that makes rows of one part. That the object is whole shows only at its
closing brace, and that is waited for: what has been converted until then is on disk, and nobody has seen it.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping  # noqa: TC003 - annotations are read, see `misfits`
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from bulk_exports.annotations import misfits
from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.engine.threads import prefetch
from bulk_exports.files.content import Kind, chunks
from bulk_exports.files.json_parts import Crossing
from bulk_exports.files.json_stream import JsonStream, UnexpectedJsonError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator

    from bulk_exports import fields
    from bulk_exports.files.json_parts import Part, Path

ROWS_AT_ONCE: Final = 500
"""Rows that make a block."""

_KIND: Final = Kind("a JSON object", lambda head: head.startswith(b"{"))
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class JsonObject:
    """The format of files that hold one JSON object.

    Attributes:
        parts: Paths of the parts that are wanted, by a name for parts of this kind. No part lies within another.
        rows: Makes rows of a part.
        needs: Names without which an object on the way to parts is something else, such as an answer that tells of an
            error. If there are any, a file is refused where such an object lacks them, or where neither an object nor
            a list stands on the way. What stands beside a name that a path has is skipped.
    """

    parts: Mapping[str, tuple[Path, ...]]
    rows: Callable[[Part], Iterable[Mapping[str, Any]]]
    needs: tuple[str, ...] = ()

    @property
    def converts(self) -> bool:
        """See `Format.converts`."""
        return True

    def broken_rules(self, _columns: Collection[str]) -> Iterator[str]:
        """Yield what is wrong with it; see `HasRules.broken_rules`."""
        yield from misfits(self, JsonObject, where="format", unread=("Part", "Path"))
        try:
            Crossing.of(self.parts, self.needs)
        except ValueError as error:
            yield f"`format.parts` cannot be: {error}"

    def read(self, file: IO[bytes], columns: Mapping[str, fields.Kind | None]) -> JsonObjectFile:
        """Return what reads a file; see `Format.read`."""
        return JsonObjectFile(file, columns, self)


class JsonObjectFile:
    """A file with one JSON object that is being read.

    Args:
        file: The file.
        columns: The columns that are wanted.
        rules: What is to be made of it.
    """

    def __init__(self, file: IO[bytes], columns: Mapping[str, fields.Kind | None], rules: JsonObject) -> None:
        self.unknown: frozenset[str] = frozenset()
        self.missing: frozenset[str] = frozenset()
        self.rows = None
        self._columns = columns.keys()
        self._rules = rules
        self._start = Crossing.of(rules.parts, rules.needs)
        self._chunks = prefetch(chunks(file, _KIND))

    def blocks(self) -> Generator[bytes]:
        """Yield the rows as lines of JSON; see `Reading.blocks`."""
        parts = JsonStream(self._chunks).parts(self._start)
        rows = itertools.chain.from_iterable(map(self._rules.rows, parts))
        wanted = self._columns
        number = 1
        try:
            while some := list(itertools.islice(rows, ROWS_AT_ONCE)):
                for place, row in enumerate(some):
                    if row.keys() != wanted:
                        some[place] = {name: row.get(name) for name in wanted}
                try:
                    block = _encoded(some)
                except UnicodeEncodeError:
                    where = f"rows {number} to {number + len(some) - 1}"
                    raise UnexpectedJsonError("half a character (a lone surrogate)", where) from None
                number += len(some)
                yield block
        except UnexpectedJsonError as error:
            # Nothing can be said of a file that was altered on its way, and whether it was shows only at its end.
            collections.deque(self._chunks, maxlen=0)
            raise InvalidRowsError(str(error)) from None
        finally:
            self._chunks.close()

    def place(self, row: int) -> str:
        """Return the number of a row; see `Reading.place`. The object itself has no better places."""
        return f"row {row}"


def _encoded(rows: list[Any]) -> bytes:
    try:
        return _ENCODER.encode_lines(rows)
    except OverflowError:
        return _ENCODER.encode_lines(list(map(_with_any_integer, rows)))


def _with_any_integer(value: Any) -> Any:
    """Return a JSON value whose integers of more than 64 bits are decimals, which can be encoded."""
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else Decimal(value)
    if isinstance(value, dict):
        return {name: _with_any_integer(inner) for name, inner in value.items()}
    return list(map(_with_any_integer, value)) if isinstance(value, list) else value
