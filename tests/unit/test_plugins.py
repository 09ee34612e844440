"""Helpers that other packages bring: found, checked, and told of where they cannot be taken."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from firewalld_py.cli.main import main
from firewalld_py.cli.replay import Replay
from firewalld_py.cli.replay_routes import Routes
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.packet.protocols import IPPROTO_UDP
from firewalld_py.policy.config import Config
from firewalld_py.service.messages import Bound, HelperEvent
from firewalld_py.service.plugin_guard import GuardedHelper
from firewalld_py.service.plugins import load_helpers, with_plugins
from tests.distribution import helper_source, install
from tests.live.queue_bench import PORT, QueueBench
from tests.live.worker_bench import WorkerBench
from tests.plans import plan, rule, template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that Python finds packages in; what was imported from it is forgotten again."""
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(directory)
    before = set(sys.modules)
    yield directory
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) == str(directory / f"{name}.py"):
            del sys.modules[name]


def loaded() -> tuple[list[str], list[str]]:
    """The names of the helpers that were taken, and what was reported."""
    reports: list[str] = []
    helpers = load_helpers(lambda name, what: reports.append(f"{name} {what}"))
    assert all(isinstance(helper, GuardedHelper) for helper in helpers)
    return [helper.name for helper in helpers], reports


def test_where_no_package_brings_any_there_are_none(site: Path) -> None:
    assert loaded() == ([], [])


def test_helpers_are_found_by_their_entry_points(site: Path) -> None:
    install(site, "plug_two", helper_source("zeta") + helper_source("alpha", "Other"),
            zeta="Made", alpha="Other")  # fmt: skip
    assert loaded() == (["alpha", "zeta"], [])


def test_whatever_gives_a_helper_when_called_will_do(site: Path) -> None:
    source = helper_source("alpha") + "\ndef make():\n    return Made()\n"
    install(site, "plug_factory", source, alpha="make")
    assert loaded() == (["alpha"], [])


def test_rules_may_name_them_beside_the_built_in_ones(site: Path) -> None:
    install(site, "plug_one", helper_source("alpha"), alpha="Made")
    known = with_plugins(load_helpers(lambda *_: None))
    assert known == {**READABLE, "alpha": frozenset({(4, IPPROTO_UDP)})}


@pytest.mark.parametrize("name", ["ftp", "h323"])
def test_a_built_in_name_is_taken(site: Path, name: str) -> None:
    install(site, "plug_same", helper_source(name), **{name: "Made"})
    assert loaded() == ([], [f"{name} of plug_same is left out: a built-in helper has this name"])


def test_of_two_packages_with_one_name_the_second_is_left_out(site: Path) -> None:
    for package in ("plug_a", "plug_b"):
        install(site, package, helper_source("alpha"), alpha="Made")
    names, (report,) = loaded()
    assert names == ["alpha"]
    assert report.startswith("alpha of plug_b is left out: another package has brought")


@pytest.mark.parametrize(
    ("source", "name", "why"),
    [
        ("raise RuntimeError('not here')", "alpha", "loading it raised RuntimeError: not here"),
        ("import sys; sys.exit('bye')", "alpha", "loading it raised SystemExit: bye"),
        ("import no_such_module", "alpha", "loading it raised ModuleNotFoundError"),
        ("(", "alpha", "loading it raised SyntaxError"),
        ("Other = 1", "alpha", "loading it raised AttributeError"),
        ("Made = 1", "alpha", "loading it raised TypeError"),
        ("Made = dict", "alpha", "firewalld_py.helpers wants a Helper, and this gives a dict"),
        (helper_source("beta"), "alpha", "the helper calls itself 'beta'"),
        (helper_source("al pha"), "al pha", "a name has 15 letters"),
        (helper_source("a" * 16), "a" * 16, "a name has 15 letters"),
        (helper_source("alpha").replace("(IPV4,", "(5,"), "alpha", "readable holds pairs"),
        (helper_source("alpha").replace("IPPROTO_UDP)", "132)"), "alpha", "readable holds pairs"),
        (helper_source("alpha").replace("{(IPV4, IPPROTO_UDP)}", "()"), "alpha", "readable holds"),
        (helper_source("alpha").replace("[Policy(1, 60.0)]", "[]"), "alpha", "each policy allows"),
        (helper_source("alpha").replace("Policy(1,", "Policy(0,"), "alpha", "each policy allows"),
        (helper_source("alpha").replace("1, 60.0", "1, 1e9"), "alpha", "each policy allows"),
        (helper_source("alpha").replace("super().__init__", "print"), "alpha", "loading it raised"),
    ],
)
def test_what_cannot_be_taken_is_told_and_left_out(
    site: Path, source: str, name: str, why: str
) -> None:
    install(site, "plug_bad", source, **{name: "Made"})
    install(site, "plug_good", helper_source("zeta"), zeta="Made")
    names, (report,) = loaded()
    assert names == ["zeta"]
    assert report.startswith(f"{name} of plug_bad is left out: {why}")


RULES = """version: 1
raw: {prerouting: [{proto: udp, dport: 7000, action: {helper: alpha}}]}
"""


def test_check_knows_them_and_says_which_it_leaves_out(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "c.yaml").write_text("rules: rules.yaml\n")
    check = ["--config", str(tmp_path / "c.yaml"), "check", "--json"]
    assert main(check) == 5
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["message"].startswith("helper: unknown helper 'alpha'")
    install(site, "plug_one", helper_source("alpha"), alpha="Made")
    install(site, "plug_ftp", helper_source("ftp"), ftp="Made")
    assert main(check) == 0
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert (warning["file"], warning["severity"]) == ("firewalld_py.helpers", "warning")
    assert warning["message"].startswith("helper ftp of plug_ftp is left out")


def test_replay_knows_them_and_says_which_it_leaves_out(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    install(site, "plug_one", helper_source("alpha"), alpha="Made")
    install(site, "plug_ftp", helper_source("ftp"), ftp="Made")
    replay = Replay(Config(), str(rules), "forward", Routes([]))
    assert "alpha" in replay.firewall.conntrack.helpers
    assert capsys.readouterr().err == (
        "firewalld-py: helper ftp of plug_ftp is left out: a built-in helper has this name\n"
    )


@pytest.mark.needs("root", "netns", "nfqueue")
def test_a_worker_loads_them_and_goes_on_without_one_that_fails(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = "if payload == b'third': raise RuntimeError('unheard of')\n        return 0"
    install(site, "plug_one", helper_source("alpha", inspect=failing), alpha="Made")
    install(site, "plug_ftp", helper_source("ftp"), ftp="Made")
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    given = rule("continue", ("dport", [[PORT, PORT]]), template=template(helper="alpha"))
    with QueueBench() as bench, WorkerBench(bench) as worker:
        worker.configure()
        worker.rules(1, plan(raw_output=[given]))
        assert worker.expect(HelperEvent).helper == "ftp"
        worker.expect(Bound)
        bench.send(b"first", b"second", b"third", b"third")
        assert bench.received(4) == [b"first", b"second", b"third", b"third"]
        event = worker.expect(HelperEvent)
        assert event.helper == "alpha"
        assert "inspect() raised RuntimeError: unheard of (plug_one.py:" in event.what
