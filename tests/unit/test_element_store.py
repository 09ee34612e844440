"""The file of elements: written in one step, read with care, never in the way of a start."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from firewalld_py.service import element_store
from firewalld_py.service.element_store import DAMAGED, FILE, Elements, ElementStore, StoreError

NOW = 1_700_000_000.0


def store(directory: Path) -> ElementStore:
    return ElementStore(str(directory))


def written(directory: Path, text: str) -> ElementStore:
    (directory / FILE).write_text(text)
    return store(directory)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    elements: Elements = {"banned": {"192.0.2.1": NOW + 60, "2001:db8::/32": None}, "empty": {}}
    store(tmp_path / "made").save(elements, NOW)
    assert store(tmp_path / "made").load(NOW) == elements
    assert [path.name for path in (tmp_path / "made").iterdir()] == [FILE]


def test_without_a_file_there_are_no_elements_and_none_is_made(tmp_path: Path) -> None:
    assert store(tmp_path / "absent").load(NOW) == {}
    assert not (tmp_path / "absent").exists()


def test_what_ran_out_meanwhile_is_left_out(tmp_path: Path) -> None:
    store(tmp_path).save({"banned": {"192.0.2.1": NOW, "192.0.2.2": NOW + 1}}, NOW - 60)
    assert store(tmp_path).load(NOW) == {"banned": {"192.0.2.2": NOW + 1}}


def test_a_clock_that_was_set_back_ends_nothing_and_prolongs_nothing(tmp_path: Path) -> None:
    store(tmp_path).save({"banned": {"192.0.2.1": NOW + 60, "192.0.2.2": None}}, NOW)
    assert store(tmp_path).load(1000.0) == {"banned": {"192.0.2.1": 1060.0, "192.0.2.2": None}}


def test_the_next_one_takes_its_place_and_others_may_not_read_it(tmp_path: Path) -> None:
    store(tmp_path).save({"banned": {"192.0.2.1": None}}, NOW)
    store(tmp_path).save({"banned": {}}, NOW)
    assert store(tmp_path).load(NOW) == {"banned": {}}
    assert not stat.S_IMODE((tmp_path / FILE).stat().st_mode) & 0o007


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"version": 1, "saved": 1.5, "sets": {"banned": {"192.0.2.1":',
        "[]",
        '{"sets": {}}',
        '{"version": 2, "sets": {}}',
        '{"version": 1, "saved": 1.5}',
        '{"version": 1, "sets": {}}',
        '{"version": 1, "saved": null, "sets": {}}',
        '{"version": 1, "saved": 1.5, "sets": {"banned": ["192.0.2.1"]}}',
        '{"version": 1, "saved": 1.5, "sets": {"banned": {"192.0.2.1": "tomorrow"}}}',
        '{"version": 1, "saved": 1.5, "sets": {"banned": {"192.0.2.1": NaN}}}',
        '{"version": 1, "saved": 1.5, "sets": {"banned": {"192.0.2.1": true}}}',
        '{"version": 1, "saved": 1.5, "sets": {"banned": {"' + "1" * 300 + '": null}}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_put_aside_and_the_message_says_where(tmp_path: Path, text: str) -> None:
    with pytest.raises(StoreError, match=f"is damaged.*put aside as .*{DAMAGED}"):
        written(tmp_path, text).load(NOW)
    assert (tmp_path / DAMAGED).read_text() == text
    assert store(tmp_path).load(NOW) == {}


def test_octets_that_are_no_text_are_damage_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe\0")
    with pytest.raises(StoreError, match="is damaged"):
        store(tmp_path).load(NOW)


def test_a_file_that_is_far_too_long_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(element_store, "MAX_OCTETS", 10)
    with pytest.raises(StoreError, match="longer than 10 octets"):
        written(tmp_path, json.dumps({"version": 1, "saved": 1.5, "sets": {}})).load(NOW)


def test_what_cannot_be_read_is_put_aside_too(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match=f"cannot be read: Is a directory.*{DAMAGED}"):
        store(tmp_path).load(NOW)
    assert (tmp_path / DAMAGED).is_dir()


def test_a_disk_that_refuses_is_an_error_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    store(tmp_path).save({"banned": {"192.0.2.1": None}}, NOW)
    beside = tmp_path / f".{FILE}.{os.getpid()}"
    beside.mkdir()  # stands where the new file is to be written
    with pytest.raises(StoreError, match="cannot be written"):
        store(tmp_path).save({"banned": {}}, NOW)
    beside.rmdir()
    assert store(tmp_path).load(NOW) == {"banned": {"192.0.2.1": None}}
