"""The columns of a stream as the catalog in use declares them; they fit whole rows."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.engine.errors import InvalidRowsError
from bulk_exports.fields import Measures
from bulk_exports.records.coercion import KINDS, fit_for, json_type

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bulk_exports.fields import Kind
    from bulk_exports.records.coercion import Fit

MAX_UNKNOWN_NAMED: Final = 300
MAX_NAME: Final = 100
"""Characters of an unknown name that are kept."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the catalog in use.

    Attributes:
        name: Its name.
        types: Its types as they are declared, in one text.
        kind: What it holds, if its type is a simple one.
        nullable: Whether null fits.
        fit: Fits a value to its type.
    """

    name: str
    types: str
    kind: Kind | None
    nullable: bool
    fit: Fit

    @classmethod
    def declared(cls, name: str, schema: Mapping[str, Any], *, key: bool = False) -> Column:
        """Return the column that a JSON Schema declares.

        Args:
            name: Its name.
            schema: Its JSON Schema. Without a type it takes any value.
            key: It is part of the key, so that null does not fit even where the type allows it.
        """
        declared = schema.get("type", [])
        types = [declared] if isinstance(declared, str) else list(declared)
        nullable = not key and ("null" in types or not types)
        types = [type_name for type_name in types if type_name != "null"]
        form = schema.get("format")
        kind = KINDS.get((types[0], form), KINDS.get((types[0], None))) if len(types) == 1 else None
        return cls(name, f"{declared} {form} {nullable}", kind, nullable, fit_for(types, form, nullable=nullable))


class Columns:
    """The columns of a stream: fits whole rows.

    Args:
        properties: JSON Schema by column name, as in the catalog in use.
        keys: Columns that no row may lack.
        measures: Which columns mean what; they may be missing among the properties.

    Attributes:
        all: The columns.
        measures: Which of them mean what.
        unknown: Keys that rows held but the catalog does not know; they are dropped. Of very many the first ones, and
            of very long ones the beginning.
        missing: Columns that whole files lacked; they are null.
    """

    def __init__(
        self, properties: Mapping[str, Mapping[str, Any]], *, keys: Sequence[str] = (), measures: Measures | None = None
    ) -> None:
        self.measures = measures or Measures()
        self.all = tuple(Column.declared(name, schema, key=name in keys) for name, schema in properties.items())
        self.unknown: set[str] = set()
        self.missing: set[str] = set()
        self._fits = [(column.name, column.fit) for column in self.all]
        self._names = frozenset(properties)

    def note_unknown(self, names: Collection[str]) -> None:
        """Remember names that the catalog does not know."""
        for name in itertools.islice(names, max(MAX_UNKNOWN_NAMED - len(self.unknown), 0)):
            self.unknown.add(name[:MAX_NAME])

    def named(self, name: str | None) -> Column | None:
        """Return the column of this name, if there is one."""
        return next((column for column in self.all if column.name == name), None)

    def holds(self, name: str | None, kind: Kind) -> bool:
        """Tell whether there is such a column with values of this kind."""
        return any(column.name == name and column.kind == kind for column in self.all)

    def fit(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row with every column in its type; a column that the row lacks is null.

        Raises:
            InvalidRowsError: A value does not fit; names the column and the type, never the value.
        """
        if not row.keys() <= self._names:
            self.note_unknown(row.keys() - self._names)
        fitted = {}
        for name, fit in self._fits:
            value = row.get(name)
            try:
                fitted[name] = fit(value)
            except (ValueError, ArithmeticError) as error:
                found = "is missing" if value is None else f"holds {json_type(value)} that does not fit"
                raise InvalidRowsError(f"column `{name}` {found}: {error}") from None
        return fitted
