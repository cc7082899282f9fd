"""The columns of a stream: name, kind of value, one sentence, and the JSON Schema that is made of them."""

from __future__ import annotations

import collections
import dataclasses
import keyword
import re
import unicodedata
import zlib
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

ThingT = TypeVar("ThingT")
MAX_COLUMN_NAME: Final = 50
"""PostgreSQL takes 63 bytes; what tells a name from another needs some."""

Kind = Literal["integer", "number", "boolean", "string", "date", "timestamp", "object", "texts"]
"""What a column of one type holds. An object is whatever JSON object the vendor sends; texts are a list of text."""

_JSON_TYPES: Final[dict[Kind, th.JSONTypeHelper[Any]]] = {
    "integer": th.IntegerType(),
    "number": th.NumberType(),
    "boolean": th.BooleanType(),
    "string": th.StringType(),
    "date": th.DateType(),
    "timestamp": th.DateTimeType(),
    "object": th.ObjectType(additional_properties=True),
    "texts": th.ArrayType(th.StringType()),
}


@dataclasses.dataclass(frozen=True)
class Field:
    """A column.

    Attributes:
        name: Key in the row.
        kind: What the value is.
        description: One sentence for catalogs, warehouses and people.
        nullable: Whether a row may lack it.
    """

    name: str
    kind: Kind
    description: str
    nullable: bool = True


@dataclasses.dataclass(frozen=True)
class Measures:
    """The columns of a row that mean something wherever it comes from. A catalog may deselect any of them.

    Attributes:
        key: Names the thing that a row is about, whichever window it comes in.
        time: When it happened, in UTC.
        amount: What is added up for a window.
    """

    key: str | None = None
    time: str | None = None
    amount: str | None = None


def can_be_field(name: str) -> bool:
    """Tell whether a Struct can have a field of this name."""
    return name.isidentifier() and not name.startswith("__") and not keyword.iskeyword(name)


def json_schema(fields: Iterable[Field]) -> dict[str, Any]:
    """Return the JSON Schema of rows with these columns."""
    return th.PropertiesList(
        *(
            th.Property(field.name, _JSON_TYPES[field.kind], required=not field.nullable, description=field.description)
            for field in fields
        )
    ).to_dict()


def identifier(name: str) -> str:
    """Return a name that needs no quotes anywhere: small letters, digits and underscores, a letter first."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "_".join(re.findall(r"[a-z0-9]+", plain))
    return f"_{words}" if words[:1].isdigit() else words


def column_names(named: Mapping[ThingT, tuple[str, str]], taken: Collection[str]) -> dict[ThingT, str]:
    """Return a column for each thing that users of the vendor have made and named.

    Which column a thing gets depends on no order, and on no other thing but one of the same name.

    Args:
        named: The name of each, and what it is: a text that is always the same, and of nothing else.
        taken: Names that other columns have.
    """
    plain = {thing: identifier(name) for thing, (name, _) in named.items()}
    counts = collections.Counter(plain.values())
    simple = {
        thing: name
        for thing, name in plain.items()
        if name and len(name) <= MAX_COLUMN_NAME and counts[name] == 1 and name not in taken
    }
    columns: dict[ThingT, str] = dict(simple)
    used = {*taken, *simple.values()}
    for thing in sorted(plain.keys() - simple.keys(), key=lambda thing: named[thing][1]):
        what = f"{zlib.crc32(named[thing][1].encode()):08x}"
        name = column = f"{plain[thing][:MAX_COLUMN_NAME]}_{what}"
        number = 1
        while column in used:
            number += 1
            column = f"{name}_{number}"
        used.add(column)
        columns[thing] = column
    return {thing: columns[thing] for thing in named}
