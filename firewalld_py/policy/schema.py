"""JSON Schemas (draft 2020-12) of both files, made from the tables of keys.

An editor completes and checks with them while somebody types. What only a reader of the whole file
can know (a $name that is not defined, a condition that its chain cannot know) is left to
`firewalld-py check`: whatever `check` takes, the schema takes too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from firewalld_py.policy.config import CONFIG
from firewalld_py.policy.keys import Key, Table
from firewalld_py.policy.load import POLICY
from firewalld_py.policy.reference import default_text, form_text
from firewalld_py.policy.shapes import (
    AnyOf,
    Choice,
    Keys,
    Names,
    Number,
    OneOrMore,
    Rows,
    Shape,
    Text,
    Truth,
    any_case,
    tables_of,
)

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILES: Final[dict[str, Table]] = {"rules": POLICY, "config": CONFIG}
DIRECTORY: Final = Path(__file__).resolve().parents[1] / "schema"
HOW_TO_SET: Final = (
    "For editors with yaml-language-server: leave yaml.yamlVersion at 1.2, where 22:80 is a text "
    "and on and no are words, as for firewalld-py. What depends on more than one place of the file "
    "is told by `firewalld-py check`."
)
_SCALARS: Final = ["string", "number", "boolean"]  # what may be text in the file
_DIGITS: Final = "^(?:0|[1-9][0-9]{0,11})$"
_PLAIN: Final = {"true": True, "false": False}
_TRUTH_WORDS: Final = ("on", "off", "yes", "no")


def schema_path(name: str) -> Path:
    """Where the schema of one of FILES stands in the package."""
    return DIRECTORY / f"{name}.json"


def make_schema(name: str) -> Schema:
    """The schema of one of FILES."""
    return _Maker().whole(FILES[name])


class _Maker:
    """Makes one schema. Each table is defined once, and each key where it comes first."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}  # of tables, by their identity
        self.places: dict[int, str] = {}  # of keys
        self.elements: dict[str, str] = {}  # names of elements of lists, by their text
        self.definitions: dict[str, Schema] = {}
        self.reading, self.form = "", ""  # the key that is made now, and its form

    def whole(self, table: Table) -> Schema:
        top = self.mapping(table, "#")
        return {
            "$schema": DIALECT,
            "title": f"firewalld-py: {table.what}",
            "description": HOW_TO_SET,
            **top,
            "$defs": self.definitions,
        }

    def mapping(self, table: Table, place: str) -> Schema:
        """A mapping with the keys of `table`, which is defined at `place`."""
        properties: Schema = {}
        for key in table:
            first = self.places.setdefault(id(key), f"{place}/properties/{key.name}")
            here = first == f"{place}/properties/{key.name}"
            properties[key.name] = self.key(key) if here else {"$ref": first}
        schema: Schema = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
        required = [key.name for key in table if key.required]
        return schema | ({"required": required} if required else {})

    def key(self, key: Key) -> Schema:
        """What is said of a key, and what may stand there."""
        self.reading, self.form = key.name, key.form
        parts = (key.doc, form_text(key), f"- {key.example}" if key.example else "")
        schema: Schema = {"description": "\n\n".join(part for part in parts if part)}
        default = default_text(key)
        if default and not tables_of(key.shape):
            schema["default"] = _PLAIN.get(default, int(default) if default.isdigit() else default)
        return schema | self.shape(key.shape)

    def shape(self, shape: Shape) -> Schema:
        """The schema of a shape."""
        if isinstance(shape, AnyOf):
            return {"anyOf": self.options(shape)}
        if isinstance(shape, OneOrMore):
            reading = self.reading  # tables below have keys of their own
            item = self.element(self.shape(shape.item), reading)
            return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}
        if isinstance(shape, Rows):
            return {"type": ["array", "null"], "items": self.shape(shape.item)}
        if isinstance(shape, Names):
            names = {"propertyNames": {"pattern": shape.pattern}}
            return {"type": ["object", "null"], **names} | {
                "additionalProperties": self.shape(shape.value)
            }
        if isinstance(shape, Keys):
            return self.table(shape)
        # Not of JSON Schema, but known to yaml-language-server, which else shows the pattern.
        said = isinstance(shape, Text) and shape.pattern
        return scalar(shape) | ({"patternErrorMessage": f"expected {self.form}"} if said else {})

    def element(self, item: Schema, reading: str) -> Schema:
        """A reference to what may stand alone or in a list, defined under its first key's name."""
        text = json.dumps(item)
        if text not in self.elements:
            name = f"element_of_{reading}"
            taken = name in self.definitions
            self.elements[text] = f"{name}_{len(self.definitions)}" if taken else name
        name = self.elements[text]
        self.definitions[name] = item
        return {"$ref": f"#/$defs/{name}"}

    def options(self, shape: AnyOf) -> list[Schema]:
        return [self.shape(option) for option in shape.options]

    def table(self, shape: Keys) -> Schema:
        """A reference to the table, with what this place asks for beyond it."""
        schema: Schema = {"$ref": f"#/$defs/{self.define(shape.table)}"}
        if shape.single:
            schema |= {"minProperties": 1, "maxProperties": 1}
        if shape.filled:
            schema["minProperties"] = 1
        if shape.one_of:
            schema["anyOf"] = [{"required": name.split()} for name in shape.one_of]
        return {"anyOf": [schema, {"type": "null"}]} if shape.nothing else schema

    def define(self, table: Table) -> str:
        """The name under which a table is defined, now if it was not."""
        name = self.names.get(id(table))
        if name is None:
            what = table.what.removeprefix("a ").removeprefix("an ").removeprefix("section ")
            words = what.partition(" (")[0].replace(" ", "_")
            name = words if words not in self.definitions else f"{words}_{len(self.definitions)}"
            self.names[id(table)] = name
            self.definitions[name] = {}  # a table may stand in itself
            self.definitions[name] |= self.mapping(table, f"#/$defs/{name}")
        return name


def scalar(shape: Shape) -> Schema:
    """The schema of one text, as YAML 1.2 reads it: 80 and on are no strings to an editor."""
    if isinstance(shape, Choice):
        numbers = [int(word) for word in shape.words if word.isdecimal()]
        words: Schema = {"enum": [*shape.words, *numbers]}
        cased = {"type": "string", "pattern": any_case(shape.words)}
        return {"anyOf": [words, cased]} if shape.any_case else words
    if isinstance(shape, Number):
        number = {"type": "integer", "minimum": shape.low, "maximum": shape.high}
        return {"anyOf": [number, {"type": "string", "pattern": _DIGITS}]}
    if isinstance(shape, Truth):
        cased = {"type": "string", "pattern": any_case(("true", "false", *_TRUTH_WORDS))}
        return {"anyOf": [{"type": "boolean"}, {"enum": list(_TRUTH_WORDS)}, cased]}
    if not isinstance(shape, Text):
        return {}
    text: Schema = {"type": _SCALARS if shape.plain else "string"}
    limits: Mapping[str, Any] = {"pattern": shape.pattern, "maxLength": shape.longest}
    return text | {name: limit for name, limit in limits.items() if limit}
