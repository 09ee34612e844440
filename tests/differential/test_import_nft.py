"""What is imported from nftables judges as nftables does, packet for packet, in the real kernel."""

from __future__ import annotations

import json
import os
import subprocess
from random import Random
from typing import Final

import pytest

from firewalld_py.imports.document import make_document
from firewalld_py.imports.nft import FROM_NFT, import_nft
from firewalld_py.imports.nft_file import read_nft
from tests.differential.imported import Rounds
from tests.differential.iptables_rules import packets
from tests.differential.kernel import KernelJudge, run
from tests.differential.nft_rules import rule_set
from tests.differential.test_import import Namespace, our_firewall

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
    with KernelJudge(namespace.keep) as kernel:
        rounds = Rounds(kernel)
        for seed in range(RULE_SETS):
            rng = Random(seed)
            tables = rule_set(rng)
            listed = load(namespace, tables)
            text, left = make_document([import_nft(read_nft(listed))], [FROM_NFT])
            if rounds.is_whole(left):
                shown = f"seed {seed}\n{''.join(tables)}\n{text}"
                rounds.compare(our_firewall(text), packets(rng, PACKETS), shown)
    os.close(namespace.descriptor)
    rounds.conclude(RULE_SETS)
