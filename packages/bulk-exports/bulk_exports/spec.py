"""What a vendor declares of a stream of exports. Everything else is done for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping  # noqa: TC003 - annotations are read, see `misfits`
from datetime import date, datetime, timedelta  # noqa: TC003
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Protocol, TypeVar

from typing_extensions import override

from bulk_exports import declarations
from bulk_exports.annotations import misfits
from bulk_exports.declarations import DeclarationError
from bulk_exports.fields import Field, Measures, json_schema

if TYPE_CHECKING:
    from bulk_exports.engine.polling import Polling
    from bulk_exports.files.format import Format
    from bulk_exports.windows.windows import Window


class Query(Protocol):
    """What is asked of the vendor for every window of a stream: columns and filters."""

    @property
    def breaking(self) -> Collection[str]:
        """Names in the fingerprint that decide what a row means, or which rows there are."""

    def fingerprint(self) -> Mapping[str, Any]:
        """Return the query as STATE remembers it: JSON values by name, ``fields`` among them, the names of the columns.

        A run adds ``timezone`` and ``ledger``, which may be breaking, too, and ``variants``.
        """

    def ledger_values(self) -> Mapping[str, Any]:
        """Return the query as it stands in a row of the ledger, by the names of `Ledger.query_fields`."""


QueryT = TypeVar("QueryT", bound=Query)
_LOADED_LATER: Final = ("Format", "Polling")
"""Rooms that only a run needs are not loaded for the sake of annotations."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """One of several exports that only together hold the rows of a window.

    Attributes:
        name: What people call it, and how the client tells it from the others.
        values: What its rows have in columns that do not come from the vendor.
    """

    name: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True)
class ExportRequest(Generic[QueryT]):
    """What one export is asked for: a query, for one window.

    Attributes:
        window: The days, in the vendor's timezone.
        variant: Which of the stream's variants; None where it has none.
        query: Columns and filters.
        planned_at: The moment at which the run was planned, the same for all of its requests: an open window is asked
            for up to it, and not up to whenever its turn comes.
    """

    window: Window
    query: QueryT = dataclasses.field(compare=False)
    planned_at: datetime = dataclasses.field(compare=False)
    variant: Variant | None = None

    @property
    def day(self) -> date:
        """The first day, which is the only one where a stream exports a day at a time."""
        return self.window.first

    @override
    def __str__(self) -> str:
        """Return the days, which is how people name an export."""
        return f"{self.window} ({self.variant.name})" if self.variant else str(self.window)


@dataclasses.dataclass(frozen=True)
class Ledger:
    """A stream that says for each window which version of it is true.

    Attributes:
        name: Name of the stream.
        day: What its day is, in a sentence.
        query_fields: Columns with what was asked; see `Query.ledger_values`.
        names_of_exports: What the vendor's names of its exports are.
    """

    name: str
    day: str = "The calendar day."
    query_fields: tuple[Field, ...] = ()
    names_of_exports: Literal["integer", "string"] = "integer"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows:
    """How a stream's days are asked for.

    Attributes:
        snapshot: Whether there are no days: every export holds all that there is, and every run makes one.
        max_days: How many days an export covers at most; no more than `MAX_WINDOW_DAYS`.
        rows_move: Whether a row goes to a later window when it changes, as it does where windows are cut by the time of
            the last change. Windows are then written from the oldest to the newest, so that what is newer stays.
        rows_outside: What it means that `Measures.time` of a row lies outside of the window. ``refused``: it is another
            window's file, or the time zone is not the one that was set. ``left out``: the vendor's bounds are vague, so
            that a little more is asked for than is wanted; such rows are left out, and counted. ``told``: nobody knows
            by which time the vendor cuts; such rows are taken, and counted. ``taken``: nothing, which is all that it
            can mean for a snapshot.
    """

    snapshot: bool = False
    max_days: int = 1
    rows_move: bool = False
    rows_outside: Literal["refused", "left out", "told", "taken"] = "refused"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportStream:
    """A stream whose rows come in exports, one for each window.

    A stream with a ledger *reconciles*: the ledger says which version of each day is true, and rows carry day and
    version. A stream without one is merely kept up to date by its key.

    Attributes:
        name: Name of the stream: letters, digits, underscores and hyphens.
        vendor: What people call the vendor.
        fields: All columns, in the order in which they are declared.
        left_out: Columns that it may have, too, but that the settings leave out. Measures may be among them.
        key: The columns whose values no two rows share.
        window_field: The column that says which day a row came from; None without a ledger.
        version_field: The column that names what the day held; with both the ledger is joined.
        measures: Columns that mean something everywhere.
        windows: How the days are asked for.
        variants: The exports that only together hold the rows of a window, in the order in which they are written; none
            where one export is all. Where a column that tells them apart is deselected, only the first is asked for.
        jobs_last: How long the vendor keeps what was asked for, so that a run can go on with the exports of one that
            was stopped; None if it does not, or if asking again costs next to nothing.
        calls_per_export: How many requests an export costs, as a rule, where the vendor has a quota of them.
        ledger: The stream that says which version of a day is true.
        query: Makes the query from the names of the selected columns.
        in_order: Puts names of columns into an order that is always the same, whatever a catalog did to it. None for
            the order in which they are declared.
        creates_per_minute: How many exports may be created a minute, as the vendor documents it.
        polling: How often the vendor wants to be asked about an export; None for as often as its budget allows.
        format: How the files of its exports are written; None for NDJSON.
        selected_by_default: Whether the stream is exported unless somebody deselects it.

    Raises:
        DeclarationError: It cannot be, or contradicts itself; names stream and rule.
    """

    name: str
    vendor: str
    fields: tuple[Field, ...]
    left_out: tuple[Field, ...] = ()
    key: tuple[str, ...]
    window_field: Field | None = None
    version_field: Field | None = None
    measures: Measures = dataclasses.field(default_factory=Measures)
    windows: Windows = dataclasses.field(default_factory=Windows)
    variants: tuple[Variant, ...] = ()
    jobs_last: timedelta | None = None
    calls_per_export: int | None = None
    ledger: Ledger | None = None
    query: Callable[[Collection[str]], Query]
    in_order: Callable[[Collection[str]], list[str]] | None = None
    creates_per_minute: float
    polling: Polling | None = None
    format: Format | None = None
    selected_by_default: bool = True

    def __post_init__(self) -> None:
        for rule in misfits(self, ExportStream, unread=_LOADED_LATER):
            raise DeclarationError(self.name, rule)
        for rule in declarations.of_exports(self):
            raise DeclarationError(self.name, rule)

    def query_of(self, columns: Collection[str]) -> Query:
        """Return what the vendor is asked for, if these columns of its own are wanted.

        Raises:
            DeclarationError: It is not what a run can remember.
        """
        query = self.query(columns)
        for rule in declarations.of_query(self, query):
            raise DeclarationError(self.name, rule)
        return query

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the rows."""
        return json_schema(self.fields)

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The columns with which the ledger is joined; they do not come from the vendor."""
        return tuple(field.name for field in (self.window_field, self.version_field) if field)

    @property
    def foreign_columns(self) -> tuple[str, ...]:
        """All columns that do not come from the vendor."""
        return (*self.own_columns, *dict.fromkeys(name for variant in self.variants for name in variant.values))

    @property
    def cursor(self) -> str:
        """The column whose days STATE speaks of: that of the window or else the time of a row; empty for a snapshot."""
        if self.windows.snapshot:
            return ""
        return self.window_field.name if self.window_field else self.measures.time or ""

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """The columns without which rows are of no use: no catalog deselects them.

        They are the key, what the ledger is joined with, what STATE speaks of, and what tells rows outside of a window.
        """
        cut = self.windows.rows_outside in {"left out", "told"}
        times = (self.cursor, (self.measures.time if cut else None) or "")
        return tuple(dict.fromkeys((*self.key, *self.own_columns, *filter(None, times))))

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which its rows are written: its own, and that of its ledger."""
        return (self.name, self.ledger.name) if self.ledger else (self.name,)

    def ordered(self, names: Collection[str]) -> list[str]:
        """Return names of columns in the order that is always the same."""
        if self.in_order:
            return self.in_order(names)
        places = {field.name: place for place, field in enumerate(self.fields)}
        return sorted(names, key=lambda name: (places.get(name, len(places)), name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListStream:
    """A stream of a few rows that the vendor's API lists: no exports, no days, no STATE.

    Attributes:
        name: Name of the stream.
        fields: All columns.
        key: The columns whose values no two rows share.
        rows: Asks the vendor's client for the rows.
        selected_by_default: Whether the stream is read unless somebody deselects it.

    Raises:
        DeclarationError: It cannot be, or contradicts itself; names stream and rule.
    """

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    rows: Callable[[Any], Iterable[Mapping[str, Any]]]
    selected_by_default: bool = True

    def __post_init__(self) -> None:
        for rule in misfits(self, ListStream):
            raise DeclarationError(self.name, rule)
        for rule in declarations.of_list(self):
            raise DeclarationError(self.name, rule)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the rows."""
        return json_schema(self.fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The name under which its rows are written."""
        return (self.name,)
