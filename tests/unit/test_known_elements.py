"""What the supervisor knows of elements: from people, from rules, from the last daemon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from firewalld_py.rules.build import Plan
from firewalld_py.service.element_messages import FOR_EVER, SetNews, SetRestore
from firewalld_py.service.element_store import ElementStore
from firewalld_py.service.journal import Log
from firewalld_py.service.known_elements import KnownElements
from firewalld_py.service.logline import Entry
from firewalld_py.service.messages import Message
from firewalld_py.service.set_requests import SetRequests
from tests.plans import a_set, plan

HOST: Final = "20"
ONE: Final = ("c0000201", HOST)  # 192.0.2.1
TWO: Final = ("c0000202", HOST)


def persistent(**more: Any) -> Plan:
    return {**a_set(**more), "persist": True}


class Known(KnownElements):
    """With what it logs, and a plan that can be changed."""

    def __init__(self, directory: Path, sets: dict[str, Plan]) -> None:
        self.sets = sets
        self._said: list[str] = []
        self._own_log = Log(writer=self)
        store = ElementStore(str(directory))
        super().__init__(store, self._own_log, lambda: plan(sets=self.sets))

    def write(self, entry: Entry, giving_up: Callable[[], bool]) -> None:
        assert not giving_up()
        self._said.append(entry.message)

    def words(self) -> str:
        """All that was logged."""
        self._own_log.close()
        return "\n".join(self._said)


def loaded(directory: Path, sets: dict[str, Plan]) -> Known:
    known = Known(directory, sets)
    asyncio.run(known.load())
    return known


def handed_over(known: KnownElements) -> dict[str, list[list[Any]]]:
    """What a new worker gets, by set; times in whole seconds."""
    sent: dict[str, list[list[Any]]] = {}

    async def send(message: Message) -> None:
        assert isinstance(message, SetRestore)
        rows = [[packed, lengths, round(seconds)] for packed, lengths, seconds in message.elements]
        sent.setdefault(message.set_name, []).extend(rows)

    asyncio.run(known.restore(SetRequests(send), known.names()))
    return sent


def test_what_is_known_is_handed_to_a_new_worker_without_what_is_over(tmp_path: Path) -> None:
    known = Known(tmp_path, {"banned": a_set()})
    known.added("banned", ONE, 60.0)
    known.added("banned", TWO, FOR_EVER)
    known.added("banned", ("c0000203", HOST), -1.0)  # as if it had been a while ago
    known.added("banned", ("c0000204", HOST), 5.0)
    known.removed("banned", ("c0000204", HOST))
    known.removed("banned", ("c0000205", HOST))
    assert handed_over(known) == {"banned": [[*ONE, 60], [*TWO, FOR_EVER]]}


def test_news_of_rules_count_as_well(tmp_path: Path) -> None:
    known = Known(tmp_path, {"banned": a_set()})
    known.take_news(SetNews([["banned", *ONE, True, 30.0], ["banned", *TWO, True, FOR_EVER]], 0))
    known.take_news(SetNews([["banned", *TWO, False, FOR_EVER]], 0))
    assert handed_over(known) == {"banned": [[*ONE, 30]]}


def test_a_list_takes_the_place_of_all_that_was_known(tmp_path: Path) -> None:
    known = Known(tmp_path, {"banned": a_set()})
    known.added("banned", ONE, 60.0)
    known.replace("banned", [[*TWO, 9.0, False, 0, 0]])
    assert handed_over(known) == {"banned": [[*TWO, 9]]}


def test_only_sets_that_persist_are_written_and_the_next_daemon_has_them(tmp_path: Path) -> None:
    sets = {"banned": persistent(), "other": a_set()}
    known = loaded(tmp_path, sets)
    known.added("banned", ONE, 60.0)
    known.added("banned", ("c0000200", "18"), FOR_EVER)
    known.added("other", TWO, 60.0)
    assert asyncio.run(known.save()) is None
    stored = ElementStore(str(tmp_path)).load(time.time())
    assert list(stored) == ["banned"]
    assert set(stored["banned"]) == {"192.0.2.1", "192.0.2.0/24"}
    assert stored["banned"]["192.0.2.0/24"] is None
    until = stored["banned"]["192.0.2.1"]
    assert until is not None
    assert 55 < until - time.time() <= 60
    assert handed_over(loaded(tmp_path, sets)) == {
        "banned": [[*ONE, 60], ["c0000200", "18", FOR_EVER]]
    }


def test_nothing_is_written_without_need(tmp_path: Path) -> None:
    known = loaded(tmp_path, {"other": a_set()})
    known.added("other", ONE, 60.0)
    assert asyncio.run(known.save()) is None
    assert not list(tmp_path.iterdir())
    known = loaded(tmp_path, {"banned": persistent()})
    known.added("banned", ONE, 60.0)
    asyncio.run(known.save())
    (file,) = tmp_path.iterdir()
    file.unlink()
    asyncio.run(known.save())
    assert not list(tmp_path.iterdir())
    known.removed("banned", ONE)
    asyncio.run(known.save())
    assert ElementStore(str(tmp_path)).load(0.0) == {"banned": {}}


def test_a_save_that_fails_says_so_and_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    known = loaded(tmp_path / "file", {"banned": persistent()})
    known.added("banned", ONE, 60.0)
    for _ in range(2):
        failed = asyncio.run(known.save())
        assert failed is not None
        assert "cannot be written: File exists" in failed


def test_a_damaged_file_is_no_reason_not_to_start(tmp_path: Path) -> None:
    (tmp_path / "sets.json").write_text("{")
    known = loaded(tmp_path, {"banned": persistent()})
    words = known.words()
    assert "elements of sets are lost" in words
    assert "put aside" in words
    assert known.names() == []


def test_what_does_not_fit_its_set_any_more_is_left_out_and_counted(tmp_path: Path) -> None:
    ElementStore(str(tmp_path)).save({"banned": {"192.0.2.1": None, "lan0": None, "": None}}, 0.0)
    known = loaded(tmp_path, {"banned": persistent()})
    assert handed_over(known) == {"banned": [[*ONE, FOR_EVER]]}
    assert "2 elements" in known.words()


def test_a_set_that_the_rules_lack_for_a_while_keeps_its_elements_in_the_file(
    tmp_path: Path,
) -> None:
    store = ElementStore(str(tmp_path))
    store.save({"banned": {"192.0.2.1": None}, "away": {"192.0.2.2": None}}, 0.0)
    known = loaded(tmp_path, {"banned": persistent()})
    known.added("banned", TWO, FOR_EVER)
    asyncio.run(known.save())
    assert store.load(0.0)["away"] == {"192.0.2.2": None}
    known.sets = {"away": persistent()}
    assert known.policy_changed() == ["away"]
    assert handed_over(known) == {"away": [[*TWO, FOR_EVER]]}
    asyncio.run(known.save())
    assert store.load(0.0) == {
        "away": {"192.0.2.2": None},
        "banned": {"192.0.2.1": None, "192.0.2.2": None},
    }
    known.sets = {"away": persistent(), "banned": persistent()}
    assert known.policy_changed() == ["banned"]
    assert handed_over(known)["banned"] == [[*ONE, FOR_EVER], [*TWO, FOR_EVER]]


def test_a_set_of_another_type_begins_anew(tmp_path: Path) -> None:
    known = loaded(tmp_path, {"banned": a_set()})
    known.added("banned", ONE, 60.0)
    known.sets = {"banned": a_set(type_=("port",))}
    known.policy_changed()
    assert handed_over(known) == {}


def test_what_has_run_out_is_forgotten(tmp_path: Path) -> None:
    known = Known(tmp_path, {"banned": a_set()})
    known.added("banned", ONE, -1.0)
    known.added("banned", TWO, 60.0)
    known.prune()
    assert known._until["banned"].keys() == {TWO}


def test_of_what_came_and_went_no_more_is_kept_than_twice_what_the_set_may_have(
    tmp_path: Path,
) -> None:
    known = loaded(tmp_path, {"banned": a_set(maximum=10)})
    for number in range(100):
        known.added("banned", (f"0a0000{number:02x}", HOST), -1.0)  # over by the time it is told
    for number in range(100):
        known.added("banned", (f"0b0000{number:02x}", HOST), 60.0)
    assert len(known._until["banned"]) == 20
    assert all(packed.startswith("0b") for packed, _ in known._until["banned"])


def test_a_wall_clock_that_is_set_changes_no_lifetime_but_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = loaded(tmp_path, {"banned": persistent()})
    known.added("banned", ONE, 3600.0)
    asyncio.run(known.save())
    later = time.time() + 1e9
    monkeypatch.setattr(time, "time", lambda: later)
    known.prune()
    assert handed_over(known) == {"banned": [[*ONE, 3600]]}
    asyncio.run(known.save())
    until = ElementStore(str(tmp_path)).load(later)["banned"]["192.0.2.1"]
    assert until == pytest.approx(later + 3600, abs=5)
