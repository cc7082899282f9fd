"""The rules for the body of an export request, with Laravel's words for their breach."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

from tap_cometly import vocabulary
from tap_cometly.sandbox.queries import CompanyQuery, ContactQuery, EventQuery, Query

if TYPE_CHECKING:
    from tap_cometly.sandbox.quirks import Quirks

Today = Callable[[], dt.date]

_TOLERATED_FIELDS: Final = frozenset({"id", "event_time_utc"})
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


class Invalid(Exception):  # noqa: N818 - reads as what it says: raise Invalid(errors)
    """A body that breaks rules.

    Args:
        errors: Messages by field, in the order in which they were found.
    """

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        messages = [message for field in errors.values() for message in field]
        more = len(messages) - 1
        rest = f" (and {more} more error{'s' if more > 1 else ''})" if more else ""
        super().__init__(messages[0] + rest)


class _Form:
    """The fields of a body, and what is wrong with them."""

    def __init__(self, body: bytes) -> None:
        try:
            values = json.loads(body)
        except (ValueError, RecursionError):
            values = None  # Laravel takes a body that it cannot read for an empty one
        self.values: dict[str, Any] = values if isinstance(values, dict) else {}
        self.errors: dict[str, list[str]] = {}

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def blame(self, name: str, message: str) -> None:
        """Note a breach; {} in the message is the name in words."""
        self.errors.setdefault(name, []).append(message.format(name.replace("_", " ")))

    def check(self) -> None:
        if self.errors:
            raise Invalid(self.errors)

    def names(self, name: str, known: Collection[str], most: int, quirks: Quirks) -> tuple[str, ...]:
        """Return a list of names: 1 to ``most``, each once, all known."""
        values = self.get(name)
        if values is None:
            return ()
        if not isinstance(values, list):
            self.blame(name, "The {} field must be an array.")
            return ()
        if not values:
            self.blame(name, "The {} field must have at least 1 items.")
        if len(values) > most:
            self.blame(name, f"The {{}} field must not have more than {most} items.")
        for place, value in enumerate(values):
            if values.count(value) > 1:
                self.blame(f"{name}.{place}", "The {} field has a duplicate value.")
            if not isinstance(value, str):
                self.blame(f"{name}.{place}", "The {} field must be a string.")
            elif value not in known and quirks.unknown_names == "reject":
                self.blame(f"{name}.{place}", "The selected {} is invalid.")
        return tuple(value for value in values if isinstance(value, str) and value in known)

    def one_of(self, name: str, known: Collection[Any]) -> Any:
        """Return a value that must be one of the known."""
        value = self.get(name)
        if value is not None and (isinstance(value, (bool, list, dict)) or value not in known):
            self.blame(name, "The selected {} is invalid.")
        return value

    def time(self, name: str) -> dt.datetime:
        """Return a local time such as ``2025-03-01 00:00:00``."""
        value = self.get(name)
        if value is None:
            self.blame(name, "The {} field is required.")
        else:
            try:
                if isinstance(value, str) and _TIME.fullmatch(value):
                    return dt.datetime.fromisoformat(value)
            except ValueError:
                pass
            self.blame(name, "The {} field must match the format Y-m-d H:i:s.")
        return dt.datetime.min  # noqa: DTZ901 - never used: there is an error now


def event_query(body: bytes, today: Today, quirks: Quirks) -> Query:
    """Read the body of ``POST /events/exports``.

    Raises:
        Invalid: It breaks a rule.
    """
    form = _Form(body)
    date = _date(form, today, quirks)
    query_mode = form.one_of("query_mode", vocabulary.QUERY_MODES) or "profile"
    event_names = form.names("event_names", vocabulary.EVENT_NAMES, vocabulary.MAX_EVENT_NAMES, quirks)
    sources = form.names("sources", vocabulary.SOURCES, vocabulary.MAX_SOURCES, quirks)
    model, window = _attribution(form, quirks)
    known_fields = {*vocabulary.REQUESTABLE_NAMES, *_TOLERATED_FIELDS}
    fields = form.names("fields", known_fields, vocabulary.MAX_FIELDS, quirks)
    for place, name in enumerate(form.get("fields") or () if fields else ()):
        if name in vocabulary.HIERARCHY_NAMES and not form.get("sources"):
            form.blame(f"fields.{place}", f"The {name} field requires sources.")
    form.check()
    return EventQuery(
        date=date,
        fields=fields,
        sources=sources,
        attribution_model=model if sources else None,
        attribution_window=window if sources else None,
        event_names=event_names,
        query_mode=query_mode,
    )


def contact_query(body: bytes, today: Today, quirks: Quirks) -> Query:
    """Read the body of ``POST /contacts/exports``.

    Raises:
        Invalid: It breaks a rule.
    """
    del today
    form = _Form(body)
    start, end = _range(form, quirks)
    flags = {name: form.one_of(name, (0, 1, "0", "1")) for name in ("include_comet_tokens", "include_all_emails")}
    form.check()
    wanted = {name: str(flag) == "1" for name, flag in flags.items()}
    return ContactQuery(start, end, **wanted, include_created_at=quirks.created_at == "present")


def company_query(body: bytes, today: Today, quirks: Quirks) -> Query:
    """Read the body of ``POST /companies/exports``.

    Raises:
        Invalid: It breaks a rule.
    """
    del today
    form = _Form(body)
    start, end = _range(form, quirks)
    form.check()
    return CompanyQuery(start, end)


def first_day(body: bytes) -> dt.date | None:
    """Return the (first) day that a body asks for, as far as it can be read; for faults and the log."""
    form = _Form(body)
    value = form.get("date") or form.get("start_date")
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _date(form: _Form, today: Today, quirks: Quirks) -> dt.date:
    value = form.get("date")
    date = dt.date.min
    if value is None:
        form.blame("date", "The {} field is required.")
        return date
    try:
        # Some Pythons also read 20250301.
        date = dt.date.fromisoformat(value if _DAY.fullmatch(str(value)) else "")
    except ValueError:
        form.blame("date", "The {} field must match the format Y-m-d.")
        return date
    if date > today() and quirks.future_day == "reject":
        form.blame("date", "The {} field must be a date before or equal to today.")
    if date == today() and quirks.open_day == "reject":
        form.blame("date", "The {} field must be a date before today.")
    return date


def _attribution(form: _Form, quirks: Quirks) -> tuple[str | None, int | None]:
    given = {name: form.get(name) for name in ("attribution_model", "attribution_window")}
    for name, value in given.items():
        if form.get("sources") is None:
            if value is not None and quirks.attribution_without_sources == "reject":
                form.blame(name, "The {} field is prohibited unless sources is present.")
        elif value is None:
            form.blame(name, "The {} field is required when sources is present.")
    model = form.one_of("attribution_model", vocabulary.ATTRIBUTION_MODELS)
    windows = (*vocabulary.ATTRIBUTION_WINDOWS, *map(str, vocabulary.ATTRIBUTION_WINDOWS))
    window = form.one_of("attribution_window", windows)
    return model, None if window is None or form.errors else int(window)


def _range(form: _Form, quirks: Quirks) -> tuple[dt.datetime, dt.datetime]:
    start, end = form.time("start_date"), form.time("end_date")
    if not form.errors and end <= start:
        form.blame("end_date", "The {} field must be a date after start date.")
    if not form.errors and quirks.max_range_days and end - start > dt.timedelta(days=quirks.max_range_days):
        form.blame("end_date", f"The {{}} field must be within {quirks.max_range_days} days of start date.")
    return start, end
