"""`include:`: which files are read, in which order, and that every message names its file."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from firewalld_py.cli.main import main as command
from firewalld_py.policy import include
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import read_rules
from firewalld_py.policy.model import Policy

MAIN = "rules.yaml"


def write(directory: Path, **files: str) -> Path:
    """Files by name (`web` is rules.d/web.yaml); the path of rules.yaml."""
    (directory / "rules.d").mkdir(exist_ok=True)
    for name, text in files.items():
        path = directory / (MAIN if name == "main" else f"rules.d/{name}.yaml")
        path.write_text(textwrap.dedent(text).lstrip())
    return directory / MAIN


def read(main: Path) -> Policy:
    policy, problems = read_rules(main)
    assert policy is not None, "\n".join(map(str, problems))
    return policy


def faults(main: Path) -> list[str]:
    """The problems as they are shown, without the directory's name and the offending lines."""
    policy, problems = read_rules(main)
    assert policy is None
    return [str(problem).replace(f"{main.parent}/", "") for problem in problems]


def names(policy: Policy) -> dict[str, list[str]]:
    """The names of each chain's rules."""
    return {
        f"{chain.table}/{chain.name}": [rule.name for rule in chain.rules]
        for chain in policy.chains
    }


INPUT = "filter: {{input: {{rules: [{{name: {0}, proto: tcp, dport: {1}, action: accept}}]}}}}\n"


def accepts(name: str, port: int) -> str:
    """A file with one rule in filter/input."""
    return INPUT.format(name, port)


def test_rules_follow_each_other_in_the_order_of_the_files(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="version: 1\ninclude: [rules.d/z.yaml, 'rules.d/[0-9]*.yaml']\n" + accepts("own", 1),
        b=accepts("not met", 4),
        z=accepts("z", 2),
    )
    write(tmp_path, **{"20": accepts("later", 4), "10": accepts("earlier", 3)})
    policy = read(main)
    assert names(policy) == {"filter/input": ["own", "z", "earlier", "later"]}
    rules = policy.chains[0].rules
    assert [(Path(rule.file).name, rule.line) for rule in rules] == [
        ("rules.yaml", 3),
        ("z.yaml", 1),
        ("10.yaml", 1),
        ("20.yaml", 1),
    ]
    assert [rule.place for rule in rules] == [f"filter/input/{number}" for number in range(1, 5)]
    assert [Path(file).name for file in policy.files] == [
        "rules.yaml",
        "z.yaml",
        "10.yaml",
        "20.yaml",
    ]
    plan = compile_policy(policy, Config())
    assert plan["filter"]["input"]["rules"][2]["file"] == str(tmp_path / "rules.d/10.yaml")


def test_a_chain_of_the_first_file_is_the_place_for_what_others_bring(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="""
            version: 1
            include: rules.d/*.yaml
            define: {lan: 10.1.0.0/24}
            filter:
              input:
                policy: drop
                rules:
                  - {name: answers, state: established, action: accept}
                  - {name: services, action: {jump: services}}
                  - {name: rest, action: {reject: no-route}}
              chains:
                services:
            """,
        ssh="filter: {chains: {services: [{name: ssh, src: $lan, dport: $ssh, action: accept}]}}\n"
        "define: {ssh: [22, 2222]}\n",
        web="version: 1\nfilter: {chains: {services: [{name: web, dport: 80, action: accept}]}}\n",
    )
    policy = read(main)
    assert names(policy) == {
        "filter/input": ["answers", "services", "rest"],
        "filter/services": ["ssh", "web"],
    }
    assert policy.chains[0].policy == "drop"
    (tmp_path / "rules.d/ssh.yaml").unlink()
    assert names(read(main))["filter/services"] == ["web"]  # each reading begins anew
    (tmp_path / "rules.d/web.yaml").unlink()
    assert names(read(main))["filter/services"] == []


def test_a_pattern_that_meets_no_file_is_right(tmp_path: Path) -> None:
    main = write(tmp_path, main="version: 1\ninclude: [rules.d/*.yaml, absent.d/*.yaml]\n")
    assert len(read(main).files) == 1
    (tmp_path / "rules.d/.hidden.yaml").write_text("not even YAML: [")
    (tmp_path / "rules.d/web.yaml~").write_text("not even YAML: [")
    assert len(read(main).files) == 1
    write(tmp_path, main="version: 1\ninclude:\n")
    assert len(read(main).files) == 1


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "filter:\n", "version: 1\n"])
def test_an_included_file_may_say_nothing(tmp_path: Path, text: str) -> None:
    main = write(tmp_path, main="version: 1\ninclude: rules.d/*.yaml\n", a=text)
    assert [Path(file).name for file in read(main).files] == ["rules.yaml", "a.yaml"]


def test_included_files_include(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="version: 1\ninclude: [rules.d/b.yaml, rules.d/a.yaml]\n" + accepts("main", 1),
        a=accepts("a", 4),
        b="include: more.yaml\n" + accepts("b", 2),
        more=accepts("more", 3),
    )
    assert names(read(main)) == {"filter/input": ["main", "b", "more", "a"]}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules.d/wbe.yaml", "rules.d/wbe.yaml is not there; did you mean 'rules.d/web.yaml'?"),
        ("rule.d/web.yaml", "rule.d/web.yaml is not there; did you mean 'rules.d/web.yaml'?"),
        ("/nowhere/zzz", "/nowhere/zzz is not there"),
        ("rules.*/web.yaml", "a pattern may stand in the last part of a path only, found 'rules.*"),
        ("'**/*.yaml'", "a pattern may stand in the last part of a path only, found '**/*.yaml'"),
        ("[[a]]", "expected a file or a pattern for files (rules.d/*.yaml), or a list of them, fo"),
        (
            "{a: b}",
            "expected a file or a pattern for files (rules.d/*.yaml), or a list of them, fo",
        ),
        ("''", "expected a file or a pattern for files (rules.d/*.yaml), or a list of them, found"),
        (
            '"rules.d/web\\0.yaml"',
            "expected a file or a pattern for files (rules.d/*.yaml), or a li",
        ),
        ("[]", "expected a file or a pattern for files (rules.d/*.yaml), or a list of them, found"),
    ],
)
def test_names_of_files_that_are_wrong(tmp_path: Path, text: str, fault: str) -> None:
    main = write(tmp_path, main=f"version: 1\ninclude: {text}\n", web=accepts("web", 80))
    (found,) = faults(main)
    at, _, message = found.partition(": include: ")
    assert at == f"rules.yaml:2:{10 if text != '[[a]]' else 11}"
    assert message.startswith(fault)


def test_every_message_names_its_own_file_and_line(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="""
            version: 1
            include: [rules.d/a.yaml, rules.d/b.yaml]
            define: {good: 10.0.0.1}
            filter:
              input: {rules: [{name: uses, dport: $ports, src: $good, action: accept}]}
            """,
        a="define:\n  ports: [80, eighty]\n  net: $goood\n",
        b="""
            version: 2
            raw: {prerouting: [{state: new, action: drop}]}
            filter: {input: {rules: [{action: accpt}, {in: eth0, acton: drop}]}}
            tests:
              - {name: x, packet: {in: lan0, src: 1.2.3.4, dst: 1.2.3.5, proto: esp}, expect: acept}
            fliter:
            """,
    )
    expected = [
        "rules.d/a.yaml:2:15: filter/input/1 (uses): expected a port",
        "rules.d/a.yaml:3:8: define net: '$goood' is not defined; did you mean '$good'?",
        "rules.d/b.yaml:1:10: version: expected 1, the version that this program reads",
        "rules.d/b.yaml:2:21: raw/prerouting/1: state is not known in raw",
        "rules.d/b.yaml:3:35: filter/input/2: expected accept, drop, reject",
        "rules.d/b.yaml:3:54: filter/input/3: unknown key 'acton' in a rule; did you mean 'action'",
        "rules.d/b.yaml:5:83: tests/1: expect: expected one of accept, drop, reject",
        "rules.d/b.yaml:6:1: unknown key 'fliter' in an included file; did you mean 'filter'",
    ]
    found = faults(main)
    assert len(found) == len(expected), "\n".join(found)
    assert [fault[: len(start)] for fault, start in zip(found, expected, strict=True)] == expected
    _, problems = read_rules(main)
    assert problems[0].excerpt == "  ports: [80, eighty]"
    assert problems[-1].excerpt == "fliter:"


def test_what_is_said_twice_names_both_places(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="""
            version: 1
            define: {lan: 10.0.0.1}
            filter:
              input:
                policy: drop
                rules: [{name: ssh, dport: 22, action: accept}]
            include: rules.d/*.yaml
            """,
        a="define: {lan: 10.0.0.2}\nfilter: {input: {policy: accept}, forward: {policy: drop}}\n",
        b="filter:\n  input: {policy: drop, rules: [{name: ssh, action: drop}]}\n"
        "  forward: {policy: accept}\n",
    )
    a, b = "rules.d/a.yaml", "rules.d/b.yaml"
    expected = [
        f"{a}:1:10: the name 'lan' is defined already, in rules.yaml:2",
        f"{a}:2:18: filter/input: the policy is accept here and drop in rules.yaml:5",
        f"{b}:2:40: filter/input/2 (ssh): the name 'ssh' is taken by the rule in rules.yaml:6",
        f"{b}:3:13: filter/forward: the policy is accept here and drop in {a}:2",
    ]
    assert faults(main) == expected


def test_what_one_file_says_of_a_rule_in_another_names_both(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="""
            version: 1
            include: rules.d/*.yaml
            raw: {prerouting: [{name: no ftp, proto: tcp, dport: 21, action: notrack}]}
            filter:
              input: {rules: [{action: {jump: a}}]}
            """,
        a="raw: {prerouting: [{name: ftp, proto: tcp, dport: 21, action: {helper: ftp}}]}\n"
        "filter:\n  chains:\n    a: [{action: {jump: b}}]\n",
        b="filter:\n  chains:\n    b: [{out: lan0, action: {goto: a}}]\n",
    )
    found = faults(main)
    assert found[0].startswith(
        "rules.d/a.yaml:1:20: raw/prerouting/2 (ftp): helper: raw/prerouting/1 (no ftp) in "
        "rules.yaml:3 leaves"
    )
    assert found[1] == "rules.d/b.yaml:3:9: filter/b/1: chains lead in a circle: a -> b -> a"
    assert found[2].startswith("rules.d/b.yaml:3:10: filter/b/1: out is not known in filter/input")


def test_the_policy_may_stand_in_any_one_file(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="version: 1\ninclude: rules.d/a.yaml\nfilter: {input: {rules: [{action: log}]}}\n",
        a="filter: {input: {policy: drop}, output: ~}\n",
    )
    chain, output = read(main).chains
    assert (chain.policy, Path(chain.file).name, chain.line) == ("drop", "a.yaml", 1)
    assert (output.name, output.policy) == ("output", "accept")


def test_files_do_not_include_each_other_in_a_circle(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="version: 1\ninclude: rules.d/a.yaml\n",
        a="include: b.yaml\n",
        b="filter:\ninclude: ../rules.yaml\n",
    )
    (tmp_path / "rules.d/same.yaml").symlink_to("a.yaml")
    (fault,) = faults(main)
    way = "rules.yaml -> rules.d/a.yaml -> rules.d/b.yaml -> rules.d/../rules.yaml"
    assert fault == f"rules.d/b.yaml:2:10: include: rules.d/../rules.yaml includes itself: {way}"
    write(tmp_path, main="version: 1\ninclude: [rules.d/a.yaml, rules.d/same.yaml]\n", a="raw:\n")
    assert faults(main) == [
        "rules.yaml:2:27: include: rules.d/same.yaml is included already, in line 2"
    ]
    write(tmp_path, main="version: 1\ninclude: rules.yaml\n")
    assert "rules.yaml includes itself" in faults(main)[0]


def test_how_many_and_how_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"n{number}": f"include: n{number + 1}.yaml\n" for number in range(1, 9)}
    main = write(tmp_path, main="version: 1\ninclude: rules.d/n1.yaml\n", **files, n9="raw:\n")
    assert faults(main) == [
        "rules.d/n8.yaml:1:10: include: files include each other more than 8 deep"
    ]
    write(tmp_path, n8="raw:\n")
    assert len(read(main).files) == 9
    monkeypatch.setattr(include, "MAX_FILES", 2)
    write(tmp_path, main="version: 1\ninclude: rules.d/*.yaml\n", n1="", n2="", n3="", n4="")
    assert faults(main)[0] == "rules.yaml:2:10: include: more than 2 files"


def test_how_large_all_files_together_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = write(
        tmp_path,
        main="version: 1\ninclude: rules.d/*.yaml\n",
        a=accepts("a", 1),
        b=accepts("b", 2),
    )
    monkeypatch.setattr(include, "MAX_OCTETS", 100)
    assert faults(main)[0].startswith("rules.yaml:2:10: include: all files together are larger th")
    monkeypatch.undo()
    read(main)
    monkeypatch.setattr(include, "MAX_NODES", 20)
    assert faults(main)[0].startswith("rules.yaml:2:10: include: all files together are larger th")


@pytest.mark.needs("root")
def test_what_cannot_be_read_is_an_error_and_never_left_out(tmp_path: Path) -> None:
    """Else a daemon with few rights would run with a part of the rules and say nothing."""
    main = write(tmp_path, main="version: 1\ninclude: rules.d/*.yaml\n", a=accepts("a", 1))
    secret = tmp_path / "rules.d"
    for path in [tmp_path, *tmp_path.parents][:-1]:
        path.chmod(path.stat().st_mode | 0o011)
    secret.chmod(0o700)
    os.seteuid(65534)
    try:
        assert faults(main) == [
            "rules.yaml:2:10: include: rules.d cannot be read: Permission denied"
        ]
    finally:
        os.seteuid(0)
    secret.chmod(0o755)
    (secret / "a.yaml").chmod(0o600)
    os.seteuid(65534)
    try:
        assert faults(main) == ["rules.d/a.yaml: cannot be read: Permission denied"]
    finally:
        os.seteuid(0)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    main = write(tmp_path, main="version: 1\ninclude: rules.d/*\n")
    (tmp_path / "rules.d/old").mkdir()
    assert faults(main) == ["rules.d/old: cannot be read: it is not a regular file"]


def test_the_tests_of_all_files_are_run(tmp_path: Path) -> None:
    test = (
        "tests: [{name: %s, chain: input, packet: {in: a, src: 1.2.3.4, dst: 1.2.3.5, dport: 1, "
        "proto: tcp}, expect: drop}]\n"
    )
    main = write(
        tmp_path,
        main="version: 1\ninclude: rules.d/*.yaml\n" + test % "one",
        a=test % "two",
    )
    tests = read(main).tests
    assert [(found.name, Path(found.file).name) for found in tests] == [
        ("one", "rules.yaml"),
        ("two", "a.yaml"),
    ]


def test_what_is_said_of_a_packet_names_the_included_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = write(
        tmp_path,
        main="version: 1\ninclude: rules.d/*.yaml\nfilter: {input: {policy: drop}}\n",
        web=f"# web\n{accepts('web', 80)}"
        "tests:\n  - name: web is closed\n    chain: input\n"
        "    packet: {in: lan0, src: 10.1.0.5, dst: 10.1.0.1, proto: tcp, dport: 80}\n"
        "    expect: drop\n",
    )
    web = tmp_path / "rules.d/web.yaml"
    packet = "in=lan0 src=10.1.0.5 dst=10.1.0.1 proto=tcp dport=80 flags=syn"
    command(["explain", "--rules", str(main), "--chain", "input", *packet.split()])
    assert "rules.d/web.yaml:2" in capsys.readouterr().out.replace("\n         ", "")
    assert command(["test", str(main)]) == 1
    out, err = capsys.readouterr()
    assert f"{web}:4" in out + err
    assert f"'web' ({web}:2)" in out + err


def test_what_an_included_file_names_is_relative_to_it(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="version: 1\ninclude: rules.d/*.yaml\n"
        "filter: {input: {rules: [{src: $bad, action: drop}]}}\n",
        a="sets: {bad: {type: address, file: bad.txt}}\n",
    )
    (tmp_path / "rules.d/bad.txt").write_text("192.0.2.1\n")
    assert [one.name for one in read(main).sets] == ["bad"]
    (tmp_path / "rules.d/bad.txt").write_text("192.0.2.1\n192.0.2.256\n")
    (fault,) = faults(main)
    assert fault.startswith("rules.d/bad.txt:2:")
    write(tmp_path, b="sets: {bad: {type: address}}\n")
    (tmp_path / "rules.d/bad.txt").write_text("192.0.2.1\n")
    (fault,) = faults(main)
    assert fault.startswith("rules.d/b.yaml:1:8: ")
    assert "rules.d/a.yaml:1" in fault
