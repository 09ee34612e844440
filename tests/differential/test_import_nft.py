"""What is imported from nftables judges as nftables does, packet for packet, in the real kernel."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from random import Random
from typing import Final

import pytest

from firewalld_py.imports.document import make_document
from firewalld_py.imports.nft import FROM_NFT, import_nft
from firewalld_py.imports.nft_file import read_nft
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.rules.verdicts import ACCEPT
from tests.differential.iptables_rules import packets
from tests.differential.kernel import KernelJudge, run
from tests.differential.nft_rules import rule_set
from tests.differential.test_import import Namespace, our_firewall
from tests.differential.test_tracking_rules import hops_of, with_hops

RULE_SETS: Final = int(os.environ.get("IMPORT_RULE_SETS", "60"))
PACKETS: Final = 60


def load(namespace: Namespace, tables: list[str]) -> str:
    """Put tables into the kernel beside those of the judge; what nft says of them, without its."""
    nft = namespace.command("nft")
    for family in ("ip", "ip6", "inet"):
        for number in (0, 1):
            run([*nft, "-f", "-"], f"table {family} t{number}\ndelete table {family} t{number}\n")
    for table in tables:
        run([*nft, "-f", "-"], table)
    done = subprocess.run([*nft, "-j", "list", "ruleset"], check=True, capture_output=True)
    listed = json.loads(done.stdout)["nftables"]
    own = [one for one in listed if "judge" not in (_table(one), _name(one))]
    return json.dumps({"nftables": own})


def _table(one: dict[str, dict[str, object]]) -> object:
    return next(iter(one.values())).get("table")


def _name(one: dict[str, dict[str, object]]) -> object:
    return one.get("table", {}).get("name")


@pytest.mark.needs("conntrack")
def test_random_rule_sets_of_nftables_judge_as_the_kernel_does() -> None:
    namespace = Namespace()
    whole = differing = accepted = judged = 0
    first = ""
    reasons: Counter[str] = Counter()
    with KernelJudge(namespace.keep) as kernel:
        for seed in range(RULE_SETS):
            rng = Random(seed)
            tables = rule_set(rng)
            listed = load(namespace, tables)
            text, left = make_document([import_nft(read_nft(listed))], [FROM_NFT])
            reasons.update(one.reason for one in left)
            if not all(one.nearly for one in left):
                continue
            whole += 1
            kernel.flush()
            firewall = our_firewall(text)
            for at, data in enumerate(packets(rng, PACKETS)):
                _, passes = kernel.judge(data)
                seen = with_hops(data, hops_of(data) - 1)  # as FORWARD sees it
                decision = firewall.handle(seen, PacketMeta(in_index=1, out_index=2), at * 0.001)
                judged += 1
                accepted += passes
                if passes != (decision.verdict == ACCEPT):
                    differing += 1
                    rule = decision.rule.line if decision.rule else "policy"
                    first = first or (
                        f"seed {seed} packet {at} {data.hex()}: kernel {passes}, ours by {rule}\n"
                        f"{''.join(tables)}\n{text}"
                    )
                    break
    os.close(namespace.descriptor)
    print(
        f"{whole} rule sets, {judged} packets, {accepted} accepted, {differing} differ;",
        reasons.most_common(8),
    )
    assert not differing, f"{differing} of {whole} rule sets: {first}"
    assert whole > RULE_SETS // 2
    assert judged // 10 < accepted < judged - judged // 10
