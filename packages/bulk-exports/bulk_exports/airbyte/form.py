"""The form in which Airbyte asks for the settings, made of their one JSON Schema, and the way back.

Airbyte's forms know neither "a type or null" nor "all of these or none". So a setting has one type, whether it may be
left out is said by ``required``, and settings that only make sense together stand in a `Choice`, in which they cannot
contradict each other.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from bulk_exports.reading import RuleError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_KEPT: Final = ("title", "description", "default", "examples", "minimum", "maximum", "minItems", "maxItems", "format")
_DAY: Final = {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "pattern_descriptor": "YYYY-MM-DD"}


@dataclasses.dataclass(frozen=True)
class Option:
    """One way to answer a choice.

    Attributes:
        name: Names it in the configuration.
        title: What people read.
        settings: The settings that it asks for, all of them.
    """

    name: str
    title: str
    settings: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Choice:
    """Settings that are asked for together.

    Attributes:
        name: Name of the object that holds them in the configuration.
        key: Name of the option in that object.
        title: What people read.
        description: What is chosen.
        options: The ways to answer, the usual one first.
    """

    name: str
    key: str
    title: str
    description: str
    options: Sequence[Option]


def form(
    schema: Mapping[str, Any], choices: Sequence[Choice] = (), suggestions: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return the JSON Schema of Airbyte's form.

    Args:
        schema: JSON Schema of the settings.
        choices: What is asked for together, in the place of its first setting.
        suggestions: What is offered for settings that are lists of names.
    """
    fields = {name: _field(each, (suggestions or {}).get(name)) for name, each in schema["properties"].items()}
    chosen = {name: choice for choice in choices for option in choice.options for name in option.settings}
    shown: dict[str, dict[str, Any]] = {}
    for name, field in fields.items():
        choice = chosen.get(name)
        shown.setdefault(choice.name if choice else name, _choice(choice, fields) if choice else field)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": list(schema.get("required", ())),
        "additionalProperties": True,
        "properties": {name: {**field, "order": order} for order, (name, field) in enumerate(shown.items())},
    }


def settings_of(config: Mapping[str, Any], choices: Sequence[Choice], foreign: Collection[str] = ()) -> dict[str, Any]:
    """Return the settings of a filled-in form by their names. A form that was written flat is taken as well.

    Args:
        config: The form.
        choices: What it asks for together.
        foreign: Settings that have no effect here.

    Raises:
        SettingsError: A choice contradicts itself, or a setting would have no effect.
    """
    settings = dict(config)
    problems = [
        f"{name}: is a setting of the Singer tap that an Airbyte source cannot heed: it writes every row as a RECORD "
        "message, and as it is; found it set. Remove it."
        for name in foreign
        if settings.get(name) is not None
    ]
    for choice in choices:
        answer = settings.pop(choice.name, None)
        if answer is not None:
            problems += _problems(choice, answer, settings)
            settings |= (
                {name: each for name, each in dict(answer).items() if name != choice.key} if not problems else {}
            )
    if problems:
        raise SettingsError(problems)
    return settings


def _field(schema: Mapping[str, Any], suggestions: Sequence[str] | None) -> dict[str, Any]:
    kind = next(each for each in schema["type"] if each != "null")
    field = {"type": kind, **{name: schema[name] for name in _KEPT if name in schema}}
    if schema.get("secret"):
        field["airbyte_secret"] = True
    if schema.get("format") == "date":
        field |= _DAY
    if "enum" in schema:
        field["enum"] = [each for each in schema["enum"] if each is not None]
    if kind == "array":
        field["uniqueItems"] = True
        field["items"] = {"type": "string", **({"enum": list(suggestions)} if suggestions else {})}
    return field


def _choice(choice: Choice, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    def shown(option: Option) -> dict[str, Any]:
        asked = {
            choice.key: {"type": "string", "const": option.name},
            **{name: fields[name] for name in option.settings},
        }
        ordered = {name: {**field, "order": order} for order, (name, field) in enumerate(asked.items())}
        return {"type": "object", "title": option.title, "required": list(asked), "properties": ordered}

    return {
        "type": "object",
        "title": choice.title,
        "description": choice.description,
        "oneOf": [shown(option) for option in choice.options],
    }


def _problems(choice: Choice, answer: object, others: Mapping[str, Any]) -> Iterator[str]:
    names = [option.name for option in choice.options]
    found = answer.get(choice.key) if isinstance(answer, Mapping) else answer
    if not isinstance(answer, Mapping) or found not in names:
        rule = f"must be an object whose `{choice.key}` is one of {', '.join(names)}"
        yield f"{choice.name}: {RuleError(rule, found=reprlib.repr(found), fix='Choose one of them.')}"
        return
    option = choice.options[names.index(str(found))]
    for name in answer:
        if name != choice.key and name not in option.settings:
            rule = f"`{name}` does not belong to `{choice.key}`: {found!r}"
            yield f"{choice.name}: {RuleError(rule, found='both', fix='Remove the one, or choose another.')}"
    asked = {name for each in choice.options for name in each.settings}
    for name in sorted(asked & {name for name, value in others.items() if value is not None}):
        rule = f"must not be set beside `{choice.name}`, which says the same"
        yield f"{name}: {RuleError(rule, found='both', fix='Remove the one beside it.')}"
