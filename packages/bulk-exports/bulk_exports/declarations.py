"""The rules for what a vendor declares of its streams. What breaks one fails when the tap starts, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.fields import json_schema
from bulk_exports.windows.bookmark import RESERVED_NAMES
from bulk_exports.windows.fingerprint import ADDED, ALWAYS_ADDED, as_remembered
from bulk_exports.windows.windows import MAX_WINDOW_DAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bulk_exports.fields import Field
    from bulk_exports.spec import ExportStream, ListStream, Query

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""A name of a stream, which names files, tables and what STATE holds; Meltano takes a dot for its end."""
_OWN_COLUMNS: Final = {"window_field": "date", "version_field": "string"}
"""What the columns that join a ledger must be."""
_QUERY: Final = ("breaking", "fingerprint", "ledger_values")


class DeclarationError(ValueError):
    """What a vendor declares of a stream cannot be, or contradicts itself. For its developer: a tap does not start."""

    def __init__(self, stream: str, rule: str) -> None:
        super().__init__(f"The declaration of the stream `{stream}` is wrong: {rule}")


def of_exports(stream: ExportStream) -> Iterator[str]:
    """Yield which rules a stream of exports breaks. Each may rely on those before it."""
    yield from _of_names(stream.names)
    fields = (*stream.fields, *stream.left_out)
    yield from of_columns(fields)
    yield from _of_key(stream)
    names = {field.name for field in stream.fields}
    for name in stream.foreign_columns:
        if name not in names:
            yield f"the column `{name}` of the ledger or a variant is not among its fields"
    yield from _of_measures(stream)
    yield from _of_windows(stream)
    yield from _of_variants(stream)
    yield from _of_order(stream)
    if not stream.creates_per_minute > 0:
        yield f"{stream.creates_per_minute} exports a minute are none"
    if stream.calls_per_export is not None and stream.calls_per_export <= 0:
        yield f"an export costs at least one request, not {stream.calls_per_export}"
    if stream.jobs_last is not None and stream.jobs_last.total_seconds() <= 0:
        yield f"exports that last for {stream.jobs_last} are not kept; leave `jobs_last` out"
    yield from _of_ledger(stream)
    yield from _of_polling(stream)
    yield from _of_format(stream, [field.name for field in fields])


def of_list(stream: ListStream) -> Iterator[str]:
    """Yield which rules a stream that is listed breaks."""
    yield from _of_names(stream.names)
    yield from of_columns(stream.fields)
    yield from _of_key(stream)


def of_query(stream: ExportStream, query: Query) -> Iterator[str]:
    """Yield which rules a query breaks, which there is only once columns are selected."""
    for name in _QUERY:
        if not hasattr(query, name):
            yield f"its query, a {type(query).__name__}, lacks `{name}`"
    fingerprint: object = query.fingerprint()
    if not isinstance(fingerprint, Mapping):
        yield f"the fingerprint of its query is of the type {type(fingerprint).__name__}, and no Mapping"
        return
    yield from _of_fingerprint(fingerprint)
    for name in query.breaking:
        if name not in fingerprint and name not in ALWAYS_ADDED:
            yield f"`breaking` of its query names `{name}`, which is not in the fingerprint"
    if stream.ledger:
        said, wanted = set(query.ledger_values()), {field.name for field in stream.ledger.query_fields}
        if odd := sorted(said ^ wanted):
            yield f"`ledger_values` of its query and `query_fields` of its ledger differ in `{'`, `'.join(odd)}`"


def _of_fingerprint(fingerprint: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fingerprint.items():
        try:
            as_remembered({name: value})
        except (TypeError, ValueError) as error:
            yield f"STATE, which is JSON, cannot keep `{name}` in the fingerprint of its query: {error}"
        if name in ADDED:
            yield f"`{name}` in the fingerprint of its query is what a run says there; call it something else"
    fields = fingerprint.get("fields")
    if not isinstance(fields, (list, tuple)) or not all(isinstance(name, str) for name in fields):
        yield "the fingerprint of its query has no `fields`: the names of the columns, as a list"


def of_all(streams: Iterable[ExportStream | ListStream]) -> Iterator[DeclarationError]:
    """Yield which rules streams break that are well each by itself."""
    for name in _repeated([name for stream in streams for name in stream.names]):
        yield DeclarationError(name, "another one, or a ledger, has the same name")


def _of_names(names: Collection[str]) -> Iterator[str]:
    for name in names:
        if not _NAME.fullmatch(name):
            yield (
                f"files, tables and STATE cannot be called {name!r}; a name has letters (a to z, A to Z), digits, "
                "underscores and hyphens, and does not begin with a hyphen"
            )


def of_columns(fields: Collection[Field]) -> Iterator[str]:
    """Yield which rules the columns of a stream break together."""
    names = [field.name for field in fields]
    if "" in names:
        yield "a column has no name"
    for name in _repeated(names):
        yield f"the column `{name}` is declared twice"


def _of_key(stream: ExportStream | ListStream) -> Iterator[str]:
    fields = {field.name: field for field in stream.fields}
    if not stream.key:
        yield "it has no key"
    for name in stream.key:
        if name not in fields:
            yield f"the column `{name}` of the key is not among its fields"
        elif fields[name].nullable:
            yield f"the column `{name}` of the key may be null, but no row does without its key"


def _of_windows(stream: ExportStream) -> Iterator[str]:
    windows = stream.windows
    if windows.max_days < 1:
        yield f"a window has at least one day, not {windows.max_days}"
    if windows.max_days > MAX_WINDOW_DAYS:
        yield f"a window has at most {MAX_WINDOW_DAYS} days, not {windows.max_days}"
    if not windows.snapshot:
        return
    if stream.jobs_last is not None:
        yield "a snapshot is not kept for a later run, which wants what there is then; leave `jobs_last` out"
    if windows.rows_move:
        yield "a snapshot has no later window to which a row could move; leave `rows_move` out"
    if windows.max_days > 1:
        yield f"a snapshot has no days, but its windows have up to {windows.max_days}"
    if windows.rows_outside != "taken":
        yield "no row lies outside of a snapshot; its `rows_outside` is `taken`"


def _of_variants(stream: ExportStream) -> Iterator[str]:
    for name in _repeated([variant.name for variant in stream.variants]):
        yield f"the variant `{name}` is declared twice"
    for place, variant in enumerate(stream.variants):
        for other in stream.variants[:place]:
            if variant.values == other.values:
                yield f"nothing tells rows of the variants `{other.name}` and `{variant.name}` apart"
        yield from (f"of the variant `{variant.name}`, {told}" for told in _misfits(stream, variant.values))


def _misfits(stream: ExportStream, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield which values that do not come from the vendor do not fit their columns, as a run would find."""
    if not values:
        return
    from bulk_exports.records.columns import Column  # noqa: PLC0415 - most streams have no variants

    kinds = {field.name: field.kind for field in stream.fields}
    for name, schema in json_schema(stream.fields)["properties"].items():
        try:
            if name in values:
                Column.declared(name, schema).fit(values[name])
        except (TypeError, ValueError, ArithmeticError):
            yield f"the value of the column `{name}`, {values[name]!r:.100}, is no {kinds[name]}"


def _of_measures(stream: ExportStream) -> Iterator[str]:
    kinds = {field.name: field.kind for field in (*stream.fields, *stream.left_out)}
    wanted = {"key": stream.measures.key, "time": stream.measures.time, "amount": stream.measures.amount}
    for what, name in wanted.items():
        if name is None:
            continue
        if name not in kinds:
            yield f"the measure `{what}` names the column `{name}`, which is not among its fields"
        elif kinds[name] != (kind := {"time": "timestamp", "amount": "number"}.get(what, kinds[name])):
            yield f"the measure `{what}` names the column `{name}`, which is no {kind} but a {kinds[name]}"
    if stream.cursor in RESERVED_NAMES:
        yield f"the column `{stream.cursor}`, of whose days STATE speaks, has the name of something else in STATE"
    if stream.cursor and stream.cursor in {field.name for field in stream.left_out}:
        yield f"STATE speaks of the days of the column `{stream.cursor}`, which is left out"
    if stream.windows.rows_outside in {"left out", "told"} and (
        stream.measures.time is None or stream.measures.time in {field.name for field in stream.left_out}
    ):
        yield "rows outside of a window are known by `measures.time`, which it lacks"


def _of_ledger(stream: ExportStream) -> Iterator[str]:
    fields = len(stream.own_columns)
    if stream.ledger is None:
        if fields:
            yield "a window field and a version field are of no use without a ledger"
        if stream.measures.time is None and not stream.windows.snapshot:
            yield "without a ledger STATE speaks of the days of `measures.time`, which it lacks"
        return
    if stream.ledger.name == stream.name:
        yield f"its ledger is called `{stream.name}`, too"
    if fields < len(_OWN_COLUMNS):
        yield "a ledger is joined by a window field and a version field, and it lacks one of them"
    yield from _of_own_columns(stream)
    if stream.measures.time is None:
        yield "a ledger tells the first and the last `measures.time` of a day, which it lacks"
    if stream.windows.snapshot or stream.variants:
        yield "a ledger speaks of days with one export each; it can have neither snapshots nor variants"
    if stream.windows.max_days > 1:
        yield f"a ledger speaks of single days, but its windows have up to {stream.windows.max_days}"


def _of_own_columns(stream: ExportStream) -> Iterator[str]:
    for what, kind in _OWN_COLUMNS.items():
        field: Field = getattr(stream, what)
        told = f"its {what.replace('_', ' ')} `{field.name}`"
        if field.kind != kind:
            yield f"{told} is no {kind} but a {field.kind}"
        if field not in stream.fields:
            yield f"{told} differs from the column of that name among its fields"


def _of_order(stream: ExportStream) -> Iterator[str]:
    names = [field.name for field in stream.fields]
    if stream.in_order and sorted(stream.in_order(names)) != sorted(names):
        yield "its `in_order` does not return just those columns that it is given"


def _of_polling(stream: ExportStream) -> Iterator[str]:
    if stream.polling is None:
        return
    from bulk_exports.engine.polling import Polling  # noqa: PLC0415 - whoever has one has loaded it

    given: object = stream.polling
    if not isinstance(given, Polling):
        yield f"`polling` is of the type {type(given).__name__}, and no Polling"


def _of_format(stream: ExportStream, names: Collection[str]) -> Iterator[str]:
    if stream.format is None:
        return
    from bulk_exports.files.format import HasRules  # noqa: PLC0415 - whoever has one has loaded it

    given: object = stream.format
    if isinstance(given, type) or not all(hasattr(given, name) for name in ("converts", "read")):
        yield f"`format` is {given!r:.100}, and no format, such as `Csv()`"
    if isinstance(given, HasRules):
        yield from given.broken_rules(names)


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
