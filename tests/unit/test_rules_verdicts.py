"""Verdicts by number and by name."""

from __future__ import annotations

from firewalld_py.rules import verdicts
from firewalld_py.rules.verdicts import VERDICT_NAMES


def test_verdicts_are_numbered_by_their_names_and_the_kernels_are_its_own() -> None:
    for number, name in enumerate(VERDICT_NAMES):
        assert getattr(verdicts, name.upper()) == number
    assert (verdicts.DROP, verdicts.ACCEPT) == (0, 1)  # NF_DROP, NF_ACCEPT


def test_what_leads_elsewhere_stands_behind_what_goes_on_and_that_behind_what_judges() -> None:
    """Chain and paths compare them so."""
    judging = [verdicts.DROP, verdicts.ACCEPT, verdicts.REJECT, verdicts.NOTRACK]
    leading = [verdicts.JUMP, verdicts.GOTO, verdicts.RETURN]
    assert max(judging) < verdicts.CONTINUE < min(leading)
