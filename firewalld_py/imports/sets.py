"""Sets of another firewall as sets of ours: their names, types and elements, tried one by one."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.policy.defines import NAME
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.set_elements import read_elements
from firewalld_py.policy.set_targets import MAX_LIFETIME_S
from firewalld_py.policy.sets import MAX_MAXIMUM
from firewalld_py.rules.build_sets import MAX_SETS

MAX_NAME: Final = 50  # characters that are kept of a name


class SetOf(NamedTuple):
    """A set of ours: the words of its type, its elements as text, and the like."""

    type: tuple[str, ...]
    elements: tuple[str, ...]
    lifetime_s: int = 0
    maximum: int | None = None


class SetNames:
    """The sets that rules ask for, by our name; each is made once, for what `key` tells."""

    def __init__(self) -> None:
        self.sets: dict[str, SetOf] = {}
        self.names: dict[Hashable, str] = {}

    def name(self, key: Hashable, wanted: str, made: SetOf) -> str:
        """The name of a set. Raises NotExpressible if our language has no such set."""
        found = self.names.get(key)
        if found is None:
            if len(self.sets) == MAX_SETS:
                raise NotExpressible(f"there would be more than {MAX_SETS} sets")
            _try(made)
            found = self._fit(wanted)
            self.sets[found] = made
            self.names[key] = found
        return found

    def _fit(self, wanted: str) -> str:
        kept = re.sub(r"[^A-Za-z0-9_-]", "-", wanted)[:MAX_NAME]
        kept = kept if NAME.fullmatch(kept) else f"set-{kept}"
        name, number = kept, 1
        while name in self.sets:
            number += 1
            name = f"{kept}-{number}"
        return name


def _try(made: SetOf) -> None:
    """Raises NotExpressible for what our language refuses."""
    for text in made.elements:
        try:
            read_elements(made.type, text)
        except Fault as fault:
            raise NotExpressible(f"an element of the set: {fault.message}") from None
    if not 0 <= made.lifetime_s <= MAX_LIFETIME_S:
        raise NotExpressible("its elements live too long")
    if made.maximum is not None and not 1 <= made.maximum <= MAX_MAXIMUM:
        raise NotExpressible(f"a set has room for {MAX_MAXIMUM} elements at most")


def parts_text(parts: Sequence[str]) -> str:
    """What of the packet is meant, as `of:` has it."""
    return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
