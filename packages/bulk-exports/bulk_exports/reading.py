"""Reading settings: a reader takes a value and its JSON Schema, and returns it in its own type or says what is wrong.

A problem is one sentence: rule, what was found, what to do. None of them shows a secret.
"""

from __future__ import annotations

import collections
import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

from bulk_exports.windows import dates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

ThingT = TypeVar("ThingT")
Schema: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[object, Schema], object]
"""Returns the value in its own type; raises ValueError (a `RuleError`): rule, what was found, fix."""

EARLIEST_DAY: Final = date(2000, 1, 1)
"""No account has older data. A year mistyped as 0206 would else cost one export for each of 660,000 empty days."""


_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
MAX_SHOWN: Final = 300
"""Characters of a value that a message quotes."""


class RuleError(ValueError):
    """Why a value cannot be used; the name of its setting is put before it."""

    def __init__(self, rule: str, *, found: str, fix: str) -> None:
        super().__init__(f"{rule}; found {shortened(found)}. {fix}")


class SettingsError(Exception):
    """The configuration cannot be used.

    Attributes:
        problems: Everything that is wrong with it, one text each. None of them shows the key.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(["The configuration cannot be used:", *(f"- {text}" for text in self.problems)]))


def read_all(
    given: Mapping[str, object], schema: Schema, readers: Mapping[str, Reader]
) -> tuple[dict[str, Any], list[str]]:
    """Read every setting by itself.

    Args:
        given: What the user wrote.
        schema: JSON Schema of the configuration.
        readers: What reads settings otherwise than their type says; the schema need not have them all.

    Returns:
        What could be read of it, and the problems. A setting that is wrong is None, so that it causes no second one.
    """
    properties = schema["properties"]
    values: dict[str, Any] = dict.fromkeys(properties)
    problems = []
    for name, declared in properties.items():
        value = given.get(name, declared.get("default"))
        if value is not None or name in schema.get("required", ()):
            try:
                values[name] = (readers.get(name) or by_type(declared))(value, declared)
            except ValueError as error:
                problems.append(f"{name}: {shortened(str(error), 3 * MAX_SHOWN)}")
    return values, problems


def by_type(schema: Schema) -> Reader:
    """Return what reads a setting of the type that its schema says.

    Args:
        schema: Its JSON Schema. Bounds of whole numbers and of lists of names are those that it has.
    """
    if schema.get("secret"):
        return secret(to_get="Set it.", to_copy="Copy it alone, without quotes.")
    if "enum" in schema:
        return read_choice
    kinds = {"boolean": read_boolean, "integer": read_whole_number, "array": read_names}
    reader = next((kinds[kind] for kind in schema["type"] if kind in kinds), read_text)
    return read_day if schema.get("format") == "date" else reader


def read_text(value: object, schema: Schema) -> str:
    """Take text that is not blank."""
    if value is None:
        raise RuleError("is required", found="none", fix="Set it.")
    if not isinstance(value, str):
        raise RuleError("must be text", found=repr(value), fix="Put it in quotes.")
    if not value.strip():
        has_default = "default" in schema or _default_in_words(schema)
        fix = "Leave the setting out to get its default." if has_default else "Set it."
        raise RuleError("must not be blank", found=repr(value), fix=fix)
    return value


def read_header(value: object, schema: Schema) -> str:
    """Take what can be sent as an HTTP header."""
    text = read_text(value, schema)
    if not (text.isascii() and text.isprintable()):
        raise RuleError("must be one line of ASCII", found=repr(text), fix="Use English letters and punctuation only.")
    return text


def secret(*, to_get: str, to_copy: str, one_word: bool = True) -> Reader:
    """Return what reads a secret; nothing of it is put into a message.

    Args:
        to_get: What to do where there is none.
        to_copy: What to do where it cannot be one.
        one_word: Whether it holds no white space.
    """

    def read(value: object, _schema: Schema) -> str:
        if value is None:
            raise RuleError("is required", found="none", fix=to_get)
        if not isinstance(value, str):
            raise RuleError("must be text", found=f"a value of type {type(value).__name__}", fix=to_copy)
        if not value.strip():
            raise RuleError("must not be blank", found="nothing in it", fix=to_copy)
        if one_word and any(character.isspace() for character in value):
            raise RuleError("must hold no white space", found="a space, tab or line break in it", fix=to_copy)
        if not value.isascii() or not all(each.isprintable() or each.isspace() for each in value):
            raise RuleError("must be plain ASCII", found="a character in it that no secret has", fix=to_copy)
        return value

    return read


def read_hosts(value: object, schema: Schema) -> tuple[str, ...]:
    """Take a list of domains."""
    names = read_names(value, schema)
    for name in names:
        if not _HOST.fullmatch(name):
            raise RuleError("must hold domains", found=repr(name), fix='Write them like ["example.com"].')
    return tuple(name.lower() for name in names)


def read_day(value: object, _schema: Schema) -> date:
    """Take a day, or a date-time, of which the date counts as written."""
    try:
        day = dates.parse_day(value)
    except ValueError as error:
        raise ValueError(f"{error} Write it as YYYY-MM-DD.") from None
    if day < EARLIEST_DAY:
        fix = "Name the first day that has events: every day costs one export."
        raise RuleError(f"must not lie before {EARLIEST_DAY}", found=f"{day}", fix=fix)
    return day


def read_zone(value: object, schema: Schema) -> ZoneInfo:
    """Take the IANA name of a time zone."""
    name = read_text(value, schema)
    try:
        return dates.zone(name)
    except ValueError as error:
        raise ValueError(f"{error} Leave the setting out if you do not know it.") from None


def read_choice(value: object, schema: Schema) -> Any:
    """Take one of the values that the schema allows."""
    allowed = schema["enum"]
    if any(value == choice and type(value) is type(choice) for choice in allowed):
        return value
    meant = nearest(value, map(str, allowed)) if isinstance(value, str) else None
    hint = f"Did you mean {meant}?" if meant else "Choose one of them."
    raise RuleError(f"must be one of {listed(allowed)}", found=repr(value), fix=hint)


def read_boolean(value: object, _schema: Schema) -> bool:
    """Take true or false."""
    if isinstance(value, bool):
        return value
    raise RuleError("must be true or false", found=repr(value), fix="Write it without quotes.")


def read_whole_number(value: object, schema: Schema) -> int:
    """Take a whole number within the bounds of the schema."""
    least, most = schema.get("minimum"), schema.get("maximum")
    if isinstance(value, int) and not isinstance(value, bool) and _is_between(value, least, most):
        return value
    default = f"the default is {schema['default']}." if "default" in schema else _left_out(schema)
    fix = f"Write it in digits, without quotes; {default}"
    raise RuleError(f"must be a whole number{_between(least, most)}", found=repr(value), fix=fix)


def _left_out(schema: Schema) -> str:
    """Return in words that a setting can be left out, and what that means, if its description says so."""
    default = _default_in_words(schema)
    return f"leave the setting out for its default: {default}" if default else "leave the setting out."


def _default_in_words(schema: Schema) -> str:
    return str(schema.get("description", "")).partition("Default: ")[2]


def read_minutes(value: object, schema: Schema) -> timedelta:
    """Take a whole number of minutes."""
    return timedelta(minutes=read_whole_number(value, schema))


def read_names(value: object, schema: Schema) -> tuple[str, ...]:
    """Take a list of different names, as many as the schema allows."""
    least, most = schema.get("minItems"), schema.get("maxItems")
    example = f"Write it like {json.dumps(schema.get('examples', [['one', 'two']])[0])}."
    if not isinstance(value, (list, tuple)):
        raise RuleError("must be a list of names", found=repr(value), fix=example)
    if odd := [item for item in value if not isinstance(item, str) or not item.strip()]:
        raise RuleError("must hold names only", found=repr(odd[0]), fix=example)
    names = tuple(item.strip() for item in value)
    repeated = sorted(name for name, count in collections.Counter(names).items() if count > 1)
    if repeated or not _is_between(len(names), least, most):
        again = f", {listed(repeated)} more than once" if repeated else ""
        fix = f"Change the list, or {_left_out(schema)}"
        raise RuleError(f"must hold{_between(least, most)} different names", found=f"{len(names)}{again}", fix=fix)
    return names


def _is_between(number: int, least: int | None, most: int | None) -> bool:
    return (least is None or least <= number) and (most is None or number <= most)


def _between(least: int | None, most: int | None) -> str:
    """Return bounds as they stand in a rule."""
    if least is not None and most is not None:
        return f" from {least} to {most}"
    return f" from {least}" if least is not None else f" up to {most}" if most is not None else ""


def read_api_url(value: object, schema: Schema) -> str:
    """Check where the key will go. What may hold a secret (user, password, query) is not shown."""
    text = read_text(value, schema)
    fix = (
        f"Leave the setting out for {schema['default']}."
        if "default" in schema
        else "Write the whole of it: https://..."
    )
    if not (text.isascii() and text.isprintable()) or {" ", "\\"} & set(text):
        raise RuleError("must be plain ASCII without white space or backslash", found="another character", fix=fix)
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise RuleError("must be an address", found="a host or port that cannot be read", fix=fix) from None
    if {"@", "?", "#"} & set(text):
        raise RuleError(
            "must have no user, query or fragment", found="one of them", fix=f"The key has its own place. {fix}"
        )
    if parts.scheme not in {"https", "http"} or not host:
        raise RuleError("must be https:// and a host", found=repr(text), fix=fix)
    if parts.scheme == "http" and not _is_loopback(host):
        raise RuleError(
            "must begin with https:// unless the host is this machine (localhost, 127.0.0.1)",
            found=f"http://{host}, where the key would travel in the clear",
            fix="Use https://.",
        )
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``name`` was probably meant to be, or None when nothing is close."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def suggestion(name: object, known: Iterable[str]) -> str:
    """Return the nearest known name as an addition to a message; empty when nothing is close."""
    meant = nearest(str(name), known)
    return f" (did you mean {meant!r}?)" if meant else ""


def listed(items: Iterable[object]) -> str:
    """Return items as they stand in a message."""
    return ", ".join(map(str, items))


def chosen(
    names: Iterable[str] | None, things: Sequence[ThingT], *, called: Callable[[ThingT], Iterable[str]], rule: str
) -> tuple[tuple[ThingT, ...], list[RuleError]]:
    """Return which things an account has that names mean, and what is wrong with names that mean none.

    Args:
        names: As the user wrote them; None for all things.
        things: What there is.
        called: Returns the names that a thing has; several things may share one, which then means them all.
        rule: What names must be, should one be nothing.
    """
    if names is None:
        return tuple(things), []
    known: dict[str, list[ThingT]] = {}
    for thing in things:
        for name in dict.fromkeys(called(thing)):
            known.setdefault(name, []).append(thing)
    found: dict[ThingT, None] = {}
    wrong = []
    for name in names:
        if name in known:
            found |= dict.fromkeys(known[name])
            continue
        meant = nearest(name, known)
        fix = f"Did you mean {meant!r}?" if meant else f"There are: {_some({[*called(each)][-1] for each in things})}."
        wrong.append(RuleError(rule, found=repr(name), fix=fix))
    return tuple(found), wrong


def _some(names: Iterable[str], most: int = 20) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return (listed(shown[:most]) + more) or "none"


def shortened(text: str, most: int = MAX_SHOWN) -> str:
    """Return text as it is shown: whole, or its beginning and its end."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-(most // 2) :]}"
