"""What the vendor does not document, as switches: each default is the likeliest answer."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Quirks:
    """One switch per unknown of the API.

    Attributes:
        wrapped: Whether versions 3 and 4 answer ``{"export": {...}}``, or the export bare.
        no_data: An export without data has no ``resultRefs``, a null, an empty list, or a file with a header only.
        one_file: One file is named by a string, or by a list of one.
        refs: Files are named in full, relative to the API, on another host that wants no token, or at the API, which
            redirects there.
        bounds: Whether the moments of a procedure's arguments are themselves left out.
        days_of_year: So many days may lie between them.
        token_status: HTTP status of a refused token (code 184).
        error_status: HTTP status of other errors; some of versions 3 and 4 were seen with 200.
        quota_status: HTTP status of a used-up quota (code 122).
        arguments: How version 5 spells arguments.
        created_status: HTTP status of a create in version 5.
        fields_on_read: Whether version 5 wants to be told which fields of an export to read.
        times: How version 5 writes times in files.
        read_lag: So many seconds an export is unknown (code 192) after it was created.
        data_lag: So many seconds the data trail what happened.
        complete_word: The word for a finished export.
        rotates: Whether every token comes with a new refresh token, the old one being worthless.
        deleting_updates: Whether a record that is deleted counts as updated.
        byte_order_mark: Whether files begin with one.
        line_ends: What ends a line.
        quotes: Which cells are quoted.
        headers: Columns come in the order they were asked for, or in another one per file.
        new_columns: Names of columns that nobody asked for.
        repeated_column: Whether the first column comes twice.
        doubled_rows: Whether some rows come in two files.
    """

    wrapped: bool = True
    no_data: Literal["absent", "null", "empty_list", "header_only"] = "absent"
    one_file: Literal["string", "list"] = "string"
    refs: Literal["absolute", "relative", "other_host", "redirect"] = "absolute"
    bounds: Literal["exclusive", "inclusive"] = "exclusive"
    days_of_year: int = 365
    token_status: int = 401
    error_status: int = 400
    quota_status: int = 429
    arguments: Literal["camel", "snake"] = "camel"
    created_status: int = 201
    fields_on_read: bool = False
    times: Literal["offset", "local"] = "offset"
    read_lag: int = 0
    data_lag: int = 0
    complete_word: str = "Complete"
    rotates: bool = False
    deleting_updates: bool = True
    byte_order_mark: bool = False
    line_ends: Literal["lf", "crlf"] = "lf"
    quotes: Literal["needed", "all"] = "needed"
    headers: Literal["asked", "shuffled"] = "asked"
    new_columns: tuple[str, ...] = ()
    repeated_column: bool = False
    doubled_rows: bool = False
