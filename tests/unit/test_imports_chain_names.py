"""What imported chains are called."""

from __future__ import annotations

import pytest

from firewalld_py.imports import chain_names
from firewalld_py.imports.chain_names import ChainNames
from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.policy.chains import check_name


def test_a_name_that_fits_is_kept_and_given_once() -> None:
    names = ChainNames()
    assert names.name("filter", "a", "DOCKER-USER") == "DOCKER-USER"
    assert names.name("filter", "a", "DOCKER-USER") == "DOCKER-USER"
    assert names.name("filter", "b", "DOCKER-USER") == "DOCKER-USER-2"
    assert names.name("raw", "b", "DOCKER-USER") == "DOCKER-USER"


@pytest.mark.parametrize(
    "wanted", ["", " ", "a b", "a/b", "$x", "input", "x" * 65, "a\u202eb", "\n"]
)
def test_what_does_not_fit_becomes_a_name_that_our_language_takes(wanted: str) -> None:
    names = ChainNames()
    found = {names.name("filter", number, wanted) for number in range(3)}
    assert len(found) == 3
    for name in found:
        check_name("filter", name)


def test_too_many_chains_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_names, "MAX_CHAINS", 1)
    names = ChainNames()
    names.name("filter", 1, "a")
    with pytest.raises(NotExpressible, match="more than 1 chains"):
        names.name("filter", 2, "b")
