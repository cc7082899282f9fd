"""The columns of a stream: name, kind of value, one sentence, and the JSON Schema that is made of them."""

from __future__ import annotations

import dataclasses
import keyword
from typing import TYPE_CHECKING, Any, Final, Literal

from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Iterable

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
