"""Reads the body of a request as strictly as the vendor would: what is asked for, or why it is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from tap_apsis_one.sandbox.population import SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_apsis_one.sandbox.population import Defined, Population
    from tap_apsis_one.sandbox.quirks import Quirks

MAX_BODY_BYTES: Final = 100_000
MAX_ATTRIBUTES: Final = 75
MAX_TAGS: Final = 25
MAX_MONTHS: Final = 3
_KNOWN: Final = {
    "profiles": {"segment_filter", "attributes", "tags", "events", "start_at", "end_at"},
    "emails": {
        "segment_filter",
        "additional_attribute_mappings",
        "additional_tag_mappings",
        "start_at",
        "end_at",
    },
}


class RefusedError(Exception):
    """The request is refused.

    Attributes:
        status: With which HTTP status.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        kind: An export of profiles, or of e-mail events.
        begin_ms: From when on.
        end_ms: Until when.
        attributes: Numbers of versions.
        tags: Numbers of versions.
        events: Numbers of versions of event types.
        segment: Place of the segment whose profiles are wanted; None for all.
    """

    kind: str
    begin_ms: int
    end_ms: int
    attributes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    segment: int | None = None

    def wants(self, profile: int) -> bool:
        """Tell whether a profile is wanted."""
        return self.segment is None or profile % len(SEGMENTS) == self.segment

    @property
    def first_day(self) -> dt.date:
        """The first day that is asked for."""
        return dt.datetime.fromtimestamp(self.begin_ms // 1000, dt.timezone.utc).date()


def read(kind: str, content: bytes, population: Population, quirks: Quirks) -> Asked:
    """Return what a body asks for.

    Raises:
        RefusedError: It is not accepted.
    """
    if len(content) > MAX_BODY_BYTES:
        raise RefusedError(413, "The request body is larger than 100 kB.")
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "The request body is not a JSON object.")
    if unknown := sorted(body.keys() - _KNOWN[kind]):
        raise RefusedError(400, f"Unrecognized field: {unknown[0]}.")
    begin = _moment(body, "start_at")
    end = _moment(body, "end_at") if "end_at" in body else begin + dt.timedelta(days=7)
    if end <= begin:
        raise RefusedError(400, "end_at must be after start_at.")
    if end > _months_later(begin, MAX_MONTHS):
        raise RefusedError(400, "The interval between start_at and end_at exceeds three months.")
    attributes_name, tags_name = ("attributes", "tags") if kind == "profiles" else tuple(sorted(_KNOWN["emails"])[:2])
    return Asked(
        kind,
        int(begin.timestamp() * 1000),
        int(end.timestamp() * 1000),
        _versions(body, attributes_name, population.attributes(), quirks, MAX_ATTRIBUTES),
        _versions(body, tags_name, population.tags(), quirks, MAX_TAGS),
        _versions(body, "events", population.event_types(), quirks, None),
        _segment(body),
    )


def _segment(body: Mapping[str, Any]) -> int | None:
    wanted = body.get("segment_filter")
    if wanted is None:
        return None
    own = [discriminator for discriminator, _ in SEGMENTS]
    if not isinstance(wanted, dict) or wanted.get("segment_discriminator") not in own:
        raise RefusedError(400, "segment_filter: there is no such segment.")
    return own.index(wanted["segment_discriminator"])


def _moment(body: Mapping[str, Any], name: str) -> dt.datetime:
    text = body.get(name)
    try:
        return dt.datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.timezone.utc)
    except ValueError:
        raise RefusedError(400, f"{name} is not an ISO 8601 date-time in UTC.") from None


def _months_later(moment: dt.datetime, months: int) -> dt.datetime:
    month = moment.month - 1 + months
    year, month = moment.year + month // 12, month % 12 + 1
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    raise AssertionError


def _versions(
    body: Mapping[str, Any], name: str, defined: Collection[Defined], quirks: Quirks, most: int | None
) -> tuple[str, ...]:
    sections = {number: each.section for each in defined for number in each.versions}
    numbers = _in_shape(body.get(name), name, quirks.request_shape, sections)
    if unknown := [number for number in numbers if number not in sections]:
        raise RefusedError(400, f"{name}: there is no version {unknown[0]}.")
    if most is not None and len(numbers) > most:
        raise RefusedError(400, f"{name}: at most {most} may be requested.")
    return tuple(numbers)


def _in_shape(value: Any, name: str, shape: str, sections: Mapping[str, str]) -> list[str]:
    if value is None:
        return []
    try:
        if shape == "version_ids":
            numbers = list(value) if isinstance(value, list) else [None]
        elif shape == "objects":
            numbers = [each["version_id"] for each in value]
            if any(sections.get(each["version_id"]) != each["section_discriminator"] for each in value):
                raise RefusedError(400, f"{name}: a version belongs to another section.")
        else:
            numbers = [number for section in value for number in value[section]]
            if any(sections.get(number) != section for section in value for number in value[section]):
                raise RefusedError(400, f"{name}: a version belongs to another section.")
    except (TypeError, KeyError):
        numbers = [None]
    texts = [number for number in numbers if isinstance(number, str)]
    if len(texts) < len(numbers):
        raise RefusedError(400, f"{name}: the value is malformed.")
    return texts
