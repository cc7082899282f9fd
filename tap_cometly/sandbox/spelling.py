"""How a row is written as a line of JSON; the quirks decide."""

from __future__ import annotations

import json
from decimal import Decimal
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final

from tap_cometly import vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_cometly.sandbox.queries import Row
    from tap_cometly.sandbox.quirks import Quirks

_INTEGERS: Final = ("id", "profile_id", "company_id", "space_id", "touchpoint_id")
_CENT: Final = Decimal("0.01")


def lines(rows: Iterable[Row], quirks: Quirks) -> Iterator[str]:
    """Write rows, which all have the same keys, as lines without newline."""
    text = encode_basestring if quirks.texts == "utf-8" else encode_basestring_ascii
    spell: dict[str, Callable[[Any], str]] = {
        **{field.name: text for field in vocabulary.REQUESTABLE_FIELDS if field.kind == "string"},
        **dict.fromkeys(_INTEGERS, str if quirks.integers == "number" else _quoted),
        "source": text,
        "event_time_utc": _TIMES[quirks.times],
        "amount": _AMOUNTS[quirks.amounts],
        "is_upsell": _BOOLEANS[quirks.booleans],
    }
    keep_nulls = quirks.nulls == "null"
    shuffle = quirks.key_order == "shuffled"
    news = [f'"{name}":"new"' for name in quirks.new_columns]
    columns: list[tuple[str, Callable[[Any], str]]] = []
    for row in rows:
        columns = columns or [(f'"{name}":', spell.get(name, _other)) for name in row]
        pairs = [
            key + ("null" if value is None else spelled(value))
            for (key, spelled), value in zip(columns, row.values(), strict=True)
            if keep_nulls or value is not None
        ]
        pairs += news
        if shuffle:
            turn = row["id"] % len(pairs)
            pairs = pairs[turn:] + pairs[:turn]
        yield "{" + ",".join(pairs) + "}"


def _other(value: Any) -> str:
    return encode_basestring(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _quoted(value: Any) -> str:
    return f'"{value}"'


def _shortest(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"


def _cents(amount: Decimal) -> str:
    """At least two decimals; shares keep theirs."""
    cents = amount.quantize(_CENT)
    return f"{cents:f}" if cents == amount else _shortest(amount)


_AMOUNTS: Final[dict[str, Callable[[Decimal], str]]] = {
    "shortest": _shortest,
    "cents": _cents,
    "string": lambda amount: _quoted(_cents(amount)),
}
_BOOLEANS: Final[dict[str, Callable[[bool], str]]] = {
    "boolean": lambda flag: "true" if flag else "false",
    "integer": lambda flag: "1" if flag else "0",
    "string": lambda flag: '"1"' if flag else '"0"',
}
_TIMES: Final[dict[str, Callable[[str], str]]] = {
    "z": _quoted,
    "offset": lambda text: f'"{text[:-1]}+00:00"',
    "naive": lambda text: f'"{text[:10]} {text[11:-1]}"',
    "fraction": lambda text: f'"{text[:-1]}.000000Z"',
}
