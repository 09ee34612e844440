"""What is written about keys, found in their tables: for `help` and for docs/reference.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firewalld_py.policy.config import CONFIG
from firewalld_py.policy.errors import nearest
from firewalld_py.policy.keys import Key, Table
from firewalld_py.policy.load import POLICY
from firewalld_py.policy.rule import RULE
from firewalld_py.policy.shapes import Truth, tables_of, words_of
from firewalld_py.policy.values import DURATION, RATE

# Where a search begins: name, keys, what it is about.
TOPICS: Final[dict[str, tuple[Table, str]]] = {
    "rules": (POLICY, "the rule file as a whole (rules.yaml)"),
    "rule": (RULE, "one rule: its conditions and what it does"),
    "action": (Table("an action", (RULE.by_name["action"],)), "what a rule does with a packet"),
    "config": (CONFIG, "the configuration of the daemon (firewalld-py.yaml)"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A table, or one key of it, and the words that lead there from a topic."""

    path: tuple[str, ...]
    table: Table
    key: Key | None = None

    @property
    def below(self) -> tuple[Table, ...]:
        """The tables of the mappings that stand there."""
        return (self.table,) if self.key is None else tables_of(self.key.shape)


class NoSuchTopic(Exception):  # noqa: N818
    """Nothing is called so; with what was probably meant, or else all that there is."""

    def __init__(self, word: str, suggestion: str, known: tuple[str, ...]) -> None:
        super().__init__(word)
        self.word, self.suggestion, self.known = word, suggestion, known


def find(words: list[str]) -> Entry:
    """The entry for `rule src`, `config queue.gso` or, where a rule knows it, plain `src`.

    Raises NoSuchTopic.
    """
    path = [part for word in words for part in word.split(".") if part]
    topic, *rest = path
    if topic not in TOPICS:
        for entry in _taking(topic) if not rest else ():
            return entry
        topic, rest = _root_of(topic), path
    entry = Entry((topic,), TOPICS[topic][0])
    if topic == "action":
        entry = Entry((topic,), entry.table, entry.table.keys[0])
    for word in rest:
        entry = _below(entry, word)
    return entry


def _root_of(word: str) -> str:
    """The topic among whose keys there is one of this name."""
    tables = {topic: find([topic]).below for topic in ("rule", "action", "config", "rules")}
    exact = [topic for topic, found in tables.items() if any(word in t.by_name for t in found)]
    meant = [topic for topic, found in tables.items() if any(_meant(t, word) for t in found)]
    if exact or meant:
        return (*exact, *meant)[0]
    keys = [key.name for topic in TOPICS for table in find([topic]).below for key in table]
    raise NoSuchTopic(word, nearest(word, (*TOPICS, *keys)), tuple(TOPICS))


def _taking(word: str) -> Iterator[Entry]:
    """The keys of a rule and of its action where this word may stand, unless it is a key itself."""
    entries = [entry for topic in ("rule", "action") for entry in keys_of(find([topic]))]
    if not any(_meant(entry.table, word) for entry in entries):
        yield from (entry for entry in entries if entry.key and word in words_of(entry.key.shape))


def keys_of(entry: Entry) -> list[Entry]:
    """The keys below an entry."""
    return [Entry((*entry.path, key.name), table, key) for table in entry.below for key in table]


def _meant(table: Table, word: str) -> Key | None:
    """The key of this name, or which is known elsewhere by this name."""
    plain = word.lower().lstrip("-").replace("-", "_")
    return table.by_name.get(word) or next((key for key in table if plain in key.also), None)


def _below(entry: Entry, word: str) -> Entry:
    for table in entry.below:
        key = _meant(table, word)
        if key is not None:
            return Entry((*entry.path, key.name), table, key)
    known = tuple(key.name for table in entry.below for key in table)
    raise NoSuchTopic(word, nearest(word, known), known)


def form_text(key: Key) -> str:
    """What may stand there, in words; "" where it is no more than a mapping, told by its keys."""
    return "" if tables_of(key.shape) and len(key.form) < len("a mapping or so") else key.form


def shares_keys(table: Table) -> bool:
    """Whether these are the keys of a rule, which stand here once more (below `not`)."""
    return table is not RULE and all(key is RULE.by_name.get(key.name) for key in table)


def default_text(key: Key) -> str:
    """What holds without the key, as one would write it; "" where that is nothing of its own."""
    default = key.default
    if isinstance(default, bool) or key.shape == Truth():
        return "true" if default else "false"
    if isinstance(default, int | float) and key.form == RATE:
        return f"{default:g}/second"
    if isinstance(default, int):
        if "mark" in key.name:
            return hex(default)
        return _duration(default) if key.form == DURATION else str(default)
    if isinstance(default, tuple):
        return f"[{', '.join(default)}]"
    return default if isinstance(default, str) else ""


def _duration(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def more_words(key: Key) -> tuple[str, ...]:
    """The words that may stand there and that its form does not name."""
    named = set(re.findall(r"[\w.-]*\w", key.form))
    return tuple(word for word in words_of(key.shape) if word not in named)


def places(name: str) -> dict[int, tuple[Table, list[str]]]:
    """Every table below a topic, by its identity, with where it stands ("`log` of a rule").

    Those that stand deeper come after those that hold them.
    """
    top = TOPICS[name][0]
    found: dict[int, tuple[Table, list[str]]] = {id(top): (top, [])}
    waiting = [top]
    for table in waiting:
        for key in table:
            for below in tables_of(key.shape):
                if id(below) not in found:
                    waiting.append(below)
                _, where = found.setdefault(id(below), (below, []))
                place = f"`{key.name}` of {table.what}"
                if place not in where and not shares_keys(table):
                    where.append(place)
    return found
