"""The daemon's configuration: defaults, values, faults, and that every key is documented."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS
from firewalld_py.policy.config import (
    CONFIG,
    DEFAULT_RULES,
    Config,
    ConntrackConfig,
    HookConfig,
    LogConfig,
    QueueConfig,
    load_config,
    read_config,
)
from firewalld_py.policy.errors import PolicyErrors
from firewalld_py.policy.keys import Key, Table
from tests.unit.policy_texts import marked


def loaded(text: str, directory: Path) -> Config:
    path = directory / "firewalld-py.yaml"
    path.write_text(text)
    return load_config(path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "queue:\nhook: {}\n"])
def test_what_is_left_out_keeps_its_default(text: str, tmp_path: Path) -> None:
    assert loaded(text, tmp_path) == Config(rules=DEFAULT_RULES)


def test_values(tmp_path: Path) -> None:
    config = loaded(
        """\
rules: other.yaml
fail: open
queue: {number: 3, gso: off, batch: 255}
hook: {backend: nft, chains: [input, output], loopback: yes, reject_mark: 0x10}
conntrack: {checksum: true, max: 1000, timeouts: {udp_timeout: 1m, tcp_timeout_close: 5}}
log: {target: stderr, rate: 30/minute, burst: 1}
control: {socket: /tmp/x.sock}
""",
        tmp_path,
    )
    assert config.rules == str(tmp_path / "other.yaml")
    assert config.fail == "open"
    assert config.queue == QueueConfig(number=3, gso=False, batch=255)
    assert config.hook == HookConfig("nft", ("input", "output"), True, 16)
    assert config.conntrack == ConntrackConfig(
        max=1000,
        checksum=True,
        timeouts={**TIMEOUT_DEFAULTS, "udp_timeout": 60, "tcp_timeout_close": 5},
    )
    assert config.log == LogConfig("stderr", 0.5, 1)
    assert config.control.socket == "/tmp/x.sock"


def test_a_relative_path_of_the_rules_starts_at_the_configuration(tmp_path: Path) -> None:
    assert loaded("rules: sub/r.yaml\n", tmp_path).rules == str(tmp_path / "sub/r.yaml")
    assert loaded("rules: /x/r.yaml\n", tmp_path).rules == "/x/r.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("§[]\n", "expected the configuration as a mapping, found a list"),
        ("§rulez: x\n", "unknown key 'rulez' in the configuration => rules"),
        ("rules: §''\n", "rules: expected a text, found an empty one"),
        ("rules: §[a]\n", "rules: expected a path, found a list"),
        ("fail: §opne\n", "fail: expected one of closed, open, found 'opne' => open"),
        ("queue: §5\n", "queue: expected section queue as a mapping, found '5'"),
        ("queue: {§lenght: 5}\n", "unknown key 'lenght' in section queue => length"),
        ("queue: {batch: §256}\n", "batch: expected a number from 1 to 255, found '256'"),
        ("queue: {batch: §}\n", "batch: expected a number from 1 to 255, found nothing"),
        ("queue: {gso: §ture}\n", "gso: expected true or false, found 'ture' => true"),
        ("hook: {backend: §nftables}\n", "backend: expected one of auto, nft, iptables"),
        ("hook: {chains: [forward, §outptu]}\n", "expected one of forward, input, output, found"),
        ("hook: {chains: §[]}\n", "chains: expected at least one of forward, input, output"),
        ("hook: {chains: §[input, input]}\n", "chains: a chain stands here twice"),
        ("hook: {reject_mark: §0}\n", "reject_mark: expected a mark without mask, not 0"),
        ("hook: {reject_mark: §1/1}\n", "reject_mark: expected a mark without mask, not 0"),
        ("conntrack: {timeouts: {§tcp_timeout_estab: 5}}\n", "unknown key 'tcp_timeout_estab' in"),
        ("conntrack: {timeouts: {udp_timeout: §0}}\n", "udp_timeout: expected a time from 1"),
        ("conntrack: {timeouts: {udp_timeout: §5 m}}\n", "udp_timeout: expected a time in sec"),
        ("conntrack: {timeouts: §[]}\n", "timeouts: expected section timeouts as a mapping"),
        ("§conntrack: {checksum: on}\n", "checksum: on needs gso: off in section queue"),
        ("log: {rate: §10}\n", "rate: expected a rate as NUMBER/UNIT"),
        ("a: [§@]\n", "not YAML: a text that begins with '@' needs quotes"),
    ],
)
def test_faults(text: str, message: str, tmp_path: Path) -> None:
    plain, places = marked(text)
    path = tmp_path / "c.yaml"
    path.write_text(plain)
    _, problems = read_config(path)
    assert [f"{found.message} => {found.suggestion}"[: len(message)] for found in problems] == [
        message
    ]
    assert [(problem.line, problem.column) for problem in problems] == places


def test_all_problems_come_at_once_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("rules: x.yaml\nfail: no\nqueue: {number: 5, batch: 0}\nlog: {burst: x}\n")
    config, problems = read_config(path)
    assert [problem.line for problem in problems] == [2, 3, 4]
    assert config.rules == str(tmp_path / "x.yaml")
    assert config.queue == QueueConfig(number=5)
    with pytest.raises(PolicyErrors) as caught:
        load_config(path)
    assert list(caught.value.problems) == problems


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(PolicyErrors, match="cannot be read: No such file or directory"):
        load_config(tmp_path / "absent.yaml")


def test_the_table_of_keys_is_the_dataclasses() -> None:
    """Each field of a section has its key, with the field's default and words about it."""
    assert [key.name for key in CONFIG] == [field.name for field in fields(Config)]
    for key in CONFIG:
        default = getattr(Config(), key.name)
        assert key.default == default
        assert_documented(key)
        if is_dataclass(default):
            assert isinstance(key.table, Table)
            assert [(sub.name, sub.default) for sub in key.table] == [
                (field.name, getattr(default, field.name)) for field in fields(default)
            ]
            for sub in key.table:
                assert_documented(sub)


def assert_documented(key: Key) -> None:
    assert len(key.doc) > 5
    assert key.form
