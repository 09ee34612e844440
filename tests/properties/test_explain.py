"""explain tells the truth: the verdict is the data path's, and so is what is said of every rule."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.explain import NOT_THEN, Explainer
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.packet_octets import Talk, meta_of
from firewalld_py.policy.packet_words import PacketWords
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.verdicts import CONTINUE

INDEXES = {"lan0": 1, "wan0": 2}
NAMES = {index: name for name, index in INDEXES.items()}
A, B = bytes((10, 1, 0, 5)), bytes((10, 1, 0, 6))

# Each is right by itself; together they may be anything. Values are few, so that they meet.
CONDITIONS = {
    "in": ["lan0", "wan*"],
    "src": ["10.1.0.5", "[10.1.0.6, 10.1.0.7]"],
    "dst": ["10.1.0.6", "10.1.0.0/24"],
    "proto": ["tcp", "udp", "[tcp, udp]"],
    "mark": ["0x1", "[0x0, 0x2/0x2]"],
}
OF_FILTER = {
    "state": ["new", "[established, related]", "invalid", "untracked"],
    "connmark": ["0x1", "0x2/0x2"],
    "label": ["1", "[2, 3]"],
}
ACTIONS = ["accept", "drop", "[{mark: 0x2/0x2}, log]", "{mark: 0x1}"]
OF_RAW_ACTIONS = [*ACTIONS, "notrack", "{zone: 1}"]
OF_FILTER_ACTIONS = [*ACTIONS, "reject", "{connmark: 0x2/0x2}", "{label: 1}", "{label: [2, 3]}"]


def _rules(conditions: dict[str, list[str]], actions: list[str]) -> st.SearchStrategy[list[str]]:
    def text(chosen: tuple[list[tuple[str, str]], list[str], bool, str]) -> str:
        picked, negated, with_port, action = chosen
        said = dict(picked)
        if with_port:
            said["dport"] = "[80, 90-99]"
        plain = [f"{key}: {value}" for key, value in said.items() if key not in negated]
        below = [f"{key}: {value}" for key, value in said.items() if key in negated]
        inverted = [f"not: {{{', '.join(below)}}}"] if below else []
        return "{" + ", ".join([*plain, *inverted, f"action: {action}"]) + "}"

    pairs = [(key, value) for key, values in conditions.items() for value in values]
    return st.lists(
        st.tuples(
            st.lists(st.sampled_from(pairs), max_size=3),
            st.lists(st.sampled_from(["src", "proto", "state", "mark", "connmark"]), max_size=1),
            st.booleans(),
            st.sampled_from(actions),
        ).map(text),
        max_size=12,
    )


PACKETS = st.lists(
    st.builds(
        PacketWords,
        src=st.sampled_from([A, B]),
        dst=st.sampled_from([A, B]),
        protocol=st.sampled_from([6, 17]),
        in_interface=st.sampled_from(["", "lan0", "wan0"]),
        sport=st.sampled_from([80, 5000]),
        dport=st.sampled_from([80, 5000]),
        flags=st.sampled_from([0x02, 0x12, 0x10, 0x04, 0x29]),
        mark=st.sampled_from([0, 1, 3]),
    ),
    min_size=1,
    max_size=20,
)


def _what(decision: Decision) -> tuple[object, ...]:
    rule = None if decision.rule is None else decision.rule.name
    info = decision.info
    return (
        decision.verdict_name(), decision.reason, rule, decision.mark, info.state, info.reason,
        None if info.connection is None else (info.connection.mark, info.connection.labels()),
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    _rules(CONDITIONS, OF_RAW_ACTIONS),
    _rules({**CONDITIONS, **OF_FILTER}, OF_FILTER_ACTIONS),
    PACKETS,
)
def test_explain_and_the_data_path_say_the_same(
    raw: list[str], forward: list[str], packets: list[PacketWords]
) -> None:
    text = (
        f"version: 1\nraw: {{prerouting: [{', '.join(raw)}]}}\n"
        f"filter: {{forward: {{policy: drop, rules: [{', '.join(forward)}]}}}}\n"
    )
    policy, problems = parse_rules(text, "rules.yaml")
    if policy is None:  # together they mean nothing: two states that exclude each other, …
        assert problems
        return
    plan = compile_policy(policy, Config())
    firewalls = [Firewall(build_ruleset(plan), Conntrack(Settings())) for _ in range(2)]
    for firewall in firewalls:
        firewall.ruleset.interfaces.set_names(NAMES)
    plain, explained = firewalls
    explainer = Explainer(explained, policy, plan, NAMES)
    talk = Talk()
    for number, words in enumerate(packets):
        data, meta = talk.octets(words), meta_of(words, "forward", INDEXES)
        now = 1.0 + number
        explanation = explainer.handle(data, meta, now)
        assert _what(explanation.decision) == _what(plain.handle(data, meta, now))
        decided = [one for one in explanation.tried if one.met]
        assert all(
            one.condition and one.found != NOT_THEN for one in explanation.tried if not one.met
        )
        if explanation.decision.rule is not None:
            assert decided[-1].name == explanation.decision.rule.name
            assert explanation.tried[-1].met
        _all_rules_are_told(
            explained, [one.name for one in explanation.tried], explanation.decision
        )


def _all_rules_are_told(firewall: Firewall, told: list[str], decision: Decision) -> None:
    """In order, from the first of each chain; of the filter chain up to the one that decided."""
    raw = [rule.name for rule in firewall.ruleset.raw_prerouting.rules]
    forward = [rule.name for rule in firewall.ruleset.filter_forward.rules]
    of_raw = [name for name in told if name.startswith("raw/")]
    assert of_raw == raw[: len(of_raw)]
    if decision.chain.table == "raw":
        assert told == of_raw
        return
    of_forward = told[len(of_raw) :]
    end = len(forward) if decision.rule is None else forward.index(decision.rule.name) + 1
    assert of_forward == forward[:end]
    if len(of_raw) < len(raw):
        assert firewall.ruleset.raw_prerouting.rules[len(of_raw) - 1].verdict != CONTINUE
