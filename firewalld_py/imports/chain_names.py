"""What chains are called here: as they were, where our language allows it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.policy.chains import MAX_CHAINS, MAX_NAME, check_name
from firewalld_py.policy.errors import Fault

_ROOM: Final = 8  # characters of a name that are kept for what tells it from others


class ChainNames:
    """Names of the chains of both tables; each is given once, to what is asked for by `key`."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, Hashable], str] = {}
        self.taken: dict[str, set[str]] = {"raw": set(), "filter": set()}

    def name(self, table: str, key: Hashable, wanted: str) -> str:
        """The name of a chain, the same each time. Raises NotExpressible if there are too many."""
        found = self.names.get((table, key))
        if found is None:
            taken = self.taken[table]
            if len(taken) == MAX_CHAINS:
                raise NotExpressible(f"there would be more than {MAX_CHAINS} chains")
            found = _fit(table, wanted, taken)
            taken.add(found)
            self.names[table, key] = found
        return found


def _fit(table: str, wanted: str, taken: set[str]) -> str:
    """A name that a chain can have, as near as can be to the one that is wanted."""
    kept = "".join(
        one if one.isprintable() and not one.isspace() and one not in "/,$" else "-"
        for one in wanted
    )[:MAX_NAME]
    name = kept = kept or "chain"
    number = 1
    while name in taken or not _is_allowed(table, name):
        number += 1
        name = f"{kept[: MAX_NAME - _ROOM]}-{number}"
    return name


def _is_allowed(table: str, name: str) -> bool:
    try:
        check_name(table, name)
    except Fault:
        return False
    return True
