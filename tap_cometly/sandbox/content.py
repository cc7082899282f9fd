"""What an export holds, and how it becomes the lines of a file."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from bulk_exports.sandbox.shelf import Shelf
from tap_cometly.sandbox import spelling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulk_exports.sandbox.shelf import Form
    from tap_cometly.sandbox.history import Past
    from tap_cometly.sandbox.queries import Query, Space


@dataclasses.dataclass(frozen=True)
class Content:
    """What an export holds: the query, and the past as it was at the end of the job.

    Two contents are equal if their rows are, as far as can be told without making them.
    """

    query: Query
    revision: tuple[int, int]
    until: float | None
    past: Past = dataclasses.field(compare=False, repr=False)


def shelf_of(space: Space) -> Shelf[Content]:
    """Return the shelf for the files of a Space: gzip files of NDJSON."""

    def lines(content: Content, form: Form) -> Iterator[bytes]:
        until = float("inf") if content.until is None else content.until
        rows = content.query.rows(space, content.past, until, form.order)
        return (line.encode() for line in spelling.lines(rows, space.quirks))

    return Shelf("cometly-sandbox", ".ndjson.gz", lines)
